// What a single input does to the prediction.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/model/model.h"

namespace moest {

/// The partial effect of input j: the mean of f over samples whose x_j is set to the same value, at several
/// values (Friedman's partial dependence). It is what the input does on average, and does not say on what
/// else that depends.
struct PartialEffect {
  int input = 0;
  Eigen::VectorXd values;  // of the input, increasing: all of them, or 40 in even steps where there are more
  Eigen::VectorXd means;   // of the prediction, in the target's units

  double range() const { return means.maxCoeff() - means.minCoeff(); }
};

/// Of every input on one target, over the samples whose inputs are given (n x d, at most 500 of them in even
/// steps).
std::vector<PartialEffect> partial_effects(const Ensemble& ensemble, const Eigen::MatrixXd& inputs,
                                           int target, int num_threads);

}  // namespace moest
