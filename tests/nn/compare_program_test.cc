#include <gmock/gmock.h>

#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "moest/base/random.h"
#include "tests/app/run_program.h"
#include "tests/nn/idx_file.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

/// The processes that run in a folder.
std::vector<pid_t> processes_in(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::vector<pid_t> processes;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code ended;
    const fs::path place = fs::read_symlink(entry.path() / "cwd", ended);
    if (!ended && place == fs::canonical(folder)) {
      processes.push_back(std::stoi(entry.path().filename().string()));
    }
  }
  return processes;
}

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
  /// Pictures of noise in the folder `mnist`, always the same for a seed.
  void write_pictures(std::uint64_t seed) const {
    constexpr int kNumImages = 90;
    constexpr int kSide = 8;
    Stream stream(seed, 0, "test: images of noise");
    std::vector<std::uint8_t> pixels, labels;
    for (int i = 0; i < kNumImages * kSide * kSide; ++i) {
      pixels.push_back(static_cast<std::uint8_t>(stream.below(256)));
    }
    for (int i = 0; i < kNumImages; ++i) {
      labels.push_back(static_cast<std::uint8_t>(i % 10));
    }
    std::filesystem::create_directories(workspace_.path("mnist"));
    workspace_.write("mnist/train-images-idx3-ubyte", nn::idx({kNumImages, kSide, kSide}, pixels));
    workspace_.write("mnist/train-labels-idx1-ubyte", nn::idx({kNumImages}, labels));
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
  EXPECT_THAT(table.out, AllOf(HasSubstr("difference to linear"), HasSubstr("soft"), HasSubstr(" 4 steps.")));
  const Json against_soft = json_of({"compare", "report", "s.db", "--reference", "soft"});
  EXPECT_EQ(against_soft.at("reference"), "soft");
  EXPECT_TRUE(against_soft["contestants"][2].at("difference").is_null());
  EXPECT_NEAR(against_soft["contestants"][0].at("difference").at("mean").get<double>(),
              -soft.at("difference").at("mean").get<double>(), 1e-12);
  const RunResult unknown = workspace_.moest({"compare", "report", "s.db", "--reference", "cosine"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("reference = cosine is unknown"));
  if (std::system("gnuplot --version > /dev/null 2>&1") == 0) {
    EXPECT_EQ(workspace_.moest({"compare", "report", "s.db", "--output", "report"}).status, 0);
    EXPECT_TRUE(std::filesystem::is_regular_file(workspace_.path("report") / "index.html"));
  }
}

TEST_F(CompareProgram, LeavesOutDomainsOfOneSetOfPictures) {
  write_pictures(1);
  Words domains{"compare",     "domain",    "--store",   "d.db",        "--threads", "2",       "--quiet",
                "--data",      "mnist",     "--kind",    "coloured",    "--steps",   "3",       "--layers",
                "1",           "--width",   "8",         "--heads",     "2",         "--batch", "6",
                "--leave-out", "+90%,+80%", "--routers", "linear,none", "--seeds",   "2"};
  const Json json = json_of(domains);
  EXPECT_EQ(json.at("value"), "mean_accuracy");
  EXPECT_EQ(json.at("num_run"), 4);
  for (const Json& contestant : json.at("contestants")) {
    EXPECT_EQ(contestant.at("num_runs"), 2);
    EXPECT_EQ(contestant.at("min_steps"), 6);
    EXPECT_EQ(contestant.at("max_steps"), 6);
  }
  const Words report{"compare", "report", "d.db"};
  EXPECT_THAT(workspace_.moest(report).out,
              testing::ContainsRegex("All\\s+runs\\s+made\\s+6\\s+steps\\s+over\\s+all\\s+domains"));
  write_pictures(2);
  domains.back() = "3";
  const RunResult refused = workspace_.moest(domains);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("seed 3 had other data"), HasSubstr("d.db.runs")));
  EXPECT_EQ(json_of(report)["contestants"][0].at("num_runs"), 2) << "what was there stays";
}

TEST_F(CompareProgram, LeavesNoRunBehindWhenItIsKilled) {
  Words endless = words({"--routers", "linear", "--seeds", "1"});
  endless[10] = "100000000";
  BackgroundRun run(workspace_, endless);
  while (workspace_.read("s.db.runs/linear seed 1/training/log.jsonl").empty()) {
    usleep(10'000);
  }
  run.send(SIGKILL);
  EXPECT_EQ(run.result().status, -1 - SIGKILL);
  std::vector<pid_t> left = processes_in(workspace_.path(""));
  for (int i = 0; i < 500 && !left.empty(); ++i) {
    usleep(10'000);
    left = processes_in(workspace_.path(""));
  }
  EXPECT_THAT(left, IsEmpty());
  for (const pid_t process : left) {
    ::kill(process, SIGKILL);
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
  EXPECT_THAT(refusal({"--routers", "linear", "--reference", "cosine"}),
              HasSubstr("reference = cosine is unknown"));
  EXPECT_EQ(workspace_.moest({"compare", "report", "none.db"}).status, 2);
}

}  // namespace
}  // namespace moest
