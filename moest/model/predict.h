// Predictions of a model in the data's units.
#pragma once

#include <Eigen/Core>

#include "moest/model/model.h"

namespace moest {

/// All in the data's units, but for the weights, which are >= 0 and sum to one in each row.
struct Predictions {
  Eigen::VectorXd mean;     // n: f(x)
  Eigen::MatrixXd weights;  // n x k
  Eigen::MatrixXd experts;  // n x k: h_i(x)
};

/// Values of the model at inputs (n x d, in the data's units, columns in the order of model.inputs). The same
/// model and inputs give the same bits for any number of threads (0: all cores).
Predictions predict(const Model& model, const Eigen::MatrixXd& inputs, int num_threads);

}  // namespace moest
