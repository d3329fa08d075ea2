#include "moest/theory/distance_sum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "moest/base/random.h"

namespace moest {
namespace {

DistanceSum sum_of(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights,
                   const Eigen::VectorXd& powers) {
  DistanceSum sum(points.rows(), points.cols());
  sum.points = points;
  sum.weights = weights;
  sum.powers = powers;
  return sum;
}

TEST(DistanceSum, IsLeastAtTheMeanWhereAllPowersAreTwo) {
  DistanceSum sum = sum_of((Eigen::MatrixXd(1, 3) << 0, 1, 5).finished(), Eigen::Vector3d(1, 2, 1),
                           Eigen::Vector3d(2, 2, 2));
  EXPECT_DOUBLE_EQ(sum.minimise()[0], 7.0 / 4);
  EXPECT_DOUBLE_EQ(sum.value(Eigen::VectorXd::Constant(1, 2)), 4 + 2 + 9);
}

TEST(DistanceSum, IsLeastAtTheWeightedMedianOfPointsOnALine) {
  // Half of the weight, 3.5, is reached at the point 4.
  DistanceSum sum = sum_of((Eigen::MatrixXd(1, 4) << 9, 4, 0, 1).finished(), Eigen::Vector4d(2, 2, 1, 2),
                           Eigen::Vector4d::Ones());
  EXPECT_EQ(sum.minimise()[0], 4);
}

TEST(DistanceSum, IsLeastAtTheFermatPointOfATriangle) {
  // The sides of (0, 0), (1, 0), (0, 1) are seen from (x, x), x = (3 - sqrt 3) / 6, under 120 degrees.
  Eigen::MatrixXd triangle(2, 3);
  triangle << 0, 1, 0, 0, 0, 1;
  DistanceSum sum = sum_of(triangle, Eigen::Vector3d::Ones(), Eigen::Vector3d::Ones());
  const Eigen::VectorXd fermat = sum.minimise();
  EXPECT_NEAR(fermat[0], (3 - std::sqrt(3)) / 6, 1e-9);
  EXPECT_NEAR(fermat[1], (3 - std::sqrt(3)) / 6, 1e-9);
  EXPECT_NEAR(sum.value(fermat), (std::sqrt(2) + std::sqrt(6)) / 2, 1e-13);
}

TEST(DistanceSum, IsLeastAtACornerWithAWideAngle) {
  Eigen::MatrixXd triangle(2, 3);
  triangle << -2, 0, 2, 1, 0, 1;  // 127 degrees at the origin
  DistanceSum sum = sum_of(triangle, Eigen::Vector3d::Ones(), Eigen::Vector3d::Ones());
  EXPECT_EQ(sum.minimise(), Eigen::VectorXd(Eigen::Vector2d(0, 0)));
}

TEST(DistanceSum, FindsPointsThatAllAgreeExactly) {
  for (const double power : {1.0, 1.5, 2.0, 3.0}) {
    const Eigen::Vector2d point(0.3, -0.7);
    DistanceSum sum =
        sum_of(point.replicate(1, 4), Eigen::Vector4d(0.1, 0.2, 0.3, 0.4), Eigen::Vector4d::Constant(power));
    EXPECT_LT(sum.value(sum.minimise()), 1e-15) << power;
  }
}

// F is convex: where no nearby point is lower, in any direction, none is anywhere.
TEST(DistanceSum, HasNoLowerPointNearby) {
  Stream stream(5, 0, "points");
  for (int trial = 0; trial < 300; ++trial) {
    const int dimension = 1 + stream.below(5);
    const int num_points = 1 + stream.below(7);
    Eigen::MatrixXd points(dimension, num_points);
    for (double& value : points.reshaped()) {
      value = stream.normal();
    }
    Eigen::VectorXd weights(num_points);
    Eigen::VectorXd powers(num_points);
    const double power = 1 + stream.below(5) * 0.75;
    for (int i = 0; i < num_points; ++i) {
      weights[i] = std::exp(2 * stream.normal());
      powers[i] = trial % 2 == 0 ? 1 + stream.below(2) : power;
    }
    DistanceSum sum = sum_of(points, weights, powers);
    const Eigen::VectorXd least = sum.minimise();
    const double value = sum.value(least);
    for (int probe = 0; probe < 200; ++probe) {
      Eigen::VectorXd direction(dimension);
      for (double& coordinate : direction) {
        coordinate = stream.normal();
      }
      const double length = std::pow(10, stream.uniform(-6, 0.5));
      EXPECT_GE(sum.value(least + length * direction), value * (1 - 2e-12)) << trial << " power " << power;
    }
  }
}

}  // namespace
}  // namespace moest
