#include "moest/kernel/combiners.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "moest/base/random.h"

namespace moest {
namespace {

using Real = long double;
constexpr double kEps = std::numeric_limits<double>::epsilon();

template <class T>
std::vector<T> softmax_of(std::vector<T> scores) {
  softmax(std::span<T>(scores));
  return scores;
}

// Without the shift: long double holds e^s for |s| < 11,000.
std::vector<Real> plain_softmax(const std::vector<double>& scores) {
  std::vector<Real> weights;
  for (const double score : scores) {
    weights.push_back(std::exp(Real{score}));
  }
  const Real total = std::accumulate(weights.begin(), weights.end(), Real{0});
  for (Real& weight : weights) {
    weight /= total;
  }
  return weights;
}

// Rounding of the difference to the largest score, eps |s_i - max|, becomes a relative error of e^; then the
// exponential, the sum of k and the quotient.
TEST(Softmax, HasRelativeAccuracyForScoresUpToTenThousand) {
  Stream stream(1, 0, "softmax");
  for (int trial = 0; trial < 3000; ++trial) {
    const double range = std::pow(10.0, stream.uniform(-3, 4));
    std::vector<double> scores(static_cast<std::size_t>(1 + stream.below(12)));
    for (double& score : scores) {
      score = stream.uniform(-range, range);
    }
    const std::vector<Real> exact = plain_softmax(scores);
    const std::vector<double> weights = softmax_of(scores);
    const double largest = *std::max_element(scores.begin(), scores.end());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double relative = kEps * (4 + static_cast<double>(scores.size()) + std::abs(scores[i] - largest));
      EXPECT_LE(std::abs(weights[i] - exact[i]),
                relative * exact[i] + 2 * std::numeric_limits<double>::denorm_min())
          << scores[i] - largest;
    }
  }
}

TEST(Softmax, GivesWeightsThatAreNotNegativeAndSumToOne) {
  Stream stream(2, 0, "softmax");
  for (int trial = 0; trial < 2000; ++trial) {
    const double range = std::pow(10.0, stream.uniform(-3, 307));
    std::vector<double> scores(static_cast<std::size_t>(1 + stream.below(12)));
    for (double& score : scores) {
      score = stream.uniform(-range, range);
    }
    const std::vector<double> weights = softmax_of(scores);
    double total = 0;
    for (const double weight : weights) {
      EXPECT_GE(weight, 0);
      total += weight;
    }
    EXPECT_NEAR(total, 1, static_cast<double>(scores.size()) * kEps);
  }
}

TEST(Softmax, OfEqualScoresIsUniformHoweverLargeTheyAre) {
  for (const double score : {0.0, -0.0, 1e4, -1e4, 1e308, -1e308, std::numeric_limits<double>::max()}) {
    for (const std::size_t k : {1u, 2u, 4u, 8u}) {
      for (const double weight : softmax_of(std::vector<double>(k, score))) {
        EXPECT_EQ(weight, 1.0 / static_cast<double>(k));
      }
    }
  }
}

TEST(Softmax, PutsAllWeightOnAScoreFarAboveTheOthers) {
  EXPECT_EQ(softmax_of<double>({-1e4, 1e4, 0}), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(softmax_of<double>({1e308, -1e308}), (std::vector<double>{1, 0}));
  // The difference of two finite scores may overflow; the weight is then 0, not NaN.
  const double max = std::numeric_limits<double>::max();
  EXPECT_EQ(softmax_of<double>({-max, max}), (std::vector<double>{0, 1}));
}

TEST(Softmax, OfOneScoreIsOne) { EXPECT_EQ(softmax_of<double>({-700.5}), (std::vector<double>{1})); }

// The definition: weight i counts if fewer than `kept` scores are larger, or equal and earlier.
TEST(Softmax, OfTheLargestScoresLeavesTheOthersOut) {
  Stream stream(3, 0, "largest");
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<double> scores(static_cast<std::size_t>(1 + stream.below(9)));
    for (double& score : scores) {
      score = trial % 2 == 0 ? stream.uniform(-800, 800) : stream.below(3);  // with and without ties
    }
    const int kept = 1 + stream.below(static_cast<int>(scores.size()));
    std::vector<double> weights = scores;
    softmax(std::span<double>(weights), kept);
    std::vector<double> left;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      int before = 0;
      for (std::size_t j = 0; j < scores.size(); ++j) {
        before += scores[j] > scores[i] || (scores[j] == scores[i] && j < i) ? 1 : 0;
      }
      if (before < kept) {
        left.push_back(scores[i]);
        places.push_back(i);
      } else {
        EXPECT_EQ(weights[i], 0);
      }
    }
    ASSERT_EQ(left.size(), static_cast<std::size_t>(kept));
    const std::vector<double> expected = softmax_of(left);
    for (std::size_t i = 0; i < left.size(); ++i) {
      EXPECT_NEAR(weights[places[i]], expected[i], 1e-15);
    }
  }
}

// Shifts that are exact in binary leave every bit.
TEST(Softmax, IsInvariantToAnExactCommonShift) {
  const std::vector<double> scores{0.5, -1.25, 3, 0};
  for (const double shift : {1024.0, -65536.0}) {
    std::vector<double> shifted = scores;
    for (double& score : shifted) {
      score += shift;
    }
    EXPECT_EQ(softmax_of(shifted), softmax_of(scores));
  }
}

}  // namespace
}  // namespace moest
