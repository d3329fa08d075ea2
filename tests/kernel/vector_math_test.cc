#define BOOST_MATH_DISABLE_FLOAT128  // Quad is a type of our own: no libquadmath
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "moest/base/random.h"
#include "tests/kernel/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernel/vector_math_test.cc"
#include <hwy/foreach_target.h>
// foreach_target.h must come first
#include <hwy/highway.h>

#include "moest/kernel/vector_math.h"

HWY_BEFORE_NAMESPACE();
namespace moest {
namespace HWY_NAMESPACE {

// Replaces every number by the function of it; the size is a multiple of 8.
template <Lanes (*kFunction)(Lanes)>
void replace_all(std::vector<double>& values) {
  HWY_ALIGN double lanes[kLanes];
  for (std::size_t i = 0; i < values.size(); i += kLanes) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i), kLanes, lanes);
    kFunction(Lanes::load(lanes)).store(lanes);
    std::copy_n(lanes, kLanes, values.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void exp_all(std::vector<double>& values) { replace_all<exp>(values); }
void tanh_all(std::vector<double>& values) { replace_all<tanh>(values); }
void log1p_all(std::vector<double>& values) { replace_all<log1p>(values); }
Lanes normal_cdf(Lanes t) { return standard_normal(t).cdf; }
Lanes normal_density(Lanes t) { return standard_normal(t).density; }
void normal_cdf_all(std::vector<double>& values) { replace_all<normal_cdf>(values); }
void normal_density_all(std::vector<double>& values) { replace_all<normal_density>(values); }

}  // namespace HWY_NAMESPACE
}  // namespace moest
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moest {

HWY_EXPORT(exp_all);
HWY_EXPORT(tanh_all);
HWY_EXPORT(log1p_all);
HWY_EXPORT(normal_cdf_all);
HWY_EXPORT(normal_density_all);

namespace {

using Quad = boost::multiprecision::cpp_bin_float_quad;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> exp_of(std::vector<double> x) {
  x.resize((x.size() + 7) / 8 * 8);
  HWY_DYNAMIC_DISPATCH(exp_all)(x);
  return x;
}

std::vector<double> tanh_of(std::vector<double> t) {
  t.resize((t.size() + 7) / 8 * 8);
  HWY_DYNAMIC_DISPATCH(tanh_all)(t);
  return t;
}

std::vector<double> log1p_of(std::vector<double> y) {
  y.resize((y.size() + 7) / 8 * 8);
  HWY_DYNAMIC_DISPATCH(log1p_all)(y);
  return y;
}

struct Normals {
  std::vector<double> cdf, density;
};
Normals normals_of(std::vector<double> t) {
  t.resize((t.size() + 7) / 8 * 8);
  Normals result{t, t};
  HWY_DYNAMIC_DISPATCH(normal_cdf_all)(result.cdf);
  HWY_DYNAMIC_DISPATCH(normal_density_all)(result.density);
  return result;
}

// The error in units of the last place of the exact value.
double error_in_ulp(double value, const Quad& exact) {
  const double nearest = std::abs(static_cast<double>(exact));
  const double ulp = std::nextafter(nearest, kInfinity) - nearest;
  return static_cast<double>(abs(Quad(value) - exact) / ulp);
}

class VectorMathOn : public testing::TestWithParam<std::int64_t> {
 private:
  ForcedTarget forced_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EveryTarget, VectorMathOn, testing::ValuesIn(supported_targets()), target_name);

TEST_P(VectorMathOn, ExponentialIsWithinTwoUlpOverItsRange) {
  std::vector<double> x{0.0, -0.0, 1e-300, -1e-300, 709.0, -708.0};
  Stream stream(1, 0, "exp");
  for (int i = 0; i < 20000; ++i) {
    x.push_back(stream.uniform(-708, 709));
    x.push_back(stream.uniform(-2, 2));
  }
  // Where the reduction changes from one multiple of log 2 to the next.
  for (int n = -1020; n <= 1020; ++n) {
    x.push_back((n + 0.5) * std::log(2.0));
  }
  const std::vector<double> values = exp_of(x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, error_in_ulp(values[i], exp(Quad(x[i]))));
  }
  EXPECT_LE(worst, 2.0);
  RecordProperty("worst_ulp", std::to_string(worst));
}

TEST_P(VectorMathOn, ExponentialFlushesWhatIsBelowTheNormalNumbersAndKeepsNaN) {
  const std::vector<double> values = exp_of({-708.1, -1000, -1e300, -kInfinity, std::nan("")});
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(values[i], 0);
  }
  EXPECT_TRUE(std::isnan(values[4]));
}

