// What the residuals of a fit look like.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "moest/fit/problem.h"

namespace moest {

/// Of one target; residuals r_i = sqrt(w_i) (y_i - f(x_i)).
struct ResidualDiagnostics {
  double skewness = 0;           // 0 for a symmetric law
  double kurtosis = 0;           // 3 for the normal law
  double largest = 0;            // |r_i| over the root mean square
  std::int64_t largest_row = 0;  // its i or, in a summary, its row in the table, from 0
  // Koenker's studentised Breusch-Pagan statistic n R^2 of r_i^2 on f(x_i), chi-square of one degree of
  // freedom where the variance does not change with the fit, as a p-value (Koenker, J. Econometrics 1981).
  double even_variance_p = 1;
  // Correlation of r_i and r_{i+1} in the order of the rows, which is normal of variance 1 / n where they are
  // independent, with its p-value.
  double autocorrelation = 0;
  double independence_p = 1;
};

/// By target; none where a target is fitted without any error.
std::vector<ResidualDiagnostics> diagnose_residuals(Problem& problem, const Eigen::VectorXd& theta);

}  // namespace moest
