#include "moest/study/router_comparison.h"

#include <gmock/gmock.h>

#include <cmath>

#include "moest/base/error.h"
#include "moest/model/student.h"
#include "moest/report/router_text.h"
#include "moest/study/router_store.h"
#include "moest/study/router_summary.h"
#include "tests/base/temporary_folder.h"
#include "tests/study/router_examples.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

std::vector<std::string> texts(const std::vector<RunKey>& keys) {
  std::vector<std::string> texts;
  for (const RunKey& key : keys) {
    texts.push_back(key.text());
  }
  return texts;
}

TEST(Contestant, IsARouterOrANameWithOptions) {
  EXPECT_EQ(parse_contestant("cosine"), (Contestant{"cosine", {"--router", "cosine"}}));
  EXPECT_EQ(parse_contestant("warm=cosine --temperature learned"),
            (Contestant{"warm", {"--router", "cosine", "--temperature", "learned"}}));
  EXPECT_EQ(parse_contestant("none"), (Contestant{"none", {"--dense"}}));
  EXPECT_EQ(parse_contestant("big=none --hidden=400"), (Contestant{"big", {"--dense", "--hidden=400"}}));
  for (const char* wrong : {"", "=cosine", "a=", "--router", "two words", "a/b=cosine", "a b=cosine"}) {
    EXPECT_THROW(parse_contestant(wrong), InputError) << wrong;
  }
}

TEST(RouterComparison, RefusesWhatCannotBeCompared) {
  EXPECT_NO_THROW(check(design()));
  RouterComparison wrong = design();
  wrong.contestants.push_back(parse_contestant("cosine"));
  EXPECT_THAT([&] { check(wrong); }, ThrowsMessage<InputError>(HasSubstr("cosine is there twice")));
  wrong = design();
  wrong.reference = "laplace";
  EXPECT_THAT([&] { check(wrong); }, ThrowsMessage<InputError>(HasSubstr("laplace")));
  wrong = design();
  wrong.num_seeds = 0;
  EXPECT_THROW(check(wrong), InputError);
  wrong = design();
  wrong.learning_rates = {0.1, -1};
  EXPECT_THROW(check(wrong), InputError);
  for (const char* own : {"--seed", "--seed=3", "--router", "--dense", "--output", "--learning-rate=0.1"}) {
    wrong = design();
    wrong.arguments.emplace_back(own);
    EXPECT_THROW(check(wrong), InputError) << own;
  }
}

TEST(RouterComparison, IsWrittenAndRead) {
  RouterComparison comparison = design();
  comparison.learning_rates = {0.001, 0.003};
  EXPECT_EQ(to_json(comparison_of(to_json(comparison))), to_json(comparison));
  EXPECT_NO_THROW(check_extends(design(), comparison));
  RouterComparison other = design();
  other.arguments = {"--steps", "20"};
  EXPECT_THAT([&] { check_extends(design(), other); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("--steps 10"), HasSubstr("--steps 20"))));
  other = design();
  other.contestants[1].arguments.emplace_back("--no-bias");
  EXPECT_THROW(check_extends(design(), other), InputError);
}

TEST(RouterComparison, PlansTuningOnlyWhereThereIsAChoice) {
  RouterComparison comparison = design();
  EXPECT_EQ(num_planned_runs(comparison), 2 * 3);
  comparison.learning_rates = {0.01};
  EXPECT_EQ(num_planned_runs(comparison), 2 * 3);
  comparison.learning_rates = {0.01, 0.03};
  EXPECT_EQ(num_planned_runs(comparison), 2 * (3 + 2));
  EXPECT_EQ(num_missing_runs(comparison, {}), 2 * (3 + 2));
}

TEST(RouterComparison, RunsSeedAfterSeed) {
  EXPECT_THAT(texts(missing_runs(design(), {})),
              ElementsAre("linear seed 1", "cosine seed 1", "linear seed 2", "cosine seed 2", "linear seed 3",
                          "cosine seed 3"));
  const std::vector<RunRow> rows{row_of("linear", 1, 2), row_of("cosine", 3, 2)};
  EXPECT_THAT(texts(missing_runs(design(), rows)),
              ElementsAre("cosine seed 1", "linear seed 2", "cosine seed 2", "linear seed 3"));
}

