#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

class Compare : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::vector<double>> rows;
    for (int i = 0; i < 120; ++i) {
      const double x = std::sin(1.7 * i) * 2;
      const double noise = 0.1 * std::sin(12.9898 * i * i);
      rows.push_back({x, std::cos(2.3 * i), (x < 0 ? 1 - x : 1 + 2 * x) + noise});
    }
    workspace_.write("data.csv", csv("x,u,y", rows));
  }

  static Words words(const Words& more) {
    Words all{"compare",   "data.csv", "--target", "y", "--folds",        "3",
              "--experts", "1..2,4",   "--starts", "2", "--expert-kinds", "linear"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Json json(const Words& more) const {
    Words all = words(more);
    all.insert(all.end(), {"--json", "--quiet"});
    const RunResult result = workspace_.moest(all);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return Json::parse(result.out);
  }

  Workspace workspace_;
};

TEST_F(Compare, TellsWhatIsBestAndWhetherAMixtureIsWorthIt) {
  const RunResult result = workspace_.moest(words({"--output", "best.json"}));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("softmax, linear"), HasSubstr("nearest neighbours"),
                                HasSubstr("Best by cross-validation"), HasSubstr("below that"),
                                HasSubstr("moest fit data.csv --target y --expert linear --experts ")));
  // The command that it prints is one that fits.
  const auto begin = result.out.find("moest fit ") + 6;
  const std::string command = result.out.substr(begin, result.out.find('\n', begin) - begin);
  std::istringstream stream(command);
  Words fit{std::istream_iterator<std::string>(stream), {}};
  fit.emplace_back("--dry-run");
  EXPECT_EQ(workspace_.moest(fit).status, 0) << command;
  EXPECT_EQ(workspace_.moest({"predict", "best.json", "data.csv"}).status, 0);
}

TEST_F(Compare, HasTheFieldsThatScriptsRelyOn) {
  const Json document = json({});
  EXPECT_EQ(document["command"], "compare");
  ASSERT_EQ(document["rows"].size(), 3U);
  for (const Json& row : document["rows"]) {
    for (const char* field :
         {"gate", "expert", "experts", "test_rmse", "test_rmse_se", "train_rmse", "seconds"}) {
      EXPECT_TRUE(row.contains(field)) << field;
    }
    EXPECT_EQ(row["gate"], "softmax");
    EXPECT_EQ(row["expert"], "linear");
  }
  for (const char* field : {"gate", "expert", "experts", "ridge", "ensemble", "cv_rmse", "test_rmse"}) {
    EXPECT_TRUE(document["best"].contains(field)) << field;
  }
  for (const char* name : {"mean", "linear", "nearest_neighbours"}) {
    EXPECT_GT(document["baselines"][name]["test_rmse"], 0) << name;
  }
  EXPECT_LT(document["best"]["test_rmse"], document["baselines"]["linear"]["test_rmse"]);
}

TEST_F(Compare, TakesSeveralTargetsAndTheirStore) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 120; ++i) {
    const double x = std::sin(1.7 * i) * 2;
    rows.push_back({x, x < 0 ? 1 - x : 1 + 2 * x, 100 * x + 20 * std::sin(12.9898 * i * i)});
  }
  workspace_.write("data.csv", csv("x,y,power", rows));
  const Words two{"compare",        "data.csv", "--target", "y,power", "--folds", "3",
                  "--experts",      "1..2",     "--starts", "2",       "--store", "s.store",
                  "--expert-kinds", "linear",   "--output", "m.json"};
  const RunResult first = workspace_.moest(two);
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.out,
              AllOf(HasSubstr("in standard deviations of the targets"), HasSubstr("in its own unit"),
                    HasSubstr("moest fit data.csv --target y,power ")));
  Words again = two;
  again.insert(again.end(), {"--json", "--quiet"});
  const Json json = Json::parse(workspace_.moest(again).out);
  EXPECT_NEAR(json["best"]["by_target"]["power"]["test_rmse"].get<double>(), 14, 4);
  EXPECT_LT(json["best"]["by_target"]["y"]["test_rmse"].get<double>(), 1);
  EXPECT_EQ(workspace_.moest({"predict", "m.json", "data.csv"}).status, 0);
}

TEST_F(Compare, JudgesByTheTestRows) {
  workspace_.write("rows.txt", "0\n7\n8\n119\n");
  const Json document = json({"--test-rows", "rows.txt", "--output", "best.json"});
  EXPECT_NE(document["best"]["test_rmse"], document["best"]["cv_rmse"]);
  // By hand, from what the best model says of those rows.
  const RunResult predicted = workspace_.moest({"predict", "best.json", "data.csv", "--quiet"});
  const auto predictions = fields_of(predicted.out);
  const auto data = fields_of(workspace_.read("data.csv"));
  double sum = 0;
  for (const std::size_t row : {0U, 7U, 8U, 119U}) {
    sum += std::pow(std::stod(predictions[row + 1][0]) - std::stod(data[row + 1][2]), 2) / 4;
  }
  EXPECT_NEAR(document["best"]["test_rmse"].get<double>(), std::sqrt(sum), 1e-9);
  workspace_.write("rows.txt", "0\n500\n");
  const RunResult beyond = workspace_.moest(words({"--test-rows", "rows.txt"}));
  EXPECT_THAT(beyond.err, HasSubstr("1 of 2 test rows"));
}

