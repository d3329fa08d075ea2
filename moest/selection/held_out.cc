#include "moest/selection/held_out.h"

#include <cmath>

#include "moest/base/error.h"
#include "moest/selection/errors.h"

namespace moest {
namespace {

Indices in_order_of(const std::vector<Indices>& folds) {
  Indices samples;
  for (const Indices& fold : folds) {
    samples.insert(samples.end(), fold.begin(), fold.end());
  }
  return samples;
}

}  // namespace

HeldOut::HeldOut(const Dataset& data, const std::vector<Indices>& folds)
    : samples_(subset(data, in_order_of(folds))),
      units_(error_units(data)),
      weights_(sample_weights(samples_)) {
  for (const Indices& fold : folds) {
    sizes_.push_back(static_cast<Eigen::Index>(fold.size()));
  }
}

Eigen::ArrayXXd HeldOut::residuals(const ContestRow& row) const {
  Eigen::MatrixXd predicted(samples_.target.rows(), samples_.target.cols());
  Eigen::Index at = 0;
  for (std::size_t fold = 0; fold < sizes_.size(); at += sizes_[fold++]) {
    const std::vector<double>& of_fold = row.scores[fold].predicted;
    MOEST_EXPECT(static_cast<Eigen::Index>(of_fold.size()) == sizes_[fold] * predicted.cols());
    predicted.middleRows(at, sizes_[fold]) =
        Eigen::Map<const Eigen::MatrixXd>(of_fold.data(), sizes_[fold], predicted.cols());
  }
  return residuals_of(samples_, predicted, units_);
}

Eigen::ArrayXd HeldOut::errors(const Eigen::ArrayXXd& residuals) const {
  Eigen::ArrayXd result(static_cast<Eigen::Index>(sizes_.size()));
  Eigen::Index at = 0;
  for (std::size_t fold = 0; fold < sizes_.size(); at += sizes_[fold++]) {
    result[static_cast<Eigen::Index>(fold)] =
        mean_square(residuals.middleRows(at, sizes_[fold]), weights_.segment(at, sizes_[fold]));
  }
  return result;
}

Eigen::ArrayXd HeldOut::errors_of_target(const Eigen::ArrayXXd& residuals, Eigen::Index target) const {
  return errors(residuals.col(target)) * std::pow(units_[target], 2);
}

}  // namespace moest
