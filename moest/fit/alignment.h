// The order and the signs of one fit's experts that resemble those of another.
#pragma once

#include <Eigen/Core>

#include "moest/fit/problem.h"

namespace moest {

/// theta with its experts, and groups of equal size, in the order with the least sum over the experts of
///
///     mean over the samples of (w_i - w'_j)^2 + (w_i + w'_j) / 2 * sum over the targets of (h_i - h'_j)^2 /
///     s^2
///
/// to those of `reference` (primed), s^2 the variance of the target, and with the parameters of each expert
/// that are nearest to those of the reference among those of the same function (nearest_equivalent). Both
/// are coordinates of the problem's chart. Under constraints, which name experts and hold numbers,
/// it is theta as it is.
Eigen::VectorXd aligned(Problem& problem, const Eigen::VectorXd& theta, const Eigen::VectorXd& reference);

}  // namespace moest