TEST_F(Compare, GoesOnWhereItWasKilled) {
  Json whole = json({});
  json({"--store", "all.store"});
  // As if killed: some lines, and a part of one.
  const std::string store = workspace_.read("all.store");
  std::size_t end = 0;
  for (int line = 0; line < 6; ++line) {
    end = store.find('\n', end) + 1;
  }
  workspace_.write("part.store", store.substr(0, end + 10));
  Json rest = json({"--store", "part.store"});
  for (Json* document : {&whole, &rest}) {
    document->erase("seconds");
    for (Json& row : (*document)["rows"]) {
      row.erase("seconds");
    }
    (*document)["best"].erase("seconds");
    (*document)["simplest"].erase("seconds");
  }
  EXPECT_EQ(rest, whole);
  // The same scores, in whatever order they came.
  const auto lines_of = [](const std::string& text) {
    std::istringstream stream(text);
    std::set<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
      lines.insert(line.substr(0, line.find("\"seconds\"")));
    }
    return lines;
  };
  EXPECT_EQ(lines_of(workspace_.read("part.store")), lines_of(store));
  const RunResult other = workspace_.moest(words({"--store", "all.store", "--seed", "5"}));
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("another comparison"));
}

TEST_F(Compare, EndsAtAnInterruptWithWhatItHas) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 4000; ++i) {
    rows.push_back({std::sin(1.7 * i), std::cos(2.3 * i), std::sin(9.1 * i * i)});
  }
  workspace_.write("long.csv", csv("x,u,y", rows));
  BackgroundRun run(workspace_,
                    {"compare", "long.csv", "--target", "y", "--experts", "1,12", "--store", "store"});
  while (workspace_.read("store").find("held_out") == std::string::npos) {
    ::usleep(20'000);
  }
  run.send(SIGINT);
  const RunResult result = run.result();
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("goes on where it stopped"));
  EXPECT_THAT(result.out, HasSubstr("interrupted"));
}

TEST_F(Compare, DrawsTheErrors) {
  if (std::system("command -v gnuplot >/dev/null") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  json({"--picture", "errors.svg"});
  EXPECT_THAT(workspace_.read("errors.svg"),
              AllOf(HasSubstr("softmax, linear"), HasSubstr("nearest neighbours"), HasSubstr("experts"),
                    HasSubstr("> 0.2<"), HasSubstr("root mean squared error of y")));
}

// What --help calls an option of fit is one here.
TEST_F(Compare, GivesKindsTheirOwnOptions) {
  const RunResult result =
      workspace_.moest({"compare", "data.csv", "--target", "y", "--gates", "softmax,perturbed_cosine",
                        "--expert-kinds", "polynomial", "--degree", "3", "--tau1", "0.3", "--experts", "2",
                        "--folds", "2", "--starts", "1", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_FALSE(document["rows"][0]["gate_options"].contains("tau1"));
  EXPECT_EQ(document["rows"][1]["gate_options"]["tau1"], 0.3);
  EXPECT_EQ(document["rows"][1]["expert_options"]["degree"], 3);
}

TEST_F(Compare, AndFitTakeWeightsAndShrink) {
  const RunResult shrunk =
      workspace_.moest({"fit", "data.csv", "--target", "y", "--experts", "3", "--ridge", "0.2", "--ensemble",
                        "3", "--weights-column", "u", "--inputs", "x", "--output", "ensemble.json"});
  EXPECT_EQ(shrunk.status, 2) << "u has negative numbers";
  EXPECT_THAT(shrunk.err, HasSubstr("negative weight"));
  const RunResult fit =
      workspace_.moest({"fit", "data.csv", "--target", "y", "--expert", "tanh", "--output-weight",
                        "--experts", "5", "--ridge", "0.01", "--ensemble", "3", "--output", "ensemble.json"});
  EXPECT_EQ(fit.status, 0) << fit.err;
  EXPECT_THAT(fit.out, AllOf(HasSubstr("effective parameters"), HasSubstr("ridge"),
                             HasSubstr("distinct optima"), Not(HasSubstr("std. error"))));
  EXPECT_TRUE(workspace_.read_json("ensemble.json").contains("members"));
  EXPECT_THAT(workspace_.moest({"describe", "ensemble.json"}).out, HasSubstr("ensemble of"));
  EXPECT_EQ(workspace_.moest({"predict", "ensemble.json", "data.csv"}).status, 0);
  const RunResult weights = workspace_.moest({"predict", "ensemble.json", "data.csv", "--weights"});
  EXPECT_EQ(weights.status, 2);
  EXPECT_THAT(weights.err, HasSubstr("ensemble"));
  const RunResult plot = workspace_.moest({"plot", "ensemble.json", "data.csv", "--output", "plot.svg"});
  EXPECT_EQ(plot.status, 2);
  EXPECT_THAT(plot.err, HasSubstr("single model"));
}

}  // namespace
}  // namespace moest