TEST_P(VectorMathOn, TanhIsWithinFourUlpEverywhere) {
  std::vector<double> t{0.0, 1e-320, -1e-320, 1e-300, 0.17, 19.0, 22.0, 40.0, 1e300, -1e300};
  Stream stream(2, 0, "tanh");
  for (int i = 0; i < 20000; ++i) {
    t.push_back(stream.uniform(-25, 25));
    t.push_back(stream.uniform(-1, 1));
    t.push_back(std::exp(stream.uniform(-700, 5)));
  }
  const std::vector<double> values = tanh_of(t);
  double worst = 0;
  for (std::size_t i = 0; i < t.size(); ++i) {
    // Quad has no expm1 that is exact near 0: there tanh t = t - t^3/3 to a relative 1e-20.
    const Quad exact = std::abs(t[i]) < 1e-5 ? Quad(t[i]) - Quad(t[i]) * t[i] * t[i] / 3 : tanh(Quad(t[i]));
    worst = std::max(worst, error_in_ulp(values[i], exact));
  }
  EXPECT_LE(worst, 4.0);
  RecordProperty("worst_ulp", std::to_string(worst));
}

TEST_P(VectorMathOn, TanhIsOddBoundedAndKeepsNaN) {
  std::vector<double> t;
  for (double value = 1e-10; value < 50; value *= 1.1) {
    t.push_back(value);
  }
  std::vector<double> negative = t;
  for (double& value : negative) {
    value = -value;
  }
  const std::vector<double> values = tanh_of(t);
  const std::vector<double> negatives = tanh_of(negative);
  for (std::size_t i = 0; i < t.size(); ++i) {
    EXPECT_EQ(values[i], -negatives[i]);
    EXPECT_LE(values[i], 1);
  }
  const std::vector<double> special = tanh_of({kInfinity, -kInfinity, -0.0, std::nan("")});
  EXPECT_EQ(special[0], 1);
  EXPECT_EQ(special[1], -1);
  EXPECT_TRUE(special[2] == 0 && std::signbit(special[2]));
  EXPECT_TRUE(std::isnan(special[3]));
}

TEST_P(VectorMathOn, Log1pIsWithinFourUlpFromZeroToOne) {
  std::vector<double> y{0.0, 1e-300, 1e-17, 0.5, 1.0};
  Stream stream(3, 0, "log1p");
  for (int i = 0; i < 20000; ++i) {
    y.push_back(stream.uniform(0, 1));
    y.push_back(std::exp(stream.uniform(-700, 0)));
  }
  const std::vector<double> values = log1p_of(y);
  double worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    // Quad rounds 1 + y: below 1e-8 the series to the third power is exact to a relative 1e-25.
    const Quad exact =
        y[i] < 1e-8 ? Quad(y[i]) - Quad(y[i]) * y[i] / 2 + Quad(y[i]) * y[i] * y[i] / 3 : log(1 + Quad(y[i]));
    worst = std::max(worst, error_in_ulp(values[i], exact));
  }
  EXPECT_LE(worst, 4.0);
  RecordProperty("worst_ulp", std::to_string(worst));
  EXPECT_TRUE(std::isnan(log1p_of({std::nan("")})[0]));
}

TEST_P(VectorMathOn, NormalLawIsWithinEightAndFourUlpInBothTails) {
  std::vector<double> t{0.0, 1e-300, -1e-300, 5.25, -5.25};
  Stream stream(4, 0, "normal law");
  for (int i = 0; i < 20000; ++i) {
    t.push_back(stream.uniform(-37.4, 37.4));
    t.push_back(stream.uniform(-3, 3));
  }
  const Normals values = normals_of(t);
  const bool is_fused = GetParam() == HWY_AVX2 || GetParam() == HWY_AVX3 || GetParam() == HWY_AVX3_DL;
  double worst_cdf = 0;
  double worst_density = 0;
  for (std::size_t i = 0; i < t.size(); ++i) {
    const Quad x = t[i];
    const double allowance = is_fused ? 0 : t[i] * t[i];
    const Quad cdf = boost::math::erfc(-x / sqrt(Quad(2))) / 2;
    const Quad density = exp(-x * x / 2) / sqrt(2 * boost::math::constants::pi<Quad>());
    worst_cdf = std::max(worst_cdf, error_in_ulp(values.cdf[i], cdf) - allowance);
    worst_density = std::max(worst_density, error_in_ulp(values.density[i], density) - allowance);
  }
  EXPECT_LE(worst_cdf, 8.0);
  EXPECT_LE(worst_density, 4.0);
  RecordProperty("worst_cdf_ulp", std::to_string(worst_cdf));
  RecordProperty("worst_density_ulp", std::to_string(worst_density));
}

TEST_P(VectorMathOn, NormalLawEndsAtZeroAndOneAndKeepsNaN) {
  const Normals values = normals_of({-39, 39, -1e300, 1e300, -kInfinity, kInfinity, std::nan(""), 0});
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(values.cdf[i], i % 2 == 0 ? 0 : 1) << i;
    EXPECT_EQ(values.density[i], 0) << i;
  }
  EXPECT_TRUE(std::isnan(values.cdf[6]) && std::isnan(values.density[6]));
  EXPECT_NEAR(values.cdf[7], 0.5, 2e-16);
}

}  // namespace
}  // namespace moest
#endif  // HWY_ONCE
