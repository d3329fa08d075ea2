#include "moest/selection/blend.h"

#include <algorithm>
#include <limits>

#include "moest/base/error.h"

namespace moest {
namespace {

/// The samples of all folds, one fold after the other.
class HeldOut {
 public:
  HeldOut(const Dataset& data, const std::vector<Indices>& folds) {
    const Eigen::ArrayXd weights = sample_weights(data);
    for (const Indices& fold : folds) {
      sizes_.push_back(static_cast<Eigen::Index>(fold.size()));
      samples_.insert(samples_.end(), fold.begin(), fold.end());
    }
    target_ = data.target.col(0)(samples_).array();
    weights_ = weights(samples_);
  }

  Eigen::ArrayXd residuals(const ContestRow& row) const {
    Eigen::ArrayXd predicted(target_.size());
    Eigen::Index at = 0;
    for (std::size_t fold = 0; fold < sizes_.size(); at += sizes_[fold++]) {
      const std::vector<double>& of_fold = row.scores[fold].predicted;
      MOEST_EXPECT(static_cast<Eigen::Index>(of_fold.size()) == sizes_[fold]);
      predicted.segment(at, sizes_[fold]) = Eigen::Map<const Eigen::ArrayXd>(of_fold.data(), sizes_[fold]);
    }
    return target_ - predicted;
  }
  Eigen::ArrayXd errors(const Eigen::ArrayXd& residuals) const {
    const Eigen::ArrayXd squares = weights_ * residuals.square();
    Eigen::ArrayXd result(static_cast<Eigen::Index>(sizes_.size()));
    Eigen::Index at = 0;
    for (std::size_t fold = 0; fold < sizes_.size(); at += sizes_[fold++]) {
      result[static_cast<Eigen::Index>(fold)] =
          squares.segment(at, sizes_[fold]).sum() / weights_.segment(at, sizes_[fold]).sum();
    }
    return result;
  }

 private:
  std::vector<Eigen::Index> sizes_;
  Indices samples_;
  Eigen::ArrayXd target_, weights_;
};

}  // namespace

Blend find_blend(const std::vector<const ContestRow*>& candidates, const Dataset& data,
                 const std::vector<Indices>& folds) {
  MOEST_EXPECT(!candidates.empty());
  const HeldOut held_out(data, folds);
  std::vector<Eigen::ArrayXd> excesses;  // of the squared errors of the folds, of few optima
  std::vector<Eigen::ArrayXd> residuals;
  residuals.reserve(candidates.size());
  excesses.reserve(candidates.size());
  for (const ContestRow* row : candidates) {
    residuals.push_back(held_out.residuals(*row));
    excesses.emplace_back(row->errors_of(static_cast<int>(row->scores.front().held_out.size())) -
                          row->errors_of_all());
  }
  Blend blend;
  Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(residuals.front().size());
  Eigen::ArrayXd excess = Eigen::ArrayXd::Zero(excesses.front().size());
  double least = std::numeric_limits<double>::infinity();
  while (true) {
    const auto number = static_cast<double>(blend.members.size() + 1);
    int next = -1;
    for (int i = 0; i < static_cast<int>(candidates.size()); ++i) {
      if (std::find(blend.members.begin(), blend.members.end(), i) != blend.members.end()) {
        continue;
      }
      const auto index = static_cast<std::size_t>(i);
      const Eigen::ArrayXd errors =
          held_out.errors((sum + residuals[index]) / number) - (excess + excesses[index]) / (number * number);
      if (errors.mean() < least) {
        least = errors.mean();
        blend.errors = errors;
        next = i;
      }
    }
    if (next < 0) {
      return blend;
    }
    blend.members.push_back(next);
    sum += residuals[static_cast<std::size_t>(next)];
    excess += excesses[static_cast<std::size_t>(next)];
  }
}

}  // namespace moest
