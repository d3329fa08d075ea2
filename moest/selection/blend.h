// The mean of several models, chosen by cross-validation.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/selection/contest.h"
#include "moest/selection/folds.h"

namespace moest {

/// Candidates by their number, and what the mean of their predictions has for errors: mean squares of the
/// held-out samples, by fold.
struct Blend {
  std::vector<int> members;
  Eigen::ArrayXd errors;
};

/// Begins with the candidate that has the least mean error over the folds, each with all its distinct optima,
/// of a fit to all samples (ContestRow::errors_of_all), and adds, as long as that lowers the error, the one
/// that lowers it most (Caruana et al., ICML 2004, without repetition). The candidates have scores of all
/// folds; at least one of them.
Blend find_blend(const std::vector<const ContestRow*>& candidates, const Dataset& data,
                 const std::vector<Indices>& folds);

}  // namespace moest