TEST(RouterComparison, TunesEachContestantOnASeedOfItsOwn) {
  RouterComparison comparison = design();
  comparison.num_seeds = 1;
  comparison.learning_rates = {0.001, 0.01};
  EXPECT_THAT(texts(missing_runs(comparison, {})),
              ElementsAre("linear seed 0 rate 0.001", "cosine seed 0 rate 0.001", "linear seed 0 rate 0.01",
                          "cosine seed 0 rate 0.01"));
  EXPECT_EQ(num_missing_runs(comparison, {}), 6) << "four of the tuning, and one of each after it";
  std::vector<RunRow> rows{row_of("linear", 0, 2.5, 0.001), row_of("linear", 0, 2.2, 0.01)};
  EXPECT_EQ(num_missing_runs(comparison, rows), 4);
  EXPECT_EQ(chosen_rate(comparison, "linear", rows), 0.01);
  EXPECT_EQ(chosen_rate(comparison, "cosine", rows), std::nullopt);
  rows.push_back(row_of("cosine", 0, 2.1, 0.001));
  rows.push_back(row_of("cosine", 0, 0, 0.01));
  rows.back().status = "failed";  // what diverged has no value, whatever it printed
  EXPECT_EQ(chosen_rate(comparison, "cosine", rows), 0.001);
  EXPECT_THAT(texts(missing_runs(comparison, rows)),
              ElementsAre("linear seed 1 rate 0.01", "cosine seed 1 rate 0.001"));
  comparison.task = "domain";  // where more is better, and the domains left out are not to be seen
  for (RunRow& row : rows) {
    const double value = row.result["validation_bits_per_character"];
    row.result = {{"mean_accuracy", -value}, {"mean_validation_accuracy", value}};
  }
  EXPECT_EQ(chosen_rate(comparison, "linear", rows), 0.001);
}

TEST(RouterComparison, TunesAgainWhereAnOlderRunLacksWhatTuningGoesBy) {
  RouterComparison comparison = design();
  comparison.task = "domain";
  comparison.num_seeds = 1;
  comparison.learning_rates = {0.001, 0.01};
  std::vector<RunRow> rows;
  for (const Contestant& contestant : comparison.contestants) {
    for (const double rate : comparison.learning_rates) {
      rows.push_back(row_of(contestant.name, 0, 0, rate));
      rows.back().result = {{"mean_accuracy", 0.5}, {"mean_validation_accuracy", 0.5 + rate}};
    }
  }
  rows[0].result.erase("mean_validation_accuracy");
  rows[2].result.erase("mean_validation_accuracy");
  rows[2].status = "failed";  // which needs no such field
  EXPECT_EQ(chosen_rate(comparison, "linear", rows), std::nullopt);
  EXPECT_THAT(texts(missing_runs(comparison, rows)),
              ElementsAre("linear seed 0 rate 0.001", "cosine seed 1 rate 0.01"));
  EXPECT_THAT(reading_of(comparison, summarise(comparison, rows)),
              HasSubstr("Runs that choose the learning rates of linear are missing."));
}

TEST(RouterSummary, PairsDifferencesBySeed) {
  RouterComparison comparison = design();
  comparison.contestants.push_back(parse_contestant("laplace"));
  std::vector<RunRow> rows;
  // Seeds differ by much, routers by little: only the pairs show it.
  const std::vector<double> seeds{2.0, 2.5, 1.5};
  const std::vector<double> gains{0.09, 0.10, 0.11};
  for (std::uint64_t s = 1; s <= 3; ++s) {
    rows.push_back(row_of("linear", s, seeds[s - 1]));
    rows.push_back(row_of("cosine", s, seeds[s - 1] - gains[s - 1]));
    rows.push_back(row_of("laplace", s, seeds[s - 1] + (s == 2 ? -0.1 : 0.1)));
  }
  rows.push_back(row_of("cosine", 7, 100));  // of a seed that is not in the design
  const std::vector<ContestantSummary> summaries = summarise(comparison, rows);
  ASSERT_THAT(summaries, SizeIs(3));
  EXPECT_NEAR(summaries[0].mean, 2, 1e-12);
  EXPECT_NEAR(*summaries[0].standard_error, 0.5 / std::sqrt(3), 1e-12);
  EXPECT_FALSE(summaries[0].difference.has_value()) << "the reference differs from itself by nothing";
  // Two comparisons: each interval at 97.5 %, 2 degrees of freedom, s = 0.01.
  const double reach = 6.2053468 * 0.01 / std::sqrt(3);
  const PairedDifference& cosine = *summaries[1].difference;
  EXPECT_NEAR(cosine.mean, -0.1, 1e-12);
  EXPECT_NEAR(cosine.high, -0.1 + reach, 1e-7);
  EXPECT_NEAR(cosine.low, -0.1 - reach, 1e-7);
  EXPECT_EQ(summaries[1].verdict, DifferenceVerdict::better);
  EXPECT_EQ(summaries[2].verdict, DifferenceVerdict::within_noise);
  EXPECT_THAT(router_text(comparison, summaries), HasSubstr("-0.100 [-0.136, -0.064]"));
  EXPECT_THAT(reading_of(comparison, summaries),
              AllOf(HasSubstr("Better than linear: cosine."), HasSubstr("from linear: laplace."),
                    HasSubstr("seeds, routers and the one they are compared with were fixed"),
                    HasSubstr("All have 600 parameters in use at a token. All runs made 10 steps.")));
}

