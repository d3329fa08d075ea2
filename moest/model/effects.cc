#include "moest/model/effects.h"

#include <algorithm>

#include "moest/base/error.h"
#include "moest/model/predict.h"

namespace moest {
namespace {

constexpr Eigen::Index kMostSamples = 500;
constexpr Eigen::Index kMostValues = 40;

Eigen::VectorXd values_of(const Eigen::VectorXd& column) {
  std::vector<double> values(column.begin(), column.end());
  std::sort(values.begin(), values.end());
  const double low = values.front();
  const double high = values.back();
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (static_cast<Eigen::Index>(values.size()) > kMostValues) {
    return Eigen::VectorXd::LinSpaced(kMostValues, low, high);
  }
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

}  // namespace

std::vector<PartialEffect> partial_effects(const Ensemble& ensemble, const Eigen::MatrixXd& inputs,
                                           int target, int num_threads) {
  MOEST_EXPECT(inputs.rows() >= 1);
  const Eigen::Index step = (inputs.rows() + kMostSamples - 1) / kMostSamples;
  const Eigen::Index count = (inputs.rows() + step - 1) / step;
  const Eigen::MatrixXd samples = inputs(Eigen::seqN(0, count, step), Eigen::all);
  std::vector<PartialEffect> effects;
  for (int input = 0; input < static_cast<int>(inputs.cols()); ++input) {
    PartialEffect& effect = effects.emplace_back(PartialEffect{input, values_of(inputs.col(input)), {}});
    Eigen::MatrixXd moved = samples.replicate(effect.values.size(), 1);
    moved.col(input) = effect.values.transpose().replicate(count, 1).reshaped();
    const Eigen::VectorXd mean = predict_mean(ensemble, moved, num_threads).col(target);
    effect.means = mean.reshaped(count, effect.values.size()).colwise().mean().transpose();
  }
  return effects;
}

}  // namespace moest
