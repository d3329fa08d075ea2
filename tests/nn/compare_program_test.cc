#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

class CompareProgram : public testing::Test {
 protected:
  void SetUp() override {
    std::string text;
    for (int i = 0; i < 60; ++i) {
      text += "the cat sat on the mat.\n";
    }
    workspace_.write("text.txt", text);
  }

  /// A comparison that takes a moment.
  static Words words(const Words& more) {
    Words all{"compare", "lm",       "--store", "s.db",    "--threads", "2",         "--quiet",
              "--text",  "text.txt", "--steps", "4",       "--layers",  "1",         "--width",
              "16",      "--heads",  "2",       "--batch", "4",         "--context", "8"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Json json_of(const Words& arguments) const {
    Words with_json = arguments;
    with_json.emplace_back("--json");
    const RunResult result = workspace_.moest(with_json);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.status == 0 ? Json::parse(result.out) : Json();
  }

  Workspace workspace_;
};

TEST_F(CompareProgram, RunsEachRouterWithEachSeedAndPairsThem) {
  const Words routers{"--routers", "linear,none", "--seeds",
                      "2",         "--routers",   "soft=dense_to_sparse --temperature 3"};
  const Json json = json_of(words(routers));
  EXPECT_EQ(json.at("num_run"), 6);
  EXPECT_EQ(json.at("num_missing"), 0);
  EXPECT_EQ(json.at("value"), "validation_bits_per_character");
  ASSERT_EQ(json.at("contestants").size(), 3U);
  const Json& soft = json["contestants"][2];
  EXPECT_EQ(soft.at("name"), "soft");
  EXPECT_EQ(soft.at("difference").at("num_seeds"), 2);
  EXPECT_GT(soft.at("routing").at("load_entropy").get<double>(), 0);
  EXPECT_TRUE(json["contestants"][1].at("routing").is_null()) << "a dense network routes nothing";
  EXPECT_FALSE(std::filesystem::exists(workspace_.path("s.db.runs")))
      << "what is in the store needs no folder";
  const RunResult table = workspace_.moest({"compare", "report", "s.db"});
  EXPECT_THAT(table.out, AllOf(HasSubstr("difference to linear"), HasSubstr("soft"), HasSubstr("4 steps")));
  if (std::system("gnuplot --version > /dev/null 2>&1") == 0) {
    EXPECT_EQ(workspace_.moest({"compare", "report", "s.db", "--output", "report"}).status, 0);
    EXPECT_TRUE(std::filesystem::is_regular_file(workspace_.path("report") / "index.html"));
  }
}

TEST_F(CompareProgram, RefusesWhatNoRunTakes) {
  const auto refusal = [&](const Words& more) {
    const RunResult result = workspace_.moest(words(more));
    EXPECT_EQ(result.status, 2) << result.out;
    return result.err;
  };
  EXPECT_THAT(refusal({"--routers", "linear", "--stepz", "5"}), HasSubstr("--stepz"));
  EXPECT_THAT(refusal({"--routers", "linaer"}), HasSubstr("Did you mean `linear`?"));
  EXPECT_THAT(refusal({"--routers", "linear", "--seed", "4"}), HasSubstr("--seed is not for all runs"));
  EXPECT_THAT(refusal({"--routers", "linear", "--reference", "cosine"}), HasSubstr("cosine is not compared"));
  EXPECT_EQ(workspace_.moest({"compare", "report", "none.db"}).status, 2);
}

}  // namespace
}  // namespace moest
