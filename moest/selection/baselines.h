// What any model must beat: predictions that need no fit worth the name.
#pragma once

#include <Eigen/Core>

#include "moest/data/dataset.h"

namespace moest {

/// The (weighted) means of the targets, n x m for n rows of inputs.
Eigen::MatrixXd predict_by_mean(const Dataset& train, const Eigen::MatrixXd& inputs);

/// Least squares with an intercept; where inputs depend linearly on each other, the shortest solution on
/// standardised inputs.
Eigen::MatrixXd predict_by_regression(const Dataset& train, const Eigen::MatrixXd& inputs);

/// The mean of the k nearest samples (all, if there are fewer) by Euclidean distance of standardised inputs;
/// of equally near ones the first. O(rows n d): no search tree, so that it stays exact in any dimension.
Eigen::MatrixXd predict_by_neighbours(const Dataset& train, const Eigen::MatrixXd& inputs, int num_neighbours,
                                      int num_threads);

}  // namespace moest
