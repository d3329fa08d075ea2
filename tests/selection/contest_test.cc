#include "moest/selection/contest.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "moest/base/random.h"

namespace moest {
namespace {

using testing::ElementsAre;

// A smooth step between two lines, with noise of standard deviation 0.2, and an input that does not matter.
Dataset two_lines(Eigen::Index n) {
  Dataset data;
  data.input_names = {"x", "z"};
  data.target_names = {"y"};
  data.inputs.resize(n, 2);
  data.target.resize(n, 1);
  Stream stream(3, 0, "two lines");
  for (Eigen::Index i = 0; i < n; ++i) {
    data.inputs.row(i) << stream.uniform(-2, 2), stream.normal();
    const double x = data.inputs(i, 0);
    const double weight = 1 / (1 + std::exp(-4 * x));
    data.target(i, 0) = (1 - weight) * (1 - 2 * x) + weight * (3 * x - 1) + 0.2 * stream.normal();
  }
  return data;
}

Contender linear(int num_experts, double ridge) {
  Contender contender;
  contender.spec.num_experts = num_experts;
  contender.spec.num_inputs = 2;
  contender.ridge = ridge;
  return contender;
}

std::vector<ContestRow> contest(const std::vector<Contender>& contenders, const Dataset& data, int num_folds,
                                bool dropping) {
  ContestOptions options;
  options.final_starts = 12;
  options.dropping = dropping;
  options.fit.starts = 3;
  options.fit.ensemble = 3;
  options.fit.tolerance = 0.1;
  return run_contest(contenders, data, deal_folds(data.inputs, num_folds, 0), options, nullptr, {}, {});
}

TEST(Contest, KnowsTheErrorOfEnsemblesOfAnySize) {
  const Dataset data = two_lines(120);
  const std::vector<ContestRow> rows = contest({linear(8, 0.01), linear(1, 0)}, data, 3, false);
  EXPECT_TRUE(rows.front().takes_all);
  EXPECT_FALSE(rows.back().takes_all) << "all starts of a single expert find the same optimum";
  for (const FoldScore& score : rows.front().scores) {
    ASSERT_GT(score.num_optima, 1);
    EXPECT_NEAR(score.of_ensemble(score.num_optima),
                score.held_out[static_cast<std::size_t>(score.num_optima - 1)], 1e-12);
    EXPECT_NEAR(score.of_ensemble(1), score.single, 1e-12);
    EXPECT_LT(score.of_ensemble(100), score.of_ensemble(3));
    EXPECT_EQ(score.predicted.size(), 40U);
  }
  EXPECT_NEAR(rows.front().num_final, 12, 1e-12) << "all three starts of a fold found optima of their own";
}

// Two optima that are far off to both sides at the same samples: their mean is right there by chance.
TEST(Contest, DoesNotTrustTheErrorOfWildOptima) {
  FoldScore score;
  score.num_optima = 4;
  score.single = 8;
  score.pair = -1.2;
  EXPECT_NEAR(score.of_ensemble(4), 1.1, 1e-12);
  EXPECT_NEAR(score.of_ensemble(24), 0.55, 1e-12);
  score.pair = 4;
  EXPECT_NEAR(score.of_ensemble(24), 4 + 4.0 / 24, 1e-12);
}

TEST(Contest, LeavesOneRidgeOfEachMixture) {
  const Dataset data = two_lines(160);
  std::vector<Contender> contenders;
  for (const double ridge : {0.0, 0.1, 1.0, 10.0}) {
    contenders.push_back(linear(2, ridge));
  }
  std::vector<std::size_t> num_folds;
  for (const ContestRow& row : contest(contenders, data, 8, true)) {
    num_folds.push_back(row.scores.size());
  }
  std::sort(num_folds.begin(), num_folds.end());
  EXPECT_LE(num_folds[1], 3U);
  EXPECT_EQ(num_folds[2], 6U);
  EXPECT_EQ(num_folds[3], 8U);
}

TEST(Contest, DoesNotTryManyExpertsWhereFewerAreTooMany) {
  const Dataset data = two_lines(160);
  const std::vector<Contender> contenders{linear(2, 1e-6), linear(10, 1e-6), linear(12, 1e-6)};
  const std::vector<ContestRow> rows = contest(contenders, data, 4, true);
  EXPECT_EQ(rows[0].scores.size(), 4U);
  EXPECT_FALSE(rows[0].dropped);
  EXPECT_GE(rows[1].scores.size(), 1U);
  EXPECT_TRUE(rows[2].dropped);
  EXPECT_EQ(rows[2].scores.size(), 0U);
  std::vector<std::size_t> num_folds;
  for (const ContestRow& row : contest(contenders, data, 4, false)) {
    num_folds.push_back(row.scores.size());
  }
  EXPECT_THAT(num_folds, ElementsAre(4, 4, 4));
}

}  // namespace
}  // namespace moest
