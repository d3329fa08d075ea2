#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "moest/base/random.h"
#include "tests/app/run_program.h"
#include "tests/nn/idx_file.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::ordered_json;

constexpr int kNumImages = 90;
constexpr int kSide = 8;

/// Runs in a folder where `mnist` has images of noise.
class DomainProgram : public testing::Test {
 protected:
  void SetUp() override {
    Stream stream(2024, 0, "test: images of noise");
    std::vector<std::uint8_t> pixels;
    std::vector<std::uint8_t> labels;
    for (int i = 0; i < kNumImages; ++i) {
      labels.push_back(static_cast<std::uint8_t>(stream.below(10)));
      for (int j = 0; j < kSide * kSide; ++j) {
        pixels.push_back(static_cast<std::uint8_t>(stream.below(256)));
      }
    }
    std::filesystem::create_directory(workspace_.path("mnist"));
    workspace_.write("mnist/train-images-idx3-ubyte", nn::idx({kNumImages, kSide, kSide}, pixels));
    workspace_.write("mnist/train-labels-idx1-ubyte", nn::idx({kNumImages}, labels));
  }

  /// Arguments of a run that takes a moment.
  static std::vector<std::string> brief_run(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"domain",    "run", "--data",   "mnist", "--output",         "run",
                                       "--steps",   "6",   "--layers", "1",     "--width",          "8",
                                       "--heads",   "2",   "--batch",  "6",     "--evaluate-every", "3",
                                       "--threads", "1",   "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Json json_of(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const RunResult result = workspace_.moest(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.status == 0 ? Json::parse(result.out) : Json();
  }

  Workspace workspace_;
};

TEST_F(DomainProgram, LeavesOutEachAngleInTurn) {
  const Json json = json_of(brief_run({"--router", "perturbed_cosine"}));
  EXPECT_EQ(json.at("router"), "perturbed_cosine");
  EXPECT_EQ(json.at("kind"), "rotated");
  EXPECT_EQ(json.at("status"), "finished");
  std::vector<std::string> names;
  double sum = 0, validation_sum = 0;
  for (const Json& domain : json.at("domains")) {
    names.push_back(domain.at("domain"));
    sum += domain.at("accuracy").get<double>();
    validation_sum += domain.at("validation_accuracy").get<double>();
    EXPECT_EQ(domain.at("steps"), 6);
    for (const std::string field : {"validation_accuracy", "final_accuracy", "load_shift", "seconds"}) {
      EXPECT_TRUE(domain.at(field).is_number()) << field;
    }
    EXPECT_FALSE(workspace_.read("run/without_" + names.back() + "/log.jsonl").empty());
  }
  EXPECT_THAT(names, ElementsAre("0", "15", "30", "45", "60", "75"));
  EXPECT_NEAR(json.at("mean_accuracy").get<double>(), sum / 6, 1e-12);
  EXPECT_NEAR(json.at("mean_validation_accuracy").get<double>(), validation_sum / 6, 1e-12);
  EXPECT_EQ(json.at("steps"), 36) << "of all trainings together";
  EXPECT_GT(json.at("num_active_parameters"), 0);
  EXPECT_GT(json.at("num_parameters"), json.at("num_active_parameters"));
  EXPECT_GT(json.at("seconds"), 0);
}

TEST_F(DomainProgram, TellsWhichDataItHad) {
  const Json one = json_of(brief_run({"--leave-out", "30"}));
  EXPECT_EQ(one.at("data"), std::filesystem::canonical(workspace_.path("mnist")).string());
  EXPECT_EQ(workspace_.read_json("run/run.json").at("data"), one.at("data"));
  std::vector<std::string> with_another_seed = brief_run({"--leave-out", "30", "--seed", "8"});
  with_another_seed[5] = "other";
  EXPECT_EQ(json_of(with_another_seed).at("data_fingerprint"), one.at("data_fingerprint"));
  with_another_seed[5] = "third";
  std::string images = workspace_.read("mnist/train-images-idx3-ubyte");
  images.back() ^= 1;
  workspace_.write("mnist/train-images-idx3-ubyte", images);
  EXPECT_NE(json_of(with_another_seed).at("data_fingerprint"), one.at("data_fingerprint"));
}

