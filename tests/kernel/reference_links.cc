#include "tests/kernel/reference_links.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moest {
namespace {

using Real = long double;
using Point = LinkPoint<Real>;

Point power(Real t, int p) {
  return {std::pow(t, p), p * std::pow(t, p - 1), p * (p - 1) * std::pow(t, p - 2)};
}

// 1 / (1 + e^-t) and its derivatives.
Point logistic(Real t) {
  const Real cosh_half = std::cosh(t / 2);
  const Real slope = 1 / (4 * cosh_half * cosh_half);
  return {t < 0 ? std::exp(t) / (1 + std::exp(t)) : 1 / (1 + std::exp(-t)), slope, -slope * std::tanh(t / 2)};
}

}  // namespace

// A switch without a default: a link that is added to the list and not here is a compiler warning, and those
// are errors.
LinkPoint<long double> reference_link(Link link, long double t) {
  switch (link) {
    case Link::identity:
      return {t, 1, 0};
    case Link::square:
      return power(t, 2);
    case Link::cube:
      return power(t, 3);
    case Link::fourth_power:
      return power(t, 4);
    case Link::fifth_power:
      return power(t, 5);
    case Link::sixth_power:
      return power(t, 6);
    case Link::sigmoid:
      return logistic(t);
    case Link::tanh: {
      const Real cosh = std::cosh(t);
      return {std::sinh(t) / cosh, 1 / (cosh * cosh), -2 * std::sinh(t) / (cosh * cosh * cosh)};
    }
    case Link::gelu: {
      const Real cdf = std::erfc(-t / std::numbers::sqrt2_v<Real>) / 2;
      const Real density =
          std::exp(-t * t / 2) * std::numbers::inv_sqrtpi_v<Real> / std::numbers::sqrt2_v<Real>;
      return {t * cdf, cdf + t * density, (2 - t * t) * density};
    }
    case Link::silu: {
      const Point gate = logistic(t);
      return {t * gate.value, gate.value + t * gate.slope, 2 * gate.slope + t * gate.curvature};
    }
    case Link::softplus: {
      const Point slope = logistic(t);
      return {t > 0 ? t + std::log1p(std::exp(-t)) : std::log1p(std::exp(t)), slope.value, slope.slope};
    }
    case Link::log_sigmoid: {
      const Point slope = logistic(-t);
      return {t > 0 ? -std::log1p(std::exp(-t)) : t - std::log1p(std::exp(t)), slope.value, -slope.slope};
    }
    case Link::relu:
      return {t > 0 ? t : 0, static_cast<Real>(t > 0 ? 1 : 0), 0};
    case Link::negative_distance:
      break;
  }
  const Real distance = std::pow(std::max<Real>(-t, 0), Real{1} / 2);
  const bool is_near = distance < Real{1e-4};
  return {-distance, 1 / (2 * (is_near ? Real{1e-4} : distance)),
          is_near ? 0 : 1 / (4 * std::pow(-t, Real{3} / 2))};
}

}  // namespace moest
