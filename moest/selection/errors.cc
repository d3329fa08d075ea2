#include "moest/selection/errors.h"

#include <cmath>

#include "moest/data/parts.h"

namespace moest {

Eigen::RowVectorXd error_units(const Dataset& learned) {
  const Eigen::Index num_targets = learned.target.cols();
  if (num_targets == 1) {
    return Eigen::RowVectorXd::Ones(1);
  }
  const Eigen::ArrayXd weights = sample_weights(learned);
  Eigen::RowVectorXd units(num_targets);
  for (Eigen::Index j = 0; j < num_targets; ++j) {
    const Eigen::ArrayXd target = learned.target.col(j).array();
    const double mean = (weights * target).sum() / weights.sum();
    const double deviation = std::sqrt((weights * (target - mean).square()).sum() / weights.sum());
    units[j] = deviation > 0 ? deviation : 1;
  }
  return units;
}

Eigen::ArrayXXd residuals_of(const Dataset& data, const Eigen::MatrixXd& predicted,
                             const Eigen::RowVectorXd& units) {
  return (data.target - predicted).array().rowwise() / units.array();
}

double mean_square(const Eigen::ArrayXXd& residuals, const Eigen::ArrayXd& weights) {
  return (weights * residuals.square().rowwise().mean()).sum() / weights.sum();
}

Error error_of_samples(const Dataset& data, const Eigen::MatrixXd& predicted,
                       const Eigen::RowVectorXd& units) {
  const Eigen::ArrayXd weights = sample_weights(data);
  const Eigen::ArrayXd squares = residuals_of(data, predicted, units).square().rowwise().mean();
  const double mean = (weights * squares).sum() / weights.sum();
  const double variance = (weights * (squares - mean)).square().sum() / std::pow(weights.sum(), 2);
  const double rmse = std::sqrt(mean);
  return {rmse, rmse > 0 ? std::sqrt(variance) / (2 * rmse) : 0};
}

Error error_of_folds(const Eigen::ArrayXd& squares) {
  const double rmse = std::sqrt(squares.mean());
  return {rmse, rmse > 0 ? standard_error_of_mean(squares) / (2 * rmse) : 0};
}

double standard_error_of_mean(const Eigen::ArrayXd& values) {
  const auto number = static_cast<double>(values.size());
  return number > 1 ? std::sqrt((values - values.mean()).square().sum() / (number - 1) / number) : 0;
}

}  // namespace moest
