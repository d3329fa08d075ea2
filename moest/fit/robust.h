// Losses that outliers do not rule.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "moest/fit/problem.h"
#include "moest/kernel/loss.h"

namespace moest {

/// The loss that an option names, for residuals of this scale: huber with c = 1.345 scales, cauchy with c
/// = 2.385 scales, which have 95 % of the efficiency of least squares if the residuals are normal (Huber
/// 1981; Holland and Welsch 1977).
Loss loss_of(const std::string& name, double scale);

/// 1.4826 times the median of |v - centre|: the standard deviation, if v is normal. At least one value.
double median_scale(std::vector<double> values, double centre);
double median(std::vector<double> values);

/// The scale of the residuals of each target at theta, by their median magnitude.
std::vector<double> residual_scales(Problem& problem, const Eigen::VectorXd& theta);

/// How many samples of all targets lie further off than the threshold of their loss.
int count_beyond_threshold(Problem& problem, const Eigen::VectorXd& theta);

}  // namespace moest