TEST(RouterSummary, TellsHowManyStepsRunsMade) {
  std::vector<RunRow> rows{row_of("linear", 1, 2), row_of("linear", 2, 4), row_of("cosine", 1, 1),
                           row_of("cosine", 2, 1)};
  rows[2].result["steps"] = 7;
  rows[3].result["steps"] = 12;
  const std::vector<ContestantSummary> summaries = summarise(design(), rows);
  EXPECT_EQ(summaries[1].min_steps, 7);
  EXPECT_EQ(summaries[1].max_steps, 12);
  EXPECT_THAT(reading_of(design(), summaries), HasSubstr("Runs made between 7 and 12 steps."));
  RouterComparison domains = design();
  domains.task = "domain";
  for (RunRow& row : rows) {
    row.result["mean_accuracy"] = 0.5;
    row.result["steps"] = 30;
  }
  EXPECT_THAT(reading_of(domains, summarise(domains, rows)),
              HasSubstr("All runs made 30 steps over all domains left out."));
  for (RunRow& row : rows) {
    row.result.erase("steps");
  }
  EXPECT_THAT(reading_of(domains, summarise(domains, rows)), Not(HasSubstr("steps")));
}

TEST(RouterSummary, TellsWhoseRateIsAtTheEdgeOfThoseTried) {
  RouterComparison comparison = design();
  comparison.learning_rates = {0.01, 0.001, 0.1};
  std::vector<RunRow> rows;
  for (const double rate : comparison.learning_rates) {
    rows.push_back(row_of("linear", 0, rate == 0.01 ? 1 : 2, rate));
    rows.push_back(row_of("cosine", 0, rate == 0.1 ? 1 : 2, rate));
  }
  const std::vector<ContestantSummary> summaries = summarise(comparison, rows);
  EXPECT_FALSE(summaries[0].has_rate_at_edge);
  EXPECT_TRUE(summaries[1].has_rate_at_edge);
  EXPECT_THAT(reading_of(comparison, summaries),
              AllOf(HasSubstr("The learning rates of cosine are at the edge of those that were tried, 0.001 "
                              "to 0.1"),
                    HasSubstr("--learning-rates")));
  comparison.learning_rates = {0.1};
  EXPECT_FALSE(summarise(comparison, rows)[1].has_rate_at_edge) << "one rate is no choice";
}

TEST(RouterSummary, TakesTheRoutingOfEachRunsOwnLastEvaluation) {
  const auto evaluation = [](int step, const char* series, double load_entropy) {
    return Json{{"step", step}, {"series", series}, {"routing", {{{"load_entropy", load_entropy}}}}};
  };
  std::vector<RunRow> rows{row_of("linear", 1, 2), row_of("linear", 2, 2)};
  rows[0].evaluations = {evaluation(0, "a", 0.1), evaluation(20, "a", 0.9), evaluation(0, "b", 0.1),
                         evaluation(17, "b", 0.7)};
  rows[1].evaluations = {evaluation(0, "a", 0.1), evaluation(10, "a", 0.4)};
  EXPECT_DOUBLE_EQ(summarise(design(), rows)[0].routing->load_entropy, ((0.9 + 0.7) / 2 + 0.4) / 2);
}

