#include "moest/fit/robust.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "moest/base/error.h"
#include "moest/fit/fit.h"
#include "moest/model/predict.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

TEST(MedianScale, IsThatOfTheMiddle) {
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(median_scale({-3, 0, 1, 100, 2}, 1), 1.4826);
}

// Lines with a tenth of the samples far off.
TestProblem with_outliers(const std::string& expert, int num_experts, std::uint64_t seed) {
  TestProblem test = random_problem("softmax", expert, 2, num_experts, 400, 0.1, seed);
  for (Eigen::Index i = 0; i < 400; i += 10) {
    test.data.target(i, 0) += i % 20 == 0 ? 30 : 8;
  }
  return test;
}

// The oracle of one linear expert: its normal equations with the factors, solved until nothing changes.
struct Regression {
  Eigen::VectorXd line;
  Eigen::VectorXd standard_errors;
  double scale = 0;
};
Regression robust_regression(const Dataset& data, const std::string& loss) {
  Eigen::MatrixXd design(data.inputs.rows(), data.inputs.cols() + 1);
  design << data.inputs, Eigen::VectorXd::Ones(data.inputs.rows());
  const Eigen::VectorXd y = data.target.col(0);
  Regression result;
  result.line = (design.transpose() * design).ldlt().solve(design.transpose() * y);
  Eigen::ArrayXd psi;
  Eigen::ArrayXd slope;
  for (int round = 0; round < 2000; ++round) {
    const Eigen::ArrayXd r = y - design * result.line;
    result.scale = median_scale({r.begin(), r.end()}, 0);
    const double c = (loss == "huber" ? 1.345 : 2.385) * result.scale;
    Eigen::ArrayXd factor;
    if (loss == "huber") {
      factor = (r.abs() <= c).select(1.0, c / r.abs());
      slope = (r.abs() <= c).cast<double>();
    } else {
      const Eigen::ArrayXd q = (r / c).square();
      factor = 1 / (1 + q);
      slope = (1 - q) / (1 + q).square();
    }
    psi = factor * r;
    result.line = (design.transpose() * factor.matrix().asDiagonal() * design)
                      .ldlt()
                      .solve(design.transpose() * factor.matrix().asDiagonal() * y);
  }
  const Eigen::MatrixXd bread = (design.transpose() * slope.matrix().asDiagonal() * design).inverse();
  const Eigen::MatrixXd meat = design.transpose() * psi.square().matrix().asDiagonal() * design;
  const double n = static_cast<double>(y.size());
  result.standard_errors =
      ((bread * meat * bread).diagonal() * n / (n - static_cast<double>(design.cols()))).cwiseSqrt();
  return result;
}

TEST(RobustFit, IsRobustRegressionWithASingleExpert) {
  const TestProblem test = with_outliers("linear", 1, 3);
  for (const char* loss : {"huber", "cauchy"}) {
    FitOptions options;
    options.loss = loss;
    options.scaling = false;
    options.tolerance = 1e-12;
    const FitResult result = fit(test.truth.spec, test.data, options);
    const Regression expected = robust_regression(test.data, loss);
    for (std::size_t j = 0; j < 3; ++j) {
      const auto at = static_cast<Eigen::Index>(j);
      EXPECT_NEAR(result.model.atoms[0].expert[j], expected.line[at], 1e-6) << loss;
    }
    ASSERT_EQ(result.summary.coefficients.size(), 3U);
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(*result.summary.coefficients[j].standard_error,
                  expected.standard_errors[static_cast<Eigen::Index>(j)],
                  1e-4 * expected.standard_errors.norm())
          << loss;
    }
    EXPECT_NEAR(std::sqrt(result.summary.noise_variance[0]), expected.scale, 1e-6);
    EXPECT_GE(*result.summary.outliers, 40);
    EXPECT_EQ(result.summary.bic, std::nullopt);
  }
}

TEST(RobustFit, FindsTheTruthThatOutliersHide) {
  const TestProblem test = with_outliers("linear", 2, 5);
  const Eigen::MatrixXd truth = predict(test.truth, test.data.inputs, 1).mean;
  const auto distance = [&](const std::string& loss) {
    FitOptions options;
    options.loss = loss;
    const FitResult result = fit(test.truth.spec, test.data, options);
    EXPECT_EQ(result.summary.status, FitStatus::converged);
    return (predict(result.model, test.data.inputs, 1).mean - truth).norm() / std::sqrt(400.0);
  };
  const double of_squares = distance("squared");
  EXPECT_GT(of_squares, 0.5);
  EXPECT_LT(distance("huber"), 0.1 * of_squares);
  EXPECT_LT(distance("cauchy"), 0.05 * of_squares);
}

TEST(RobustFit, GivesTheSameForAnyNumberOfThreads) {
  const TestProblem test = with_outliers("tanh", 2, 6);
  FitOptions options;
  options.loss = "cauchy";
  options.threads = 1;
  const FitResult one = fit(test.truth.spec, test.data, options);
  options.threads = 3;
  const FitResult three = fit(test.truth.spec, test.data, options);
  EXPECT_EQ(predict(one.model, test.data.inputs, 1).mean, predict(three.model, test.data.inputs, 1).mean);
}

TEST(RobustFit, SurvivesDataWithoutNoiseAndRefusesAnotherCovariance) {
  const TestProblem test = random_problem("softmax", "linear", 1, 1, 50, 0.0, 1);
  FitOptions options;
  options.loss = "huber";
  const FitResult result = fit(test.truth.spec, test.data, options);
  EXPECT_LT(result.summary.rss, 1e-12);
  options.covariance = "classical";
  EXPECT_THROW(fit(test.truth.spec, test.data, options), InputError);
}

}  // namespace
}  // namespace moest
