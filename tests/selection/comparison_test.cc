#include "moest/selection/comparison.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <Eigen/QR>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/model/predict.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;
using testing::ThrowsMessage;

// A smooth step between two lines, with noise of standard deviation 0.2.
Dataset two_lines(Eigen::Index n, std::uint64_t seed) {
  Dataset data;
  data.input_names = {"x", "z"};
  data.target_names = {"y"};
  data.inputs.resize(n, 2);
  data.target.resize(n, 1);
  Stream stream(seed, 0, "two lines");
  for (Eigen::Index i = 0; i < n; ++i) {
    data.inputs.row(i) << stream.uniform(-2, 2), stream.normal();
    const double x = data.inputs(i, 0);
    const double weight = 1 / (1 + std::exp(-4 * x));
    data.target(i, 0) = (1 - weight) * (1 - 2 * x) + weight * (3 * x - 1) + 0.2 * stream.normal();
    data.rows.push_back(static_cast<std::size_t>(i));
  }
  return data;
}

Grid linear_grid() { return {{GateSpec{}}, {ExpertSpec{}}, {1, 2, 4}, {0, 0.1}}; }

ComparisonOptions quick_options() {
  ComparisonOptions options;
  options.folds = 4;
  options.starts = 3;
  options.ensemble = 2;
  return options;
}

TEST(Compare, FindsTheNumberOfExperts) {
  const Comparison result = compare(linear_grid(), two_lines(300, 1), {}, quick_options());
  ASSERT_EQ(result.rows.size(), 3U);
  EXPECT_EQ(result.status, FitStatus::converged);
  EXPECT_EQ(result.num_folds, 4);
  EXPECT_EQ(result.rows[static_cast<std::size_t>(result.simplest)].contender.spec.num_experts, 2);
  const ComparisonRow& best = result.rows[static_cast<std::size_t>(result.best)];
  EXPECT_GE(best.contender.spec.num_experts, 2);
  EXPECT_NEAR(best.cv.rmse, 0.2, 4 * best.cv.standard_error + 0.01);
  EXPECT_GT(result.rows[0].cv.rmse, 0.5);
  EXPECT_FALSE(result.rows[0].dropped) << "a single expert is what mixtures are compared with";
  EXPECT_EQ(result.rows[0].num_folds, 4);
  EXPECT_GT(result.rows[0].difference, 3 * result.rows[0].difference_se);
  EXPECT_EQ(best.difference, 0);
  EXPECT_EQ(result.model.members.front().spec.num_experts, best.contender.spec.num_experts);
  ASSERT_EQ(result.baselines.size(), 4U);
  EXPECT_GT(result.baselines[0].error.rmse, result.baselines[1].error.rmse);
}

// An oracle of one fold: fit to the others, judged on it.
TEST(Compare, HasTheErrorsOfFitsToTheOtherFolds) {
  const Dataset data = two_lines(120, 2);
  const Grid grid{{GateSpec{}}, {ExpertSpec{}}, {1}, {0}};
  ComparisonOptions options = quick_options();
  options.clipping = false;
  const Comparison result = compare(grid, data, {}, options);
  double sum = 0;
  for (const Indices& fold : deal_folds(data.inputs, 4, options.seed)) {
    const Dataset train = subset(data, complement(fold, 120));
    const Dataset held_out = subset(data, fold);
    Eigen::MatrixXd design(train.inputs.rows(), 3);
    design << train.inputs, Eigen::VectorXd::Ones(train.inputs.rows());
    const Eigen::VectorXd line = design.colPivHouseholderQr().solve(train.target.col(0));
    const Eigen::VectorXd errors =
        held_out.target.col(0) - held_out.inputs * line.head(2) - Eigen::VectorXd::Constant(30, line[2]);
    sum += errors.squaredNorm() / 30 / 4;
  }
  EXPECT_NEAR(result.rows[0].cv.rmse, std::sqrt(sum), 1e-8);
  // It is a single expert, and linear regression.
  EXPECT_NEAR(result.baselines[1].error.rmse, std::sqrt(sum), 1e-8);
  EXPECT_NEAR(result.baselines[3].error.rmse, std::sqrt(sum), 1e-8);
}

