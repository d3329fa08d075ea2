#include "moest/selection/blend.h"

#include <algorithm>
#include <limits>

#include "moest/base/error.h"
#include "moest/selection/held_out.h"

namespace moest {
Blend find_blend(const std::vector<const ContestRow*>& candidates, const Dataset& data,
                 const std::vector<Indices>& folds) {
  MOEST_EXPECT(!candidates.empty());
  const HeldOut held_out(data, folds);
  std::vector<Eigen::ArrayXd> excesses;  // of the squared errors of the folds, of few optima
  std::vector<Eigen::ArrayXXd> residuals;
  residuals.reserve(candidates.size());
  excesses.reserve(candidates.size());
  for (const ContestRow* row : candidates) {
    residuals.push_back(held_out.residuals(*row));
    excesses.emplace_back(row->errors_of(static_cast<int>(row->scores.front().held_out.size())) -
                          row->errors_of_all());
  }
  Blend blend;
  Eigen::ArrayXXd sum = Eigen::ArrayXXd::Zero(residuals.front().rows(), residuals.front().cols());
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
