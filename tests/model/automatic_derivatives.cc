#include "tests/model/automatic_derivatives.h"

#include <boost/math/differentiation/autodiff.hpp>
#include <cstddef>

#include "moest/model/mixture_value.h"

// Boost 1.74 lacks this one function of those that links.h asks for; it must lie where the type does.
namespace boost::math::differentiation::detail {

template <typename Root, size_t kOrder>
fvar<Root, kOrder> log1p(const fvar<Root, kOrder>& t) {
  return log(t + 1);
}

}  // namespace boost::math::differentiation::detail

namespace moest {
namespace {

namespace autodiff = boost::math::differentiation;
using Jet = autodiff::autodiff_fvar<Real, 1>;

std::vector<Jet> constants(std::span<const Real> values) {
  return std::vector<Jet>(values.begin(), values.end());  // in braces these would be two jets
}

// The derivative of value(p) for each p of `point` in turn: forward mode has one direction at a time.
template <class Value>
std::vector<Real> gradient_of(std::span<const Real> point, const Value& value) {
  std::vector<Jet> jets = constants(point);
  std::vector<Real> result;
  for (std::size_t p = 0; p < point.size(); ++p) {
    jets[p] = autodiff::make_fvar<Real, 1>(point[p]);
    result.push_back(value(std::span<const Jet>(jets)).derivative(1));
    jets[p] = point[p];
  }
  return result;
}

}  // namespace

std::vector<Real> automatic_gradient(const MixtureChart& chart, std::span<const Real> theta,
                                     std::span<const Real> z, std::span<const Real> x, int output) {
  const std::vector<Jet> features = constants(z);
  const std::vector<Jet> inputs = constants(x);
  return gradient_of(theta, [&](std::span<const Jet> at) {
    return mixture_value_in_chart<Jet>(chart.spec(), measure_at(chart, at), features, inputs,
                                       factor_at(chart, at), output);
  });
}

std::vector<Real> automatic_raw_gradient(const MixtureSpec& spec, const RealMeasure& measure,
                                         std::span<const Real> x, int output) {
  const std::vector<Jet> inputs = constants(x);
  return gradient_of(flattened(measure), [&](std::span<const Jet> at) {
    return mixture_value<Jet>(spec, unflattened(at, measure), inputs, output);
  });
}

}  // namespace moest