TEST(Compare, PredictsNothingBeyondTheRangeOfTheTargetUnlessAllowed) {
  const Dataset data = two_lines(100, 4);
  const Grid grid{{GateSpec{}}, {ExpertSpec{}}, {1}, {0}};
  ComparisonOptions options = quick_options();
  const Eigen::MatrixXd far = 100 * data.inputs;
  const Eigen::MatrixXd clipped = predict_mean(compare(grid, data, {}, options).model, far, 1);
  options.clipping = false;
  const Comparison free = compare(grid, data, {}, options);
  EXPECT_EQ(clipped.maxCoeff(), data.target.maxCoeff());
  EXPECT_EQ(clipped.minCoeff(), data.target.minCoeff());
  EXPECT_GT(predict_mean(free.model, far, 1).maxCoeff(), 2 * data.target.maxCoeff());
}

TEST(Compare, LearnsNothingFromTheTestSamples) {
  Dataset data = two_lines(200, 3);
  Grid grid = linear_grid();
  grid.experts.emplace_back().kind = "constant";  // of which two are clearly worse, and drop out
  const Indices test{3, 10, 50, 51, 52, 120, 199};
  const Comparison before = compare(grid, data, test, quick_options());
  for (const Eigen::Index sample : test) {
    data.target(sample, 0) += 100;
  }
  const Comparison after = compare(grid, data, test, quick_options());
  ASSERT_EQ(before.best, after.best);
  EXPECT_TRUE(std::any_of(before.rows.begin(), before.rows.end(),
                          [](const ComparisonRow& row) { return row.dropped; }));
  for (std::size_t i = 0; i < before.rows.size(); ++i) {
    EXPECT_EQ(before.rows[i].cv.rmse, after.rows[i].cv.rmse);
    EXPECT_EQ(before.rows[i].test.has_value(), !before.rows[i].dropped);
    EXPECT_EQ(before.error_of(before.rows[i]).has_value(), before.rows[i].test.has_value())
        << "the error of the folds is none of the test samples";
    if (before.rows[i].test) {
      EXPECT_LT(before.rows[i].test->rmse, 3);
      EXPECT_GT(after.rows[i].test->rmse, 90);
    }
  }
  EXPECT_EQ(predict_mean(before.model, data.inputs, 1), predict_mean(after.model, data.inputs, 1));
  // By the definition.
  const Dataset held_out = subset(data, test);
  const Eigen::VectorXd errors = held_out.target - predict_mean(after.model, held_out.inputs, 1);
  EXPECT_NEAR(after.rows[static_cast<std::size_t>(after.best)].test->rmse,
              std::sqrt(errors.squaredNorm() / 7), 1e-10);
}

TEST(Compare, GivesTheSameForAnyNumberOfThreads) {
  const Dataset data = two_lines(150, 4);
  ComparisonOptions options = quick_options();
  options.threads = 1;
  const Comparison one = compare(linear_grid(), data, {}, options);
  options.threads = 3;
  const Comparison three = compare(linear_grid(), data, {}, options);
  for (std::size_t i = 0; i < one.rows.size(); ++i) {
    EXPECT_EQ(one.rows[i].cv.rmse, three.rows[i].cv.rmse);
    EXPECT_EQ(one.rows[i].num_folds, three.rows[i].num_folds);
  }
  EXPECT_EQ(predict_mean(one.model, data.inputs, 1), predict_mean(three.model, data.inputs, 1));
}

class CompareWithStore : public testing::Test {
 protected:
  CompareWithStore() { fs::remove(path_); }
  ~CompareWithStore() override { fs::remove(path_); }

  std::string path_ = fs::temp_directory_path() / ("moest_comparison_test_" + std::to_string(::getpid()));
};

