#include "moest/model/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "moest/base/error.h"
#include "moest/base/random.h"

namespace moest {
namespace {

double cost_of(const Eigen::MatrixXd& cost, const std::vector<int>& order) {
  double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sum += cost(static_cast<Eigen::Index>(i), order[i]);
  }
  return sum;
}

TEST(Assignment, IsTheBestOfAllPermutations) {
  Stream stream(1, 0, "costs");
  for (int size = 1; size <= 6; ++size) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      Eigen::MatrixXd cost(size, size);
      for (double& value : cost.reshaped()) {
        value = repeat % 2 == 0 ? stream.normal() : stream.below(3);  // the latter with ties
      }
      std::vector<int> order(static_cast<std::size_t>(size));
      std::iota(order.begin(), order.end(), 0);
      double least = std::numeric_limits<double>::infinity();
      do {
        least = std::min(least, cost_of(cost, order));
      } while (std::next_permutation(order.begin(), order.end()));
      const std::vector<int> found = assign(cost);
      EXPECT_TRUE(std::is_permutation(found.begin(), found.end(), order.begin()));
      EXPECT_NEAR(cost_of(cost, found), least, 1e-12);
    }
  }
}

TEST(Assignment, NeedsASquareOfFiniteCosts) {
  EXPECT_TRUE(assign(Eigen::MatrixXd(0, 0)).empty());
  EXPECT_THROW(assign(Eigen::MatrixXd::Zero(2, 3)), ContractError);
  EXPECT_THROW(assign(Eigen::MatrixXd::Constant(1, 1, std::numeric_limits<double>::infinity())),
               ContractError);
}

}  // namespace
}  // namespace moest
