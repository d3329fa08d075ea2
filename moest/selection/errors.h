// What predictions are judged by: root mean squared errors, with standard errors.
#pragma once

#include <Eigen/Core>

#include "moest/data/dataset.h"

namespace moest {

/// A root mean squared error with its standard error: of the mean squared errors of the folds or, of samples,
/// of their squared errors, by the delta method.
struct Error {
  double rmse = 0;
  double standard_error = 0;
};

/// What errors are counted in, one number for each target: a single one in its own unit, 1; several, which
/// have units of their own, in their (weighted) standard deviations over `learned`, the samples for learning.
/// An error of 1 is then that of the mean, and its square is the mean over the targets.
Eigen::RowVectorXd error_units(const Dataset& learned);

/// r_ij = (Y_ij - predicted_ij) / units_j, n x m.
Eigen::ArrayXXd residuals_of(const Dataset& data, const Eigen::MatrixXd& predicted,
                             const Eigen::RowVectorXd& units);

/// sum_i w_i mean_j r_ij^2 / sum_i w_i, of residuals r (n x m) and the samples' weights.
double mean_square(const Eigen::ArrayXXd& residuals, const Eigen::ArrayXd& weights);

/// Of predictions for samples, n x m.
Error error_of_samples(const Dataset& data, const Eigen::MatrixXd& predicted,
                       const Eigen::RowVectorXd& units);

/// Of mean squared errors of folds.
Error error_of_folds(const Eigen::ArrayXd& squares);

/// sqrt(sum (v - mean)^2 / (n - 1) / n); 0 for a single value.
double standard_error_of_mean(const Eigen::ArrayXd& values);

}  // namespace moest