TEST_F(CompareWithStore, RefusesScoresOfOtherDataOrOtherFolds) {
  const Dataset data = two_lines(60, 5);
  ComparisonOptions options = quick_options();
  Grid grid = linear_grid();
  grid.num_experts = {1};
  {
    Journal journal(path_);
    compare(grid, data, {}, options, &journal);
  }
  const auto refuses = [&](const Dataset& given) {
    Journal journal(path_);
    EXPECT_THAT([&] { compare(grid, given, {}, options, &journal); },
                ThrowsMessage<InputError>(HasSubstr("the store is that of another comparison")));
  };
  Dataset other = data;
  other.input_names = {"x", "u"};
  refuses(other);
  other = data;
  other.inputs.col(0).swap(other.inputs.col(1));
  refuses(other);
  options.seed = 1;
  refuses(data);
}

TEST_F(CompareWithStore, GoesOnWhereItWasInterrupted) {
  const Dataset data = two_lines(150, 5);
  const ComparisonOptions options = quick_options();
  const Comparison whole = compare(linear_grid(), data, {}, options);
  {
    std::atomic<bool> interrupt{false};
    Journal journal(path_);
    const Comparison part = compare(linear_grid(), data, {}, options, &journal, {&interrupt, {}},
                                    [&](const ContestProgress& progress) {
                                      EXPECT_LE(progress.share_done, 1);
                                      interrupt = progress.num_done >= 9;
                                    });
    EXPECT_EQ(part.status, FitStatus::interrupted);
    EXPECT_TRUE(part.model.members.empty());
  }
  Journal journal(path_);
  EXPECT_GE(journal.lines().size(), 1U + 9U);
  int num_fits = 0;
  const Comparison rest = compare(linear_grid(), data, {}, options, &journal, {},
                                  [&](const ContestProgress& progress) { num_fits = progress.num_done; });
  EXPECT_LE(num_fits, 24 - 9);
  EXPECT_EQ(rest.best, whole.best);
  for (std::size_t i = 0; i < whole.rows.size(); ++i) {
    EXPECT_EQ(rest.rows[i].cv.rmse, whole.rows[i].cv.rmse);
    EXPECT_EQ(rest.rows[i].ensemble, whole.rows[i].ensemble);
  }
  // A larger grid takes what is there.
  Grid larger = linear_grid();
  larger.num_experts = {1, 2, 3, 4};
  Journal again(path_);
  compare(larger, data, {}, options, &again, {},
          [&](const ContestProgress& progress) { num_fits = progress.num_done; });
  EXPECT_LE(num_fits, 8);
}

TEST_F(CompareWithStore, RefusesTheStoreOfOtherDataAndADamagedOne) {
  ComparisonOptions options = quick_options();
  {
    Journal journal(path_);
    compare(linear_grid(), two_lines(100, 6), {}, options, &journal);
  }
  Journal journal(path_);
  EXPECT_THAT([&] { compare(linear_grid(), two_lines(100, 7), {}, options, &journal); },
              ThrowsMessage<InputError>(HasSubstr("another comparison")));
  options.starts = 5;
  EXPECT_THROW(compare(linear_grid(), two_lines(100, 6), {}, options, &journal), InputError);
  options = quick_options();
  std::ofstream(path_, std::ios::app) << "{\"of\": 1}\n";
  Journal damaged(path_);
  EXPECT_THAT([&] { compare(linear_grid(), two_lines(100, 6), {}, options, &damaged); },
              ThrowsMessage<InputError>(HasSubstr("damaged")));
}

TEST(Compare, RefusesWhatItCannotCompare) {
  const Dataset data = two_lines(60, 8);
  Grid grid = linear_grid();
  grid.num_experts.clear();
  EXPECT_THROW(compare(grid, data, {}, quick_options()), InputError);
  grid = linear_grid();
  grid.ridges = {-1};
  EXPECT_THROW(compare(grid, data, {}, quick_options()), InputError);
  ComparisonOptions options = quick_options();
  options.folds = 1;
  EXPECT_THROW(compare(linear_grid(), data, {}, options), InputError);
  options.folds = 61;
  EXPECT_THROW(compare(linear_grid(), data, {}, options), InputError);
}

// Of which the second, a line with much noise, has another unit.
Dataset two_targets(Eigen::Index n, std::uint64_t seed) {
  Dataset data = two_lines(n, seed);
  data.target_names = {"y", "load"};
  data.target.conservativeResize(n, 2);
  Stream stream(seed, 0, "second target");
  for (Eigen::Index i = 0; i < n; ++i) {
    data.target(i, 1) = 5000 + 300 * data.inputs(i, 1) + 200 * stream.normal();
  }
  return data;
}

