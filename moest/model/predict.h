// Predictions of a model in the data's units.
#pragma once

#include <Eigen/Core>

#include "moest/data/array_dataset.h"
#include "moest/model/model.h"

namespace moest {

/// All in the data's units, but for the weights, which are >= 0 and, unless they are separate sigmoids, sum
/// to one in each row.
struct Predictions {
  Eigen::MatrixXd mean;     // n x m: f(x), a column for each target, within its range where the model has one
  Eigen::MatrixXd weights;  // n x k
  Eigen::MatrixXd experts;  // n x m k: h_i(x), the experts for the first target, then for the second, ..
};

/// Values of the model at inputs (n x d, in the data's units, columns in the order of model.inputs). The same
/// model and inputs give the same bits for any number of threads (0: all cores).
Predictions predict(const Model& model, const MatrixView& inputs, int num_threads);

/// Its mean alone: the same bits.
Eigen::MatrixXd predict_mean(const Model& model, const MatrixView& inputs, int num_threads);

/// The mean of the members' means, by their weights, n x m.
Eigen::MatrixXd predict_mean(const Ensemble& ensemble, const MatrixView& inputs, int num_threads);

/// Standard errors of f(x) at these inputs, n x m in the targets' units: the delta method with the covariance
/// of the model's parameters. Throws InputError where the model has none, or one of another model.
Eigen::MatrixXd mean_standard_errors(const Model& model, const MatrixView& inputs, int num_threads);

}  // namespace moest
