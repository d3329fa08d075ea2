#include "moest/kernel/links.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "moest/base/random.h"
#include "tests/kernel/reference_links.h"

namespace moest {
namespace {

using Real = long double;
constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
template <class T>
LinkPoint<T> at(Link link, T t) {
  return visit_link(link, [&](auto function) { return function(t); });
}

// Dense near 0, and on to +-5000: long double still holds cosh(5000).
std::vector<double> points() {
  std::vector<double> result{0.0,    -0.0,   1e-320, -1e-320, 1e-300, 1e-17,  -1e-17,
                             708.3,  -708.3, 709.8,  -709.8,  744.4,  -744.4, 745.2,
                             -745.2, 746,    -746,   1000,    -1000,  5000,   -5000};
  for (double t = 1e-12; t < 750; t *= 1.07) {
    result.push_back(t);
    result.push_back(-t);
  }
  Stream stream(1, 0, "link points");
  for (int i = 0; i < 5000; ++i) {
    result.push_back(40 * stream.normal());
    result.push_back(stream.uniform(-800, 800));
  }
  return result;
}

// An exponential and a handful of roundings: 8 eps relative, and one smallest subnormal where the answer
// underflows.
TEST(SigmoidLink, HasRelativeAccuracyInBothTailsOfValueAndSlope) {
  for (const double t : points()) {
    const LinkPoint<Real> exact = reference_link(Link::sigmoid, t);
    const LinkPoint<double> point = at(Link::sigmoid, t);
    EXPECT_LE(std::abs(point.value - exact.value), 8 * kEps * exact.value + 2 * kTiny) << t;
    EXPECT_LE(std::abs(point.slope - exact.slope), 8 * kEps * exact.slope + 2 * kTiny) << t;
    EXPECT_LE(std::abs(point.curvature - exact.curvature), 12 * kEps * exact.slope + 2 * kTiny) << t;
  }
}

// The slope (1 - v)(1 + v) takes v's rounding: absolute accuracy only, 2 eps, so relative 2 eps cosh^2 t.
TEST(TanhLink, HasRelativeAccuracyOfTheValueAndAbsoluteAccuracyOfTheSlope) {
  for (const double t : points()) {
    const LinkPoint<Real> exact = reference_link(Link::tanh, t);
    const LinkPoint<double> point = at(Link::tanh, t);
    EXPECT_LE(std::abs(point.value - exact.value), 4 * kEps * std::abs(exact.value)) << t;
    EXPECT_LE(std::abs(point.slope - exact.slope), 4 * kEps) << t;
    EXPECT_LE(std::abs(point.curvature - exact.curvature), 10 * kEps) << t;
    EXPECT_GE(point.slope, 0) << t;
  }
}

// The left tails of value and slope come from an exponential, and the slope of gelu and silu crosses 0 near t
// = -0.75 and -1.28: their errors are relative to the two terms that cancel there.
TEST(GeluSiluAndSoftplusLinks, HaveRelativeAccuracyInBothTails) {
  for (const double t : points()) {
    if (std::abs(t) > 37) {
      continue;  // where gelu underflows on one side and is t on the other
    }
    for (const Link link : {Link::gelu, Link::silu, Link::softplus}) {
      const LinkPoint<Real> exact = reference_link(link, t);
      const LinkPoint<double> point = at(link, t);
      const Real decay = link == Link::gelu
                             ? reference_link(Link::sigmoid, 0).value * std::exp(-Real{t} * t / 2)
                             : reference_link(Link::sigmoid, t).slope;
      const Real terms = std::abs(exact.slope) + (1 + std::abs(t)) * decay;
      const Real growth = 1 + std::abs(t) * std::abs(t) / 8;  // of the rounding of t^2 / 2 in the exponential
      EXPECT_LE(std::abs(point.value - exact.value), 8 * kEps * growth * std::abs(exact.value) + kTiny) << t;
      EXPECT_LE(std::abs(point.slope - exact.slope), 8 * kEps * growth * terms + kTiny) << t;
      EXPECT_LE(std::abs(point.curvature - exact.curvature), 12 * kEps * growth * (2 + t * t) * decay + kTiny)
          << t;
    }
  }
}

TEST(PowerLinks, AreProductsOfTheirArgument) {
  for (const double t : points()) {
    for (const Link link :
         {Link::square, Link::cube, Link::fourth_power, Link::fifth_power, Link::sixth_power}) {
      const LinkPoint<Real> exact = reference_link(link, t);
      const LinkPoint<double> point = at(link, t);
      EXPECT_LE(std::abs(point.value - exact.value), 4 * kEps * std::abs(exact.value) + kTiny) << t;
      EXPECT_LE(std::abs(point.slope - exact.slope), 4 * kEps * std::abs(exact.slope) + 8 * kTiny) << t;
      EXPECT_LE(std::abs(point.curvature - exact.curvature),
                4 * kEps * std::abs(exact.curvature) + 32 * kTiny)
          << t;
    }
  }
}

TEST(ReluLink, IsExactAndHasTheLeftSlopeAtItsKink) {
  for (const double t : points()) {
    EXPECT_EQ(at(Link::relu, t).value, t > 0 ? t : 0);
    EXPECT_EQ(at(Link::relu, t).slope, t > 0 ? 1 : 0);
    EXPECT_EQ(at(Link::relu, t).curvature, 0);
  }
  EXPECT_EQ(at(Link::relu, 0.0).slope, 0);
}

// A root and a division: 2 eps; three factors in the curvature.
TEST(NegativeDistanceLink, IsARootWhoseSlopeIsCappedBesideItsKink) {
  for (const double t : points()) {
    const LinkPoint<Real> exact = reference_link(Link::negative_distance, t);
    const LinkPoint<double> point = at(Link::negative_distance, t);
    EXPECT_LE(std::abs(point.value - exact.value), kEps * std::abs(exact.value)) << t;
    EXPECT_LE(std::abs(point.slope - exact.slope), 2 * kEps * exact.slope) << t;
    EXPECT_LE(std::abs(point.curvature - exact.curvature), 6 * kEps * exact.curvature) << t;
  }
  EXPECT_EQ(at(Link::negative_distance, -4.0).value, -2);
  EXPECT_EQ(at(Link::negative_distance, -4.0).slope, 0.25);
  EXPECT_EQ(at(Link::negative_distance, 1e-9).value, 0);
  EXPECT_EQ(at(Link::negative_distance, 0.0).slope, 5000);
}

TEST(IdentityLink, IsExact) {
  for (const double t : points()) {
    EXPECT_EQ(at(Link::identity, t).value, t);
    EXPECT_EQ(at(Link::identity, t).slope, 1);
    EXPECT_EQ(at(Link::identity, t).curvature, 0);
  }
}

// Central differences of order 4 in long double, h = 1e-4: h^4/30 times a fifth derivative below 720 (1 +
// |t|), and 2e-19 / h times the value of rounding, are below 2e-14 of 1 + |t|^6 while |t| < 30, where the
// slopes are compared.
TEST(Links, HaveSlopesAndCurvaturesThatAreDerivatives) {
  const Real h = 1e-4L;
  for (const Link link : kAllLinks) {
    for (const double point : points()) {
      const bool at_kink = (link == Link::relu && std::abs(point) < 3e-4) ||
                           (link == Link::negative_distance && point > -1);  // where it is steep, or constant
      if (std::abs(point) > 30 || at_kink) {
        continue;
      }
      const Real t = point;
      const auto difference = [&](Real LinkPoint<Real>::*member) {
        const auto value = [&](Real shift) { return at<Real>(link, t + shift).*member; };
        return (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
      };
      const LinkPoint<Real> here = at<Real>(link, t);
      const bool is_power = link == Link::square || link == Link::cube || link == Link::fourth_power ||
                            link == Link::fifth_power || link == Link::sixth_power;
      const auto size = static_cast<double>(is_power ? 1 + std::pow(std::abs(t), 6) : 1 + std::abs(t));
      EXPECT_NEAR(static_cast<double>(here.slope - difference(&LinkPoint<Real>::value)), 0, 2e-14 * size)
          << t;
      EXPECT_NEAR(static_cast<double>(here.curvature - difference(&LinkPoint<Real>::slope)), 0, 4e-14 * size)
          << t;
    }
  }
}

// Monotone to within the bound above: a step of the argument never lowers the value by more than 8 eps.
TEST(Links, AreMonotoneOddOrReflectedAsTheirFormulasSay) {
  std::vector<double> sorted = points();
  std::sort(sorted.begin(), sorted.end());
  for (const Link link : {Link::identity, Link::cube, Link::fifth_power, Link::sigmoid, Link::tanh,
                          Link::softplus, Link::relu}) {
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      const double step = at(link, sorted[i]).value - at(link, sorted[i - 1]).value;
      EXPECT_GE(step, -8 * kEps * std::abs(at(link, sorted[i]).value)) << sorted[i];
    }
  }
  for (const double t : sorted) {
    EXPECT_EQ(at(Link::tanh, -t).value, -at(Link::tanh, t).value);
    EXPECT_EQ(at(Link::tanh, -t).slope, at(Link::tanh, t).slope);
    EXPECT_EQ(at(Link::sigmoid, -t).slope, at(Link::sigmoid, t).slope);
    EXPECT_NEAR(at(Link::sigmoid, -t).value + at(Link::sigmoid, t).value, 1, 2 * kEps);
  }
}

TEST(Links, StayFiniteForEveryFiniteArgument) {
  const double max = std::numeric_limits<double>::max();
  for (const double t : {max, -max, 1e300, -1e300, 1e100, -1e100}) {
    EXPECT_EQ(at(Link::sigmoid, t).value, t > 0 ? 1 : 0);
    EXPECT_EQ(at(Link::tanh, t).value, t > 0 ? 1 : -1);
    EXPECT_EQ(at(Link::sigmoid, t).slope, 0);
    EXPECT_EQ(at(Link::tanh, t).slope, 0);
  }
  for (const double t : {1e104, -1e104}) {
    for (const Link link : {Link::gelu, Link::silu, Link::softplus, Link::relu}) {
      EXPECT_EQ(at(link, t).value, t > 0 ? t : 0);
      EXPECT_EQ(at(link, t).slope, t > 0 ? 1 : 0);
      EXPECT_EQ(at(link, t).curvature, 0);
    }
  }
}

}  // namespace
}  // namespace moest