TEST(RouterSummary, LeavesOutWhatFailed) {
  std::vector<RunRow> rows{row_of("linear", 1, 2), row_of("linear", 2, 4), row_of("cosine", 1, 1),
                           row_of("cosine", 2, 1000)};
  rows.back().status = "failed";
  const std::vector<ContestantSummary> summaries = summarise(design(), rows);
  EXPECT_EQ(summaries[1].mean, 1);
  EXPECT_EQ(summaries[1].num_failed, 1);
  EXPECT_FALSE(summaries[1].difference.has_value()) << "one pair has no interval";
  EXPECT_THAT(router_text(design(), summaries), HasSubstr("Runs failed: 1 of 2 of cosine."));
}

TEST(RouterSummary, JudgesNobodyByTheRunsThatAreLeft) {
  RouterComparison comparison = design();
  comparison.contestants.push_back(parse_contestant("laplace"));
  std::vector<RunRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const double noise = 0.001 * static_cast<double>(seed);
    rows.push_back(row_of("linear", seed, 2));
    rows.push_back(row_of("cosine", seed, 1 + noise));
    rows.push_back(row_of("laplace", seed, 3 + noise));
  }
  std::vector<ContestantSummary> summaries = summarise(comparison, rows);
  EXPECT_EQ(summaries[1].verdict, DifferenceVerdict::better);
  EXPECT_EQ(summaries[2].verdict, DifferenceVerdict::worse);
  rows[7].status = "failed";  // cosine on seed 3
  summaries = summarise(comparison, rows);
  EXPECT_TRUE(summaries[1].difference.has_value());
  EXPECT_EQ(summaries[1].verdict, DifferenceVerdict::unstable);
  EXPECT_EQ(summaries[2].verdict, DifferenceVerdict::worse);
  EXPECT_EQ(to_json(summaries[1])["verdict"], "unstable");
  EXPECT_EQ(to_json(summaries[1])["num_failed"], 1);
  EXPECT_THAT(reading_of(comparison, summaries),
              AllOf(HasSubstr("Runs failed: 1 of 3 of cosine."), HasSubstr("against linear: cosine."),
                    Not(HasSubstr("Better"))));
  rows[6].status = "failed";  // the reference on seed 3
  summaries = summarise(comparison, rows);
  EXPECT_EQ(summaries[0].verdict, std::nullopt);
  EXPECT_EQ(summaries[2].verdict, DifferenceVerdict::unstable);
  EXPECT_THAT(reading_of(comparison, summaries),
              AllOf(HasSubstr("1 of 3 of linear, 1 of 3 of cosine."), HasSubstr("cosine, laplace.")));
  for (RunRow& row : rows) {
    row.status = row.key.contestant == "laplace" ? "failed" : "finished";
  }
  EXPECT_EQ(summarise(comparison, rows)[2].verdict, DifferenceVerdict::unstable) << "none is left";
}

TEST(RouterSummary, JudgesNobodyBeforeAllRunsAreThere) {
  std::vector<RunRow> rows;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    rows.push_back(row_of("cosine", seed, 1 + 0.001 * static_cast<double>(seed)));
    rows.push_back(row_of("linear", seed, 2));
  }
  EXPECT_EQ(summarise(design(), rows)[1].verdict, DifferenceVerdict::better);
  const std::vector<RunRow> without_one(rows.begin() + 1, rows.end());
  const std::vector<RunRow> without_one_of_reference(rows.begin(), rows.end() - 1);
  for (const std::vector<RunRow>& some : {without_one, without_one_of_reference}) {
    const std::vector<ContestantSummary> summaries = summarise(design(), some);
    EXPECT_EQ(summaries[1].difference->num_seeds, 2);
    EXPECT_EQ(to_json(summaries[1])["verdict"], "incomplete");
    EXPECT_EQ(summaries[0].verdict, std::nullopt);
    EXPECT_THAT(reading_of(design(), summaries),
                AllOf(HasSubstr("against linear until the runs that are missing are there: cosine."),
                      Not(HasSubstr("Better"))));
  }
}

