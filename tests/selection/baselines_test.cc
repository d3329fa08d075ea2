#include "moest/selection/baselines.h"

#include <gtest/gtest.h>

namespace moest {
namespace {

Dataset data_of(const Eigen::MatrixXd& inputs, const Eigen::VectorXd& target) {
  Dataset data;
  data.inputs = inputs;
  data.target = target;
  return data;
}

TEST(Baselines, OfTheMeanCountWeights) {
  Dataset data = data_of(Eigen::VectorXd::LinSpaced(3, 0, 2), Eigen::Vector3d(1, 2, 9));
  EXPECT_DOUBLE_EQ(predict_by_mean(data, Eigen::VectorXd::Zero(2))(1, 0), 4);
  data.weights = Eigen::Vector3d(1, 1, 2);
  EXPECT_DOUBLE_EQ(predict_by_mean(data, Eigen::VectorXd::Zero(2))(1, 0), 5.25);
}

TEST(Baselines, OfRegressionFindALineAndPassOverWhatDependsOnAnotherInput) {
  Eigen::MatrixXd inputs(5, 2);
  inputs.col(0) = Eigen::VectorXd::LinSpaced(5, -3, 40);
  inputs.col(1) = -2 * inputs.col(0).array() + 7;
  const Dataset data = data_of(inputs, 3 * inputs.col(0).array() - 1);
  EXPECT_TRUE(predict_by_regression(data, inputs).isApprox(data.target.col(0), 1e-12));
  // A weight of zero, nearly, takes an outlier out.
  Dataset weighted = data;
  weighted.target(2, 0) += 1000;
  weighted.weights = Eigen::VectorXd::Ones(5);
  weighted.weights[2] = 1e-12;
  EXPECT_TRUE(predict_by_regression(weighted, inputs).isApprox(data.target.col(0), 1e-6));
}

TEST(Baselines, OfNeighboursAverageTheNearestInStandardisedInputs) {
  // The second input has a large unit, and counts no more for it.
  Eigen::MatrixXd inputs(4, 2);
  inputs << 0, 0, 1, 0, 0, 1000, 5, 5000;
  const Dataset data = data_of(inputs, Eigen::Vector4d(1, 2, 4, 8));
  const Eigen::MatrixXd query = (Eigen::MatrixXd(1, 2) << 0.2, 100).finished();
  EXPECT_DOUBLE_EQ(predict_by_neighbours(data, query, 1, 1)(0, 0), 1);
  EXPECT_DOUBLE_EQ(predict_by_neighbours(data, query, 3, 2)(0, 0), 7.0 / 3);
  EXPECT_DOUBLE_EQ(predict_by_neighbours(data, query, 9, 1)(0, 0), 15.0 / 4);
}

// Each target of several is predicted as if it were alone.
TEST(Baselines, PredictEachTargetByItself) {
  Dataset both = data_of(Eigen::MatrixXd::Random(20, 2), Eigen::VectorXd::Zero(20));
  both.target = Eigen::MatrixXd::Random(20, 3);
  both.weights = Eigen::VectorXd::LinSpaced(20, 0.5, 2);
  const Eigen::MatrixXd queries = Eigen::MatrixXd::Random(7, 2);
  for (Eigen::Index j = 0; j < 3; ++j) {
    Dataset one = both;
    one.target = both.target.col(j).eval();
    EXPECT_TRUE(predict_by_mean(one, queries).isApprox(predict_by_mean(both, queries).col(j), 1e-12));
    EXPECT_TRUE(
        predict_by_regression(one, queries).isApprox(predict_by_regression(both, queries).col(j), 1e-12));
    EXPECT_TRUE(predict_by_neighbours(one, queries, 3, 1)
                    .isApprox(predict_by_neighbours(both, queries, 3, 1).col(j), 1e-12));
  }
}

}  // namespace
}  // namespace moest
