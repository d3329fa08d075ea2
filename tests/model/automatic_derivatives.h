// Derivatives of a mixture by Boost.Math's automatic differentiation, a second opinion beside differences.
#pragma once

#include <span>
#include <vector>

#include "tests/model/mixture_harness.h"

namespace moest {

/// Of one output, df/dtheta at the input x with the gate's features z, for the chart's coordinates theta.
std::vector<Real> automatic_gradient(const MixtureChart& chart, std::span<const Real> theta,
                                     std::span<const Real> z, std::span<const Real> x, int output);

/// The derivatives of f at x by the raw parameters, in the order of flattened().
std::vector<Real> automatic_raw_gradient(const MixtureSpec& spec, const RealMeasure& measure,
                                         std::span<const Real> x, int output);

}  // namespace moest
