#include "moest/theory/jet.h"

#include <gmock/gmock.h>

#include <boost/math/differentiation/autodiff.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/kernel/links.h"
#include "moest/theory/expression.h"
#include "moest/theory/wide.h"

namespace moest {
namespace {

namespace autodiff = boost::math::differentiation;

/// A function of two variables that uses every operation, in any arithmetic type.
template <class T>
T every_operation(const T& x, const T& y) {
  using std::exp, std::log, std::sin, std::sqrt, std::tanh, std::cos;
  return exp(x * y) / (T(1) + x * x) + tanh(x - T(2) * y) * log(T(3) + y) - sqrt(T(2) + x) * sin(y) + cos(x);
}

TEST(Jet, AgreesWithBoostsAutomaticDifferentiation) {
  Stream stream(1, 0, "jets");
  for (int trial = 0; trial < 20; ++trial) {
    const double x = stream.uniform(-1, 1);
    const double y = stream.uniform(-1, 1);
    const auto jet = every_operation(Jet<double>::variable(x, 0, 2), Jet<double>::variable(y, 1, 2));
    // Boost's derivatives along x, y and x + y.
    const auto along = [&](double u, double v) {
      const auto t = autodiff::make_fvar<double, 2>(0.0);
      return every_operation<std::decay_t<decltype(t)>>(t * u + x, t * v + y);
    };
    const auto by_x = along(1, 0);
    const auto by_y = along(0, 1);
    const double mixed = (along(1, 1).derivative(2) - by_x.derivative(2) - by_y.derivative(2)) / 2;
    EXPECT_NEAR(jet.value(), by_x.derivative(0), 1e-14);
    EXPECT_NEAR(jet.derivative(0), by_x.derivative(1), 1e-13);
    EXPECT_NEAR(jet.derivative(1), by_y.derivative(1), 1e-13);
    EXPECT_NEAR(jet.derivative(0, 0), by_x.derivative(2), 1e-12);
    EXPECT_NEAR(jet.derivative(0, 1), mixed, 1e-12);
    EXPECT_NEAR(jet.derivative(1, 1), by_y.derivative(2), 1e-12);
  }
}

/// Every function of formulas, gelu and the sigmoids with it, against differences of 50-digit values.
TEST(Jet, DerivativesOfAllFunctionsAreThoseOfDifferences) {
  for (const std::string_view function : Expression::kFunctions) {
    const Expression expression("test", std::string(function) + "(t)", {"t"});
    const auto value = [&](const Wide& t) {
      const Jet<Wide> jet(t);
      return expression(std::span<const Jet<Wide>>(&jet, 1)).value();
    };
    for (const double at : {0.3, 1.7}) {
      const Wide t(at);
      const Wide h(1e-12);
      const Jet<Wide> variable = Jet<Wide>::variable(t, 0, 1);
      const Jet<Wide> jet = expression(std::span<const Jet<Wide>>(&variable, 1));
      const Wide slope = (value(t + h) - value(t - h)) / (Wide(2) * h);
      const Wide curvature = (value(t + h) - Wide(2) * value(t) + value(t - h)) / (h * h);
      EXPECT_LT(abs(jet.derivative(0) - slope), Wide(1e-20)) << function << " at " << at;
      EXPECT_LT(abs(jet.derivative(0, 0) - curvature), Wide(1e-20)) << function << " at " << at;
      EXPECT_NEAR(static_cast<double>(value(t)), expression(std::span<const double>(&at, 1)), 1e-15)
          << function;
    }
  }
}

TEST(Jet, ConstantsHaveNoDerivatives) {
  const Jet<double> x = Jet<double>::variable(2, 0, 1);
  const Jet<double> product = Jet<double>(3) * x + 1;
  EXPECT_EQ(product.value(), 7);
  EXPECT_EQ(product.derivative(0), 3);
  EXPECT_EQ(product.derivative(0, 0), 0);
  EXPECT_TRUE((Jet<double>(3) * Jet<double>(2)).is_constant());
}

}  // namespace
}  // namespace moest
