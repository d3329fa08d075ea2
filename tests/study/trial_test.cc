#include "moest/study/trial.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "moest/fit/fit.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

std::size_t index_of(const std::string& name) {
  return static_cast<std::size_t>(&metric(name) - metrics().data());
}

double value(const TrialRow& row, const std::string& name) {
  return row.values[index_of(name)].at(0).value();
}

TEST(Trial, IsTheSameAgainAndAnotherForAnotherKey) {
  const Study study = small_study();
  const Laboratory laboratory(study);
  const TrialRow first = *laboratory.run({"exact", 200, 0});
  const TrialRow again = *Laboratory(study).run({"exact", 200, 0});
  EXPECT_EQ(first.values, again.values);
  EXPECT_EQ(first.estimates, again.estimates);
  EXPECT_EQ(first.rss, again.rss);
  EXPECT_NE(first.rss, laboratory.run({"exact", 200, 1})->rss);
  Study other = study;
  other.seed = 6;
  EXPECT_NE(first.rss, Laboratory(other).run({"exact", 200, 0})->rss);
}

TEST(Trial, HasKeysOfTheirOwn) {
  Study study = small_study(kSmallStudy + "\n[[arms]]\nname = \"b\"\n");
  study.replicates = 100;
  std::set<std::string> texts;
  const std::vector<TrialKey> keys = trial_keys(study);
  for (const TrialKey& key : keys) {
    texts.insert(key.text());
  }
  EXPECT_EQ(keys.size(), 400U);
  EXPECT_EQ(texts.size(), keys.size());
  // Stores have keys of earlier versions: FNV-1a, computed elsewhere.
  EXPECT_EQ((TrialKey{"exact", 200, 0}).text(), "f4a0e059058baee7");
}

TEST(Trial, MeasuresWhatItSays) {
  const Study study = small_study();
  const TrialRow row = *Laboratory(study).run({"exact", 200, 0});
  EXPECT_EQ(row.status, "converged");
  EXPECT_EQ(row.num_starts, 2);
  EXPECT_GE(row.agreeing_starts, 1);
  EXPECT_EQ(row.estimates["atoms"].size(), 2U);
  EXPECT_TRUE(row.truth.is_null());
  EXPECT_FALSE(row.regression_l2_se.has_value()) << "one input: a quadrature";
  // Six parameters at n = 200: an error of about sigma sqrt(6 / 200).
  EXPECT_GT(value(row, "regression_l2"), 0.001);
  EXPECT_LT(value(row, "regression_l2"), 0.05);
  EXPECT_GT(value(row, "voronoi_reduced"), 0);
  EXPECT_EQ(row.values[index_of("largest_error")].size(), 2U);
  EXPECT_GT(value(row, kChiSquare), 0);
}

/// Against the midpoint rule with ten times the points, by hand.
TEST(Trial, ComparesRegressionFunctionsInL2) {
  const Study study = small_study();
  const TrialRow row = *Laboratory(study).run({"exact", 50, 1});
  const auto f = [](const nlohmann::ordered_json& atoms, double x) {
    double sum = 0;
    double weights = 0;
    for (const auto& atom : atoms) {
      const double w = std::exp(atom["bias"].get<double>() + atom["gate"][0].get<double>() * x);
      weights += w;
      sum += w * (atom["expert"][0].get<double>() * x + atom["expert"][1].get<double>());
    }
    return sum / weights;
  };
  const nlohmann::ordered_json truth = study.document["truth"]["atoms"];
  double squares = 0;
  constexpr int kPoints = 40960;
  for (int i = 0; i < kPoints; ++i) {
    const double x = -1 + 2 * (i + 0.5) / kPoints;
    squares += std::pow(f(row.estimates["atoms"], x) - f(truth, x), 2) / kPoints;
  }
  EXPECT_NEAR(value(row, "regression_l2"), std::sqrt(squares), 1e-6 * std::sqrt(squares));
}

/// The distance from a sample of inputs is within four of its errors of that from another sample.
TEST(Trial, KnowsTheErrorOfADistanceFromASample) {
  const std::string text =
      replaced(replaced(replaced(kSmallStudy, "gate = [4.0], expert = [2.0, 0.5]",
                                 "gate = [4.0, 1.0], expert = [2.0, 0.1, 0.5]"),
                        "gate = [0.0], expert = [-1.0, 1.0]", "gate = [0.0, 0.0], expert = [-1.0, 0.3, 1.0]"),
               "[truth]", "[truth]\ndim = 2");
  Study study = small_study(text);
  const TrialRow row = *Laboratory(study).run({"exact", 200, 0});
  ASSERT_TRUE(row.regression_l2_se.has_value());
  EXPECT_GT(*row.regression_l2_se, 0);
  EXPECT_LT(*row.regression_l2_se, 0.05 * value(row, "regression_l2"));
}

/// (RSS(truth) - RSS(LSE)) / sigma^2 has the mean of a chi-square with 6 degrees of freedom. The
/// mean of 200 is off by more than four of its standard errors once in 16,000 such studies.
TEST(Trial, HasChiSquaresOfTheRightMean) {
  const Study study = small_study();
  const Laboratory laboratory(study);
  constexpr int kReplicates = 200;
  double mean = 0;
  for (int replicate = 0; replicate < kReplicates; ++replicate) {
    mean += value(*laboratory.run({"exact", 200, replicate}), kChiSquare) / kReplicates;
  }
  EXPECT_NEAR(mean, 6, 4 * std::sqrt(2.0 * 6 / kReplicates));
}

TEST(Trial, HasNoLossesWhereAtomsCannotBeCompared) {
  const Study study = small_study(kSmallStudy + "\n[[arms]]\nname = \"b\"\nexpert = {kind = \"constant\"}\n");
  const TrialRow row = *Laboratory(study).run({"b", 50, 0});
  EXPECT_EQ(row.status, "converged");
  EXPECT_GT(value(row, "regression_l2"), 0);
  EXPECT_TRUE(row.values[index_of("voronoi_reduced")].empty());
}

TEST(Trial, KeepsTheTruthThatWasDrawn) {
  const Study study = small_study(kSmallStudy + R"(
[[arms]]
name = "drawn"
truth = {random = true, experts = 2, gate = {kind = "softmax"}, expert = {kind = "tanh"}}
)");
  const Laboratory laboratory(study);
  const TrialRow row = *laboratory.run({"drawn", 200, 0});
  EXPECT_EQ(row.truth["atoms"].size(), 2U);
  EXPECT_EQ(row.truth, laboratory.run({"drawn", 50, 0})->truth) << "one truth for all sizes of a replicate";
  EXPECT_NE(row.truth, laboratory.run({"drawn", 200, 1})->truth);
}

TEST(Trial, GoesOnRecordWhenItFails) {
  Study study = small_study();
  study.arms[0].fit.fix = {"atoms[7].bias=0"};
  const TrialRow row = *Laboratory(study).run({"exact", 50, 0});
  EXPECT_EQ(row.status, "failed");
  EXPECT_THAT(row.message, testing::HasSubstr("atoms[7]"));
}

TEST(Trial, IsNotThereWhenInterrupted) {
  const std::atomic<bool> interrupt{true};
  const Study study = small_study();
  EXPECT_FALSE(Laboratory(study).run({"exact", 200, 0}, &interrupt).has_value());
}

}  // namespace
}  // namespace moest