TEST_F(DomainProgram, PrintsATableWithTheMean) {
  const RunResult result =
      workspace_.moest(brief_run({"--kind", "coloured", "--leave-out", "-90%,+80%", "--router", "laplace"}));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(result.out, AllOf(HasSubstr("3 (coloured), 30 images of 8 x 8"), HasSubstr("Router: laplace"),
                                HasSubstr("left out  accuracy  validation"), HasSubstr("\n  -90% "),
                                HasSubstr("\n  +80% "), HasSubstr("\n  mean "), Not(HasSubstr("+90%"))));
}

TEST_F(DomainProgram, HasADenseNetworkForComparison) {
  const Json json = json_of(brief_run({"--dense", "--leave-out", "30"}));
  EXPECT_EQ(json.at("router"), "none");
  EXPECT_EQ(json.at("num_parameters"), json.at("num_active_parameters"));
  EXPECT_TRUE(json.at("domains").front().at("load_shift").is_null());
}

TEST_F(DomainProgram, GoesOnWithWhatItWasBegunWith) {
  const Json whole = json_of(brief_run({"--router", "sigmoid", "--seed", "9", "--leave-out", "15,45"}));
  std::vector<std::string> limited =
      brief_run({"--router", "sigmoid", "--seed", "9", "--leave-out", "15,45", "--max-seconds", "0.001"});
  limited[5] = "part";
  EXPECT_EQ(json_of(limited).at("status"), "time_limit");
  const Json rest = json_of({"domain", "run", "--output", "part", "--resume", "--threads", "1", "--quiet"});
  EXPECT_EQ(rest.at("status"), "finished");
  EXPECT_EQ(rest.at("router"), "sigmoid");
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rest.at("domains").at(i).at("final_accuracy"), whole.at("domains").at(i).at("final_accuracy"));
  }
  const RunResult other =
      workspace_.moest({"domain", "run", "--output", "part", "--resume", "--router", "cosine", "--quiet"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("router"), HasSubstr("sigmoid"), HasSubstr("cosine")));
}

TEST_F(DomainProgram, SaysThatItWasInterrupted) {
  std::vector<std::string> endless = brief_run({"--json"});
  endless[7] = "100000000";
  BackgroundRun run(workspace_, endless);
  while (workspace_.read("run/without_0/log.jsonl").empty()) {
    usleep(10'000);
  }
  run.send(SIGINT);
  const RunResult result = run.result();
  EXPECT_EQ(result.status, 3) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json.at("status"), "interrupted");
  EXPECT_EQ(json.at("domains").size(), 1U);
  EXPECT_TRUE(json.at("mean_accuracy").is_null());
}

TEST_F(DomainProgram, RefusesAFolderThatHoldsARun) {
  workspace_.moest(brief_run({"--leave-out", "30"}));
  const RunResult result = workspace_.moest(brief_run({"--leave-out", "30"}));
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("run holds a run already"), HasSubstr("--resume")));
}

struct BadInput {
  std::string name;
  std::vector<std::string> arguments;
  std::vector<std::string> words;
};

class DomainBadInput : public DomainProgram, public testing::WithParamInterface<BadInput> {};

TEST_P(DomainBadInput, EndsWithStatus2AndAHelpfulMessage) {
  std::vector<std::string> arguments{"domain", "run", "--output", "run"};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  const RunResult result = workspace_.moest(arguments);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.out, IsEmpty());
  for (const std::string& word : GetParam().words) {
    EXPECT_THAT(result.err, HasSubstr(word));
  }
  EXPECT_THAT(workspace_.files(), Not(testing::Contains("run")));
}

INSTANTIATE_TEST_SUITE_P(
    Pictures, DomainBadInput,
    testing::Values(BadInput{"NoData", {}, {"--data is missing"}},
                    BadInput{"MissingData", {"--data", "gone"}, {"gone"}},
                    BadInput{"NoDomains", {"--data", "mnist", "--kind", "folder"}, {"mnist has no domains"}},
                    BadInput{
                        "UnknownDomain", {"--data", "mnist", "--leave-out", "20"}, {"`20`", "0, 15, 30"}},
                    BadInput{"BadPatch", {"--data", "mnist", "--patch", "3"}, {"3 x 3", "8 x 8"}},
                    BadInput{"NothingToResume", {"--resume"}, {"there is no run in run"}}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace moest
