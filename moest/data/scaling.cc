#include "moest/data/scaling.h"

#include <algorithm>
#include <cmath>

#include "moest/base/error.h"

namespace moest {
namespace {

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

// Exponent e such that all |x| 2^-e <= 1, at least -1000 so that 2^-e is finite.
int common_exponent(std::span<const double> values) {
  double largest = 0;
  for (const double x : values) {
    largest = std::max(largest, std::abs(x));
  }
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::max(exponent, -1000);
}

}  // namespace

Moments moments(std::span<const double> values) {
  MOEST_EXPECT(!values.empty() && all_finite(values));
  const int exponent = common_exponent(values);
  const double factor = std::ldexp(1.0, -exponent);
  const auto n = static_cast<double>(values.size());
  const auto mean_above = [&](double origin) {
    double sum = 0;
    for (const double x : values) {
      sum += x * factor - origin;
    }
    return sum / n;
  };
  double mean = values[0] * factor;
  mean += mean_above(mean);
  mean += mean_above(mean);
  double sum_sq = 0;
  for (const double x : values) {
    const double difference = x * factor - mean;
    sum_sq += difference * difference;
  }
  return {std::ldexp(mean, exponent), std::ldexp(std::sqrt(sum_sq / n), exponent)};
}

Affine standardisation(std::span<const double> column) {
  const Moments result = moments(column);
  return {result.mean, result.deviation > 0 ? result.deviation : 1.0};
}

Affine range_scaling(std::span<const double> column, double low, double high) {
  MOEST_EXPECT(!column.empty() && all_finite(column) && low < high);
  const auto [smallest, largest] = std::minmax_element(column.begin(), column.end());
  MOEST_EXPECT(std::isfinite(*largest - *smallest));
  const double scale = (*largest - *smallest) / (high - low);
  if (!(scale > 0)) {
    return {*smallest - (low + high) / 2, 1.0};
  }
  return {*smallest - low * scale, scale};
}

Eigen::MatrixXd scaled(const Eigen::Ref<const Eigen::MatrixXd>& inputs, std::span<const Affine> maps) {
  MOEST_EXPECT(static_cast<std::size_t>(inputs.cols()) == maps.size());
  Eigen::MatrixXd result(inputs.rows(), inputs.cols());
  for (Eigen::Index j = 0; j < inputs.cols(); ++j) {
    const Affine& map = maps[static_cast<std::size_t>(j)];
    result.col(j) = (inputs.col(j).array() - map.offset) / map.scale;
  }
  return result;
}

}  // namespace moest
