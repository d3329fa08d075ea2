#include "moest/study/runner.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "moest/base/error.h"
#include "moest/study/plan.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

class StudyRunner : public testing::Test {
 protected:
  StudyRunner() { fs::create_directory(folder_); }
  ~StudyRunner() override { fs::remove_all(folder_); }

  StudyStore store(const std::string& name, const Study& study = small_study(),
                   Extension extension = Extension::refuse) const {
    StudyStore made((folder_ / name).string(), StudyStore::Access::write);
    adopt_study(study, made, extension);
    return made;
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("moest_runner_test_" + std::to_string(::getpid()));
};

StudyRun run_alone(const Study& study, StudyStore& store, const std::vector<TrialKey>& keys,
                   const RunOptions& options) {
  Communicator alone;
  return run_trials(study, store, keys, options, alone);
}

/// All that must not differ between two runs.
std::string content(const StudyStore& store) {
  std::string text;
  for (const TrialRow& row : store.rows()) {
    text += row.key.text() + row.status + row.estimates.dump() + std::to_string(row.iterations);
    for (const TrialRow::Values& values : row.values) {
      for (const std::optional<double>& value : values) {
        text += value ? nlohmann::json(*value).dump() : "null";
      }
    }
    text += "\n";
  }
  return text;
}

TEST_F(StudyRunner, MakesTheSameRowsWithAnyNumberOfThreads) {
  const Study study = small_study();
  StudyStore one = store("one.db");
  StudyStore four = store("four.db");
  const StudyRun run = run_alone(study, one, trial_keys(study), {1, nullptr, {}});
  run_alone(study, four, trial_keys(study), {4, nullptr, {}});
  EXPECT_EQ(run.num_run, 6);
  EXPECT_EQ(run.num_failed, 0);
  EXPECT_EQ(run.num_missing, 0);
  EXPECT_EQ(one.rows().size(), 6U);
  EXPECT_EQ(content(one), content(four));
}

TEST_F(StudyRunner, RunsOnlyWhatIsMissing) {
  const Study study = small_study();
  StudyStore whole = store("whole.db");
  run_alone(study, whole, trial_keys(study), {1, nullptr, {}});
  StudyStore parts = store("parts.db");
  EXPECT_EQ(run_alone(study, parts, pilot_keys(study), {1, nullptr, {}}).num_run, 2);
  EXPECT_EQ(missing_keys(study, parts).size(), 4U);
  EXPECT_EQ(run_alone(study, parts, trial_keys(study), {2, nullptr, {}}).num_run, 4);
  EXPECT_EQ(content(whole), content(parts));
  EXPECT_EQ(run_alone(study, parts, trial_keys(study), {2, nullptr, {}}).num_run, 0);
}

TEST_F(StudyRunner, KeepsRowsWhenAStudyIsExtended) {
  const Study study = small_study();
  {
    StudyStore first = store("a.db");
    run_alone(study, first, trial_keys(study), {1, nullptr, {}});
  }
  const Study larger = small_study(
      replaced(replaced(kSmallStudy, "replicates = 3", "replicates = 4"), "[200, 50]", "[200, 50, 100]"));
  EXPECT_THAT([&] { store("a.db", larger); }, ThrowsMessage<InputError>(HasSubstr("--extend")));
  {
    StudyStore extended = store("a.db", larger, Extension::allow);
    EXPECT_EQ(run_alone(larger, extended, trial_keys(larger), {1, nullptr, {}}).num_run, 6);
    StudyStore at_once = store("b.db", larger);
    run_alone(larger, at_once, trial_keys(larger), {1, nullptr, {}});
    EXPECT_EQ(content(extended), content(at_once));
  }
  const Study other = small_study(replaced(kSmallStudy, "noise = 0.1", "noise = 0.2"));
  EXPECT_THAT([&] { store("a.db", other, Extension::allow); },
              ThrowsMessage<InputError>(HasSubstr("another study: noise differs")));
}

TEST_F(StudyRunner, EndsWhenInterruptedAndGoesOn) {
  const Study study = small_study();
  StudyStore part = store("part.db");
  std::atomic<bool> interrupt{false};
  RunOptions options{1, &interrupt,
                     [&](const StudyProgress& progress) { interrupt = progress.num_done >= 2; }};
  const StudyRun run = run_alone(study, part, trial_keys(study), options);
  // What was being fitted when it was interrupted may have ended.
  EXPECT_GE(run.num_run, 2);
  EXPECT_EQ(run.num_run + run.num_missing, 6);
  EXPECT_EQ(part.rows().size(), static_cast<std::size_t>(run.num_run));
  EXPECT_EQ(run_alone(study, part, trial_keys(study), {1, nullptr, {}}).num_run, run.num_missing);
  StudyStore at_once = store("at_once.db");
  run_alone(study, at_once, trial_keys(study), {1, nullptr, {}});
  EXPECT_EQ(content(part), content(at_once));
}

TEST_F(StudyRunner, ReportsItsProgress) {
  const Study study = small_study();
  StudyStore made = store("a.db");
  std::vector<double> shares;
  run_alone(study, made, trial_keys(study),
            {2, nullptr, [&](const StudyProgress& progress) { shares.push_back(progress.share_done); }});
  ASSERT_EQ(shares.size(), 6U);
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_DOUBLE_EQ(shares.back(), 1);
}

TEST_F(StudyRunner, RecordsAFailureAndGoesOn) {
  Study study = small_study();
  study.arms[0].fit.fix = {"atoms[7].bias=0"};
  StudyStore made = store("a.db", small_study());
  const StudyRun run = run_alone(study, made, trial_keys(study), {2, nullptr, {}});
  EXPECT_EQ(run.num_run, 6);
  EXPECT_EQ(run.num_failed, 6);
  EXPECT_EQ(made.rows()[0].status, "failed");
}

/// At a fixed truth they fall as n^-1/2.
TEST(StudyPlan, PredictsErrorsAtEverySize) {
  const Study study = small_study();
  const std::vector<PlannedArm> planned = plan(study);
  ASSERT_EQ(planned.size(), 1U);
  ASSERT_EQ(planned[0].sizes.size(), 2U);
  EXPECT_NEAR(planned[0].sizes[0].largest_error / planned[0].sizes[1].largest_error, 2, 1e-12);
  EXPECT_THAT(planned[0].warnings, testing::Contains(HasSubstr("2 sizes cannot show a slope")));
}

TEST(StudyPlan, WarnsOfADesignThatShowsNothing) {
  const Study noisy = small_study(replaced(kSmallStudy, "noise = 0.1", "noise = 10"));
  EXPECT_THAT(plan(noisy)[0].warnings, testing::Contains(HasSubstr("will be noise")));
  const Study single = small_study(replaced(kSmallStudy, "replicates = 3", "replicates = 1"));
  EXPECT_THAT(plan(single)[0].warnings, testing::Contains(HasSubstr("one replicate")));
  const Study near =
      small_study(replaced(kSmallStudy, "name = \"exact\"", "name = \"exact\"\nstart = \"near\""));
  EXPECT_THAT(plan(near)[0].warnings, testing::Contains(HasSubstr("beside the truth")));
}

TEST(StudyPlan, PredictsSplitsOnlyWhereTheyConverge) {
  const std::string over = replaced(kSmallStudy, "name = \"exact\"", "name = \"exact\"\nexperts = 3");
  EXPECT_EQ(plan(small_study(over))[0].sizes[1].largest_split, 0) << "lines";
  const std::vector<PlannedSize> sizes =
      plan(small_study(replaced(over, "expert = {kind = \"linear\"}", "expert = {kind = \"tanh\"}")))[0]
          .sizes;
  EXPECT_GT(sizes[1].largest_split, 0);
  EXPECT_NEAR(sizes[0].largest_split / sizes[1].largest_split, std::sqrt(2), 1e-12) << "n^-1/4, four times n";
}

TEST(StudyPlan, FollowsASequence) {
  const Study study = small_study(
      replaced(kSmallStudy, "[fit]", "sequence = {move = 0, towards = 1, exponent = 0.5, from = 50}\n[fit]"));
  const std::vector<PlannedSize> sizes = plan(study)[0].sizes;
  EXPECT_GT(sizes[1].largest_error, sizes[0].largest_error)
      << "merging gates of lines are worse with more data";
}

TEST(StudyPlan, TellsHowLongTrialsTake) {
  const Study study = small_study();
  std::vector<TrialRow> rows(2);
  rows[0].key = {"exact", 50, 0};
  rows[0].fit_seconds = 1;
  rows[1].key = {"exact", 200, 0};
  rows[1].simulate_seconds = 3;
  EXPECT_DOUBLE_EQ(planned_seconds(study, rows), 3 * (1 + 3));
}

}  // namespace
}  // namespace moest
