#include "moest/selection/blend.h"

#include <gmock/gmock.h>

#include "moest/base/random.h"

namespace moest {
namespace {

using testing::UnorderedElementsAre;

constexpr Eigen::Index kSamples = 60;

Dataset zeros() {
  Dataset data;
  data.inputs = Eigen::MatrixXd::Zero(kSamples, 1);
  data.target = Eigen::MatrixXd::Zero(kSamples, 1);
  return data;
}

// A contender of one optimum with these errors at the samples.
ContestRow row_with(const Eigen::ArrayXd& errors, const std::vector<Indices>& folds) {
  ContestRow row;
  for (const Indices& fold : folds) {
    FoldScore& score = row.scores.emplace_back();
    for (const Eigen::Index sample : fold) {
      score.predicted.push_back(errors[sample]);
    }
    const double mean = errors(fold).square().mean();
    score.held_out = {mean};
    score.single = score.pair = mean;
  }
  return row;
}

TEST(Blend, AddsWhatLowersTheErrorAndLeavesOutTheRest) {
  const std::vector<Indices> folds = deal_folds(zeros().inputs, 3, 1);
  Stream stream(1, 0, "errors");
  Eigen::ArrayXd a(kSamples), b(kSamples);
  for (Eigen::Index i = 0; i < kSamples; ++i) {
    a[i] = stream.normal();
    b[i] = -0.8 * a[i] + 0.5 * stream.normal();
  }
  const std::vector<ContestRow> rows{row_with(a, folds), row_with(3 * a, folds), row_with(b, folds)};
  const Blend blend = find_blend({&rows[0], &rows[1], &rows[2]}, zeros(), folds);
  EXPECT_THAT(blend.members, UnorderedElementsAre(0, 2));
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    const Eigen::ArrayXd errors = ((a + b) / 2)(folds[fold]);
    EXPECT_NEAR(blend.errors[static_cast<Eigen::Index>(fold)], errors.square().mean(), 1e-14);
  }
  EXPECT_THAT(find_blend({&rows[0], &rows[1]}, zeros(), folds).members, UnorderedElementsAre(0));
}

// The mean of all optima of a last fit has less variance than that of the few of a fold.
TEST(Blend, CountsTheOptimaThatAreStillToCome) {
  const std::vector<Indices> folds = deal_folds(zeros().inputs, 3, 1);
  ContestRow many = row_with(Eigen::ArrayXd::Constant(kSamples, 1.2), folds);
  for (FoldScore& score : many.scores) {
    score.num_optima = 2;
    score.single = 2 * 1.44 - 0.7;
    score.pair = 0.7;
  }
  many.num_final = 10;
  const ContestRow one = row_with(Eigen::ArrayXd::Constant(kSamples, 1), folds);
  const Blend blend = find_blend({&one, &many}, zeros(), folds);
  EXPECT_EQ(blend.members.front(), 1);
  EXPECT_NEAR(many.errors_of_all()[0], 0.7 + (2 * 1.44 - 1.4) / 10, 1e-14);
}

}  // namespace
}  // namespace moest
