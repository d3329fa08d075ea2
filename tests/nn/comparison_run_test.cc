#include "nn/comparison_run.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "moest/base/error.h"
#include "tests/base/temporary_folder.h"
#include "tests/study/router_examples.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

TEST(RouterComparison, RunsOneAtATimeOnAGpu) {
  const auto jobs = [](const std::string& contestant, std::vector<std::string> arguments, int num_gpus) {
    RouterComparison comparison = design();
    comparison.contestants.push_back(parse_contestant(contestant));
    comparison.arguments = std::move(arguments);
    return default_jobs(comparison, 16, num_gpus);
  };
  EXPECT_EQ(jobs("laplace", {}, 0), 16);
  EXPECT_EQ(jobs("laplace", {}, 1), 1) << "auto takes the GPU";
  EXPECT_EQ(jobs("laplace", {"--device", "auto"}, 0), 16);
  EXPECT_EQ(jobs("laplace", {"--device", "cpu"}, 1), 16);
  EXPECT_EQ(jobs("laplace", {"--device=cpu"}, 1), 16);
  EXPECT_EQ(jobs("laplace", {"--device", "cuda"}, 1), 1);
  EXPECT_EQ(jobs("fast=laplace --device cuda", {"--steps", "3"}, 0), 1);
}

/// A moest-nn that trains nothing: it says what its options are and counts how often it was run. The router
/// `hangs` waits for Ctrl-C, `dies` is killed, `diverges` fails as a training does, `refuses` is a wrong
/// option. The fingerprint of its data is what the file PROGRAM.data says, if it is there.
constexpr const char* kProgram = R"(#!/bin/sh
resume=no
while [ $# -gt 0 ]; do
  case $1 in
    --router) router=$2 ;;
    --seed) seed=$2 ;;
    --output) output=$2 ;;
    --resume) resume=yes ;;
  esac
  shift
done
mkdir -p "$output/part"
case $router in
  hangs) touch "$output/checkpoint.pt"; trap 'exit 3' INT; [ $resume = yes ] || { while :; do sleep 0.01; done; } ;;
  dies) kill -9 $$ ;;
  diverges) echo '{"status": "failed", "message": "the loss was NaN"}'; exit 1 ;;
  refuses) echo 'moest-nn: no such option' >&2; exit 2 ;;
esac
echo '{"step": 0, "validation_bits_per_character": 4}' > "$output/part/log.jsonl"
[ -f "$0.data" ] && data="\"data_fingerprint\": \"$(cat "$0.data")\", "
echo "{$data\"status\": \"finished\", \"validation_bits_per_character\": $seed.5, \"resumed\": \"$resume\", \"seconds\": 1}"
)";

class ComparisonRuns : public testing::Test {
 protected:
  ComparisonRuns() {
    options_.program = folder_.write("program", kProgram);
    fs::permissions(options_.program, fs::perms::owner_all);
    options_.folder = folder_.path("runs");
    options_.jobs = 2;
  }

  RouterComparison routers(const std::vector<std::string>& names) const {
    RouterComparison comparison = design();
    comparison.contestants.clear();
    for (const std::string& name : names) {
      comparison.contestants.push_back(parse_contestant(name));
    }
    comparison.reference = names.front();
    comparison.num_seeds = 2;
    return comparison;
  }
  ComparisonRun run(const RouterComparison& comparison, const std::atomic<bool>* interrupt = nullptr) {
    return run_missing(comparison, store_, options_, interrupt, {});
  }

  TemporaryFolder folder_;
  RouterStore store_{folder_.path("store.db"), Database::Access::write};
  RunOptions options_;
};

TEST_F(ComparisonRuns, FillTheStoreAndLeaveNothingElse) {
  const ComparisonRun result = run(routers({"linear", "cosine"}));
  EXPECT_EQ(result.num_run, 4);
  EXPECT_EQ(result.num_missing, 0);
  const std::vector<RunRow> rows = store_.rows();
  ASSERT_THAT(rows, SizeIs(4));
  EXPECT_EQ(value_of(rows[1], compared_task("lm")), 2.5);
  EXPECT_EQ(rows[0].evaluations[0]["series"], "part");
  EXPECT_TRUE(fs::is_empty(options_.folder));
  EXPECT_EQ(run(routers({"linear", "cosine"})).num_run, 0) << "all are there";
}

TEST_F(ComparisonRuns, RecordWhatDivergesAndGoOnPastWhatDies) {
  const ComparisonRun result = run(routers({"linear", "diverges", "dies"}));
  EXPECT_EQ(result.num_run, 4);
  EXPECT_EQ(result.num_missing, 2);
  EXPECT_THAT(result.last_problem, AllOf(HasSubstr("dies"), HasSubstr("signal 9")));
  const std::vector<RunRow> rows = store_.rows();
  EXPECT_EQ(rows[0].key.contestant, "diverges");
  EXPECT_EQ(rows[0].status, "failed");
  EXPECT_EQ(rows[0].message, "the loss was NaN");
}

TEST_F(ComparisonRuns, EndWithTheMessageOfARefusal) {
  EXPECT_THAT([&] { run(routers({"refuses"})); }, ThrowsMessage<InputError>(HasSubstr("no such option")));
}

TEST_F(ComparisonRuns, TakeTheSameDataOnly) {
  EXPECT_EQ(run(routers({"linear"})).num_run, 2) << "those of an earlier version have no fingerprint";
  folder_.write("program.data", "00aa");
  EXPECT_EQ(run(routers({"linear", "cosine"})).num_run, 2);
  folder_.write("program.data", "00bb");
  EXPECT_THAT(
      [&] {
        run(routers({"linear", "cosine", "laplace"}));
      },
      ThrowsMessage<InputError>(AllOf(HasSubstr("run laplace seed "), HasSubstr("other data"),
                                      HasSubstr("00aa there, 00bb now"), HasSubstr(options_.folder))));
  EXPECT_THAT(store_.rows(), SizeIs(4));
  folder_.write("program.data", "00aa");
  EXPECT_EQ(run(routers({"linear", "cosine", "laplace"})).num_run, 2);
}

TEST_F(ComparisonRuns, GoOnFromTheirCheckpointsAfterAnInterrupt) {
  std::atomic<bool> interrupt = false;
  std::jthread later([&] {
    const fs::path checkpoint = fs::path(options_.folder) / "hangs seed 1" / "training" / "checkpoint.pt";
    while (!fs::exists(checkpoint)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    interrupt = true;
  });
  options_.jobs = 1;
  const ComparisonRun result = run(routers({"hangs"}), &interrupt);
  EXPECT_EQ(result.num_run, 0);
  EXPECT_EQ(result.num_missing, 2);
  EXPECT_THAT(result.last_problem, IsEmpty());
  RouterComparison one = routers({"hangs"});
  one.num_seeds = 1;
  EXPECT_EQ(run(one).num_run, 1);
  EXPECT_EQ(store_.rows()[0].result["resumed"], "yes");
}

}  // namespace
}  // namespace moest::nn
