#include "moest/kernel/links.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "moest/base/random.h"

namespace moest {
namespace {

using Real = long double;
constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr std::array kLinks{Link::identity, Link::sigmoid, Link::tanh};

// The formulas again, each in a form that is accurate in long double on both sides of 0. A switch without a
// default: a link that is added to the list and not here is a compiler warning, and those are errors.
LinkPoint<Real> reference(Link link, double point) {
  const Real t = point;
  switch (link) {
    case Link::identity:
      return {t, 1, 0};
    case Link::sigmoid: {
      const Real cosh_half = std::cosh(t / 2);
      const Real slope = 1 / (4 * cosh_half * cosh_half);
      return {t < 0 ? std::exp(t) / (1 + std::exp(t)) : 1 / (1 + std::exp(-t)), slope,
              -slope * std::tanh(t / 2)};
    }
    case Link::tanh: {
      const Real cosh = std::cosh(t);
      return {std::sinh(t) / cosh, 1 / (cosh * cosh), -2 * std::sinh(t) / (cosh * cosh * cosh)};
    }
  }
  return {};
}

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
    const LinkPoint<Real> exact = reference(Link::sigmoid, t);
    const LinkPoint<double> point = at(Link::sigmoid, t);
    EXPECT_LE(std::abs(point.value - exact.value), 8 * kEps * exact.value + 2 * kTiny) << t;
    EXPECT_LE(std::abs(point.slope - exact.slope), 8 * kEps * exact.slope + 2 * kTiny) << t;
    EXPECT_LE(std::abs(point.curvature - exact.curvature), 12 * kEps * exact.slope + 2 * kTiny) << t;
  }
}

// The slope (1 - v)(1 + v) takes v's rounding: absolute accuracy only, 2 eps, so relative 2 eps cosh^2 t.
TEST(TanhLink, HasRelativeAccuracyOfTheValueAndAbsoluteAccuracyOfTheSlope) {
  for (const double t : points()) {
    const LinkPoint<Real> exact = reference(Link::tanh, t);
    const LinkPoint<double> point = at(Link::tanh, t);
    EXPECT_LE(std::abs(point.value - exact.value), 4 * kEps * std::abs(exact.value)) << t;
    EXPECT_LE(std::abs(point.slope - exact.slope), 4 * kEps) << t;
    EXPECT_LE(std::abs(point.curvature - exact.curvature), 10 * kEps) << t;
    EXPECT_GE(point.slope, 0) << t;
  }
}

TEST(IdentityLink, IsExact) {
  for (const double t : points()) {
    EXPECT_EQ(at(Link::identity, t).value, t);
    EXPECT_EQ(at(Link::identity, t).slope, 1);
    EXPECT_EQ(at(Link::identity, t).curvature, 0);
  }
}

// Central differences of order 4 in long double, h = 1e-4 (1 + |t| / 10): h^4/30 times a fifth derivative
// below 16, and 2e-19 / h of rounding, are below 2e-14 while |t| < 30, where the slopes are compared.
TEST(Links, HaveSlopesAndCurvaturesThatAreDerivatives) {
  for (const Link link : kLinks) {
    for (const double point : points()) {
      if (std::abs(point) > 30) {
        continue;
      }
      const Real t = point;
      const Real h = 1e-4L;
      const auto difference = [&](Real LinkPoint<Real>::*member) {
        const auto value = [&](Real shift) { return at<Real>(link, t + shift).*member; };
        return (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
      };
      const LinkPoint<Real> here = at<Real>(link, t);
      EXPECT_NEAR(static_cast<double>(here.slope - difference(&LinkPoint<Real>::value)), 0, 2e-14) << t;
      EXPECT_NEAR(static_cast<double>(here.curvature - difference(&LinkPoint<Real>::slope)), 0, 4e-14) << t;
    }
  }
}

// Monotone to within the bound above: a step of the argument never lowers the value by more than 8 eps.
TEST(Links, AreMonotoneOddOrReflectedAsTheirFormulasSay) {
  std::vector<double> sorted = points();
  std::sort(sorted.begin(), sorted.end());
  for (const Link link : kLinks) {
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
}

}  // namespace
}  // namespace moest
