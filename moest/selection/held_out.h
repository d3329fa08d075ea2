// The samples of all folds with what was predicted for them while they were held out.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/selection/contest.h"

namespace moest {

/// Residuals are S x m, one fold after the other, in error_units() of `data`.
class HeldOut {
 public:
  HeldOut(const Dataset& data, const std::vector<Indices>& folds);

  /// Of the mean of all distinct optima. Requires scores of all folds.
  Eigen::ArrayXXd residuals(const ContestRow& row) const;
  /// Mean squares by fold.
  Eigen::ArrayXd errors(const Eigen::ArrayXXd& residuals) const;
  /// Those of one target, in its own squared units.
  Eigen::ArrayXd errors_of_target(const Eigen::ArrayXXd& residuals, Eigen::Index target) const;

 private:
  Dataset samples_;
  Eigen::RowVectorXd units_;
  Eigen::ArrayXd weights_;
  std::vector<Eigen::Index> sizes_;
};

}  // namespace moest
