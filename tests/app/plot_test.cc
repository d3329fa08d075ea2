#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Words = std::vector<std::string>;

bool has_gnuplot() { return std::system("command -v gnuplot >/dev/null") == 0; }

class Plot : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_gnuplot()) {
      GTEST_SKIP() << "gnuplot is not installed";
    }
    workspace_.write("one.json", model({"x"}, "[3.0]", "[2.0, 0.0]"));
    workspace_.write("two.json", model({"x", "u"}, "[3.0, 1.0]", "[2.0, 0.0, 1.0]"));
    std::vector<std::vector<double>> rows;
    for (int i = 0; i < 60; ++i) {
      const double x = 0.05 * i - 1.5;
      rows.push_back({x, 0.1 * ((i * 7) % 11), x < 0 ? 1 - x : 2 * x, 0.2 * ((i * 5) % 7)});
    }
    workspace_.write("data.csv", csv("x,u,y,v", rows));
  }

  static std::string model(const Words& inputs, const std::string& gate, const std::string& expert) {
    const nlohmann::ordered_json names = inputs;
    const std::string atom = "\"gate\": " + gate + ", \"expert\": " + expert + "}";
    return R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"}, "inputs": )" +
           names.dump() + R"(, "target": "y", "atoms": [{"bias": 1, )" + atom + R"(, {"bias": -1, )" + atom +
           "]}";
  }

  std::string picture(const std::string& file, const std::string& name, const Words& more = {}) const {
    Words words{"plot", file, "data.csv", "--output", name};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = workspace_.moest(words);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out + result.err, "");
    return workspace_.read(name);
  }

  Workspace workspace_;
};

TEST_F(Plot, DrawsEveryFormat) {
  EXPECT_THAT(picture("one.json", "a.svg"), AllOf(HasSubstr("<svg"), HasSubstr("</svg>")));
  EXPECT_THAT(picture("one.json", "a.SVG"), HasSubstr("</svg>"));
  EXPECT_THAT(picture("one.json", "a.png"), StartsWith("\x89PNG"));
  EXPECT_THAT(picture("one.json", "a.pdf"), AllOf(StartsWith("%PDF"), HasSubstr("%%EOF")));
  EXPECT_THAT(workspace_.files(),
              ElementsAre("a.SVG", "a.pdf", "a.png", "a.svg", "data.csv", "one.json", "two.json"));
}

TEST_F(Plot, DrawsEveryKindForOneInput) {
  EXPECT_THAT(picture("one.json", "fit.svg"), AllOf(HasSubstr("gate weight"), HasSubstr("expert 2"),
                                                    HasSubstr(">fit<"), HasSubstr(">data<")));
  EXPECT_THAT(picture("one.json", "gate.svg", {"--kind", "gate"}),
              AllOf(HasSubstr("gate weight"), Not(HasSubstr(">data<"))));
  EXPECT_THAT(picture("one.json", "residuals.svg", {"--kind", "residuals"}), HasSubstr("residual"));
}

TEST_F(Plot, DrawsTheEffectOfEachInput) {
  EXPECT_THAT(picture("two.json", "effects.svg", {"--kind", "effects"}),
              AllOf(HasSubstr("mean y with one input moved"), HasSubstr(">x<"), HasSubstr(">u<")));
  // It needs no target, and ensembles have effects too.
  workspace_.write("inputs.csv", "x,u\n0,1\n1,2\n2,2\n");
  workspace_.write("ensemble.json", R"({"moest_model": 1, "members": [)" + workspace_.read("two.json") + "," +
                                        workspace_.read("two.json") + "]}");
  const RunResult result = workspace_.moest(
      {"plot", "ensemble.json", "inputs.csv", "--kind", "effects", "--output", "ensemble.svg"});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(Plot, DrawsFittedAgainstObservedForSeveralInputs) {
  EXPECT_THAT(picture("two.json", "fit.svg"), AllOf(HasSubstr("observed y"), HasSubstr("fitted y")));
  EXPECT_THAT(picture("two.json", "residuals.svg", {"--kind", "residuals"}), HasSubstr("fitted y"));
}

TEST_F(Plot, DrawsGateWeightsAsColoursOverTwoInputs) {
  EXPECT_THAT(
      picture("two.json", "gate.svg", {"--kind", "gate"}),
      AllOf(HasSubstr(">x<"), HasSubstr(">u<"), HasSubstr("expert 2"), Not(HasSubstr("their means"))));
  workspace_.write("three.json", model({"x", "u", "v"}, "[3.0, 1.0, 0.0]", "[2.0, 0.0, 1.0, 0.0]"));
  EXPECT_THAT(picture("three.json", "three.svg", {"--kind", "gate"}),
              HasSubstr("the other inputs at their means"));
}

TEST_F(Plot, DrawsConstantAndSingleValues) {
  workspace_.write("data.csv", "x,y\n1,5\n2,5\n3,5\n");
  EXPECT_THAT(picture("one.json", "a.svg"), HasSubstr("</svg>"));
  workspace_.write("data.csv", "x,y\n1,5\n");
  EXPECT_THAT(picture("one.json", "b.svg"), HasSubstr("</svg>"));
  EXPECT_THAT(picture("one.json", "c.svg", {"--kind", "residuals"}), HasSubstr("</svg>"));
}

TEST_F(Plot, KeepsPicturesOfLargeTablesSmall) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 60000; ++i) {
    rows.push_back({1e-5 * i, 2e-5 * i});
  }
  workspace_.write("data.csv", csv("x,y", rows));
  const std::string svg = picture("one.json", "a.svg");
  EXPECT_LT(svg.size(), 4'000'000u);
  EXPECT_THAT(svg, HasSubstr("data (one in 3)"));
}

TEST_F(Plot, RunsNothingThatStandsInANameOfAColumn) {
  const std::string name = "`touch harm`'\"$(touch harm)\nsystem 'touch harm'";
  workspace_.write("hostile.json", model({name}, "[3.0]", "[2.0, 0.0]"));
  std::string quoted = name;
  quoted.replace(quoted.find('"'), 1, "\"\"");
  workspace_.write("data.csv", "\"" + quoted + "\",y\n1,5\n2,6\n3,5\n");
  EXPECT_THAT(picture("hostile.json", "a.svg"), HasSubstr("touch harm"));
  EXPECT_THAT(workspace_.files(), Not(testing::Contains("harm")));
}

TEST_F(Plot, SaysThatGnuplotIsMissingAndWritesNothing) {
  const RunResult result = workspace_.run(
      {"bash", "-c", "PATH=/nowhere \"$0\" plot one.json data.csv --output a.svg", MOEST_PROGRAM});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot draw a.svg"), HasSubstr("gnuplot-nox")));
  EXPECT_THAT(workspace_.files(), Not(testing::Contains("a.svg")));
}

TEST_F(Plot, DrawsTheMeasuredLatencies) {
  const std::string data = std::string(MOEST_SOURCE_DIR) + "/data/memory_latency.csv";
  ASSERT_EQ(workspace_
                .moest({"fit", data, "--inputs", "log2_bytes", "--target", "log2_latency", "--experts", "4",
                        "--starts", "4", "--output", "model.json"})
                .status,
            0);
  ASSERT_EQ(workspace_.moest({"plot", "model.json", data, "--output", "a.svg"}).status, 0);
  EXPECT_THAT(workspace_.read("a.svg"), AllOf(HasSubstr("log2_latency"), HasSubstr("expert 4")));
}

}  // namespace
}  // namespace moest