// An oracle of one fold, for two targets: fits to the others, judged in standard deviations over all samples.
TEST(Compare, JudgesSeveralTargetsInTheirStandardDeviations) {
  const Dataset data = two_targets(120, 2);
  ComparisonOptions options = quick_options();
  options.clipping = false;
  const Comparison result = compare({{GateSpec{}}, {ExpertSpec{}}, {1}, {0}}, data, {}, options);
  const Eigen::RowVectorXd mean = data.target.colwise().mean();
  const Eigen::RowVectorXd variance = (data.target.rowwise() - mean).array().square().colwise().mean();
  Eigen::RowVectorXd squares = Eigen::RowVectorXd::Zero(2);
  for (const Indices& fold : deal_folds(data.inputs, 4, options.seed)) {
    const Dataset train = subset(data, complement(fold, 120));
    const Dataset held_out = subset(data, fold);
    Eigen::MatrixXd design(train.inputs.rows(), 3);
    design << train.inputs, Eigen::VectorXd::Ones(train.inputs.rows());
    const Eigen::MatrixXd lines = design.colPivHouseholderQr().solve(train.target);
    const Eigen::MatrixXd errors =
        (held_out.target - held_out.inputs * lines.topRows(2)).rowwise() - lines.row(2);
    squares += errors.array().square().colwise().sum().matrix() / 120;
  }
  EXPECT_NEAR(result.rows[0].cv.rmse, std::sqrt((squares.array() / variance.array()).mean()), 1e-8);
  EXPECT_NEAR(result.baselines[1].error.rmse, result.rows[0].cv.rmse, 1e-8);
  EXPECT_NEAR(result.baselines[0].error.rmse, 1, 0.05) << "the mean has an error of one standard deviation";
  ASSERT_EQ(result.by_target.size(), 2U);
  EXPECT_NEAR(result.by_target[0].rmse, std::sqrt(squares[0]), 1e-8);
  EXPECT_NEAR(result.by_target[1].rmse, std::sqrt(squares[1]), 1e-5);
}

TEST(Compare, ChoosesForAllTargetsTogether) {
  Dataset data = two_targets(300, 5);
  const Indices test{0, 7, 20, 21, 22, 100, 101, 250, 299};
  const Comparison result = compare(linear_grid(), data, test, quick_options());
  const ComparisonRow& best = result.rows[static_cast<std::size_t>(result.best)];
  EXPECT_GE(best.contender.spec.num_experts, 2) << "the first target has two lines";
  const int number = best.contender.spec.num_experts;
  EXPECT_EQ(best.num_parameters, 3 * (number - 1) + 6 * number);
  // By the definition, on the test samples.
  const Dataset learned = subset(data, complement(test, 300));
  const Dataset held_out = subset(data, test);
  const Eigen::MatrixXd errors = held_out.target - predict_mean(result.model, held_out.inputs, 1);
  const Eigen::RowVectorXd mean = learned.target.colwise().mean();
  const Eigen::ArrayXXd variance = (learned.target.rowwise() - mean).array().square().colwise().mean();
  const Eigen::ArrayXXd squares = errors.array().square().colwise().mean();
  const Error& judged = result.blend.rows.empty() ? *best.test : *result.blend.test;
  EXPECT_NEAR(judged.rmse, std::sqrt((squares / variance).mean()), 1e-10);
  for (Eigen::Index j = 0; j < 2; ++j) {
    EXPECT_NEAR(result.by_target[static_cast<std::size_t>(j)].rmse, std::sqrt(squares(0, j)), 1e-7);
  }
  // In other units all is the same.
  data.target.col(1) *= 1e-3;
  const Comparison scaled = compare(linear_grid(), data, test, quick_options());
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    EXPECT_NEAR(scaled.rows[i].cv.rmse, result.rows[i].cv.rmse, 1e-6);
  }
  EXPECT_NEAR(scaled.by_target[1].rmse, 1e-3 * result.by_target[1].rmse, 1e-6);
}

}  // namespace
}  // namespace moest