TEST(RouterSummary, JudgesByTheTestPartOfTextsThatHaveOne) {
  std::vector<RunRow> rows{row_of("linear", 1, 2), row_of("cosine", 1, 1)};
  EXPECT_EQ(judged_by(design(), rows).compared().value, "validation_bits_per_character");
  rows[0].result["test_bits_per_character"] = nullptr;
  EXPECT_FALSE(judged_by(design(), rows).has_test_part);
  rows[0].result["test_bits_per_character"] = 2.25;
  EXPECT_FALSE(judged_by(design(), rows).has_test_part) << "one has none";
  rows[1].status = "failed";
  EXPECT_TRUE(judged_by(design(), rows).has_test_part);
  rows[1].status = "finished";
  rows[1].result["test_bits_per_character"] = 2.5;
  const RouterComparison comparison = judged_by(design(), rows);
  EXPECT_EQ(summarise(comparison, rows)[1].mean, 2.5);
  EXPECT_EQ(comparison.compared().tuning, "validation_bits_per_character");
  EXPECT_THAT(router_text(comparison, summarise(comparison, rows)), HasSubstr("test bits per character"));
  EXPECT_EQ(to_json(comparison), to_json(design()));
}

TEST(LearningCurve, AveragesLayersSeriesAndSeeds) {
  const auto evaluation = [](int step, const char* series, double value, double first, double second) {
    return Json{{"step", step},
                {"series", series},
                {"validation_bits_per_character", value},
                {"routing", {{{"load_entropy", first}}, {{"load_entropy", second}}}}};
  };
  std::vector<RunRow> rows{row_of("linear", 1, 2), row_of("linear", 2, 2)};
  rows[0].evaluations = {evaluation(0, "a", 4, 0.2, 0.4), evaluation(0, "b", 6, 0.6, 0.8),
                         evaluation(10, "a", 1, 1, 1)};
  rows[1].evaluations = {evaluation(0, "", 7, 1, 1)};
  const std::vector<CurvePoint> value =
      learning_curve(design(), rows, "linear", "validation_bits_per_character");
  ASSERT_THAT(value, SizeIs(1)) << "at step 10 one of the two series has no point yet";
  EXPECT_EQ(value[0].num_seeds, 2);
  EXPECT_DOUBLE_EQ(value[0].mean, 6);
  EXPECT_DOUBLE_EQ(value[0].standard_error, 1);
  EXPECT_DOUBLE_EQ(learning_curve(design(), rows, "linear", "load_entropy")[0].mean, 0.75);
  EXPECT_THAT(learning_curve(design(), rows, "linear", "margin"), IsEmpty());
}

TEST(RouterStore, IsReadWithWhatItJudgesBy) {
  const TemporaryFolder folder;
  RouterStore(folder.path("a.db"), Database::Access::write).set_comparison(design());
  EXPECT_FALSE(read_router_results(folder.path("a.db")).comparison.has_test_part);
  RunRow row = row_of("linear", 1, 2);
  row.result["test_bits_per_character"] = 2.25;
  RouterStore(folder.path("a.db"), Database::Access::write).add(row, design());
  EXPECT_TRUE(read_router_results(folder.path("a.db")).comparison.has_test_part);
  EXPECT_EQ(read_router_results(folder.path("a.db"), "cosine").comparison.reference, "cosine");
}

TEST(RouterStore, KeepsRunsExactly) {
  const TemporaryFolder folder;
  RunRow row = row_of("cosine", 2, 1.0 / 3, 0.003);
  row.evaluations = {{{"step", 3}, {"loss", 0.1}}};
  row.message = "it's \"odd\"";
  {
    RouterStore store(folder.path("a.db"), Database::Access::write);
    EXPECT_FALSE(store.comparison().has_value());
    store.set_comparison(design());
    store.add(row_of("cosine", 2, 9, 0.003), design());
    store.add(row, design());
    EXPECT_THAT([&] { RouterStore(folder.path("a.db"), Database::Access::write); },
                ThrowsMessage<InputError>(HasSubstr("in use")));
  }
  RouterStore store(folder.path("a.db"), Database::Access::read);
  EXPECT_EQ(to_json(*store.comparison()), to_json(design()));
  const std::vector<RunRow> rows = store.rows();
  ASSERT_THAT(rows, SizeIs(1)) << "the new row takes the place of the old one";
  EXPECT_EQ(rows[0].key, row.key);
  EXPECT_EQ(rows[0].result, row.result);
  EXPECT_EQ(rows[0].evaluations, row.evaluations);
  EXPECT_EQ(rows[0].message, row.message);
  EXPECT_THAT([&] { RouterStore(folder.write("b.db", "text"), Database::Access::read); },
              ThrowsMessage<InputError>(HasSubstr("no store of a comparison")));
}

}  // namespace
}  // namespace moest
