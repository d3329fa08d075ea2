#include "moest/fit/robust.h"

#include <algorithm>
#include <cmath>

#include "moest/base/error.h"

namespace moest {
namespace {

std::vector<double> residuals_of(Problem& problem, const Eigen::VectorXd& theta, int target) {
  const SampleBlocks& samples = problem.samples();
  std::vector<double> residuals;
  for (int block = 0; block < samples.num_blocks(); ++block) {
    const double* mean = problem.evaluate(theta, block, target).mean;
    const double* observed = samples.target(block, target);
    for (int s = 0; s < samples.block_samples(block); ++s) {
      residuals.push_back(observed[s] - mean[s]);
    }
  }
  return residuals;
}

}  // namespace

Loss loss_of(const std::string& name, double scale) {
  constexpr double kHuber = 1.345;
  constexpr double kCauchy = 2.385;
  if (name == "huber") {
    return {Loss::Kind::huber, kHuber * scale};
  }
  if (name == "cauchy") {
    return {Loss::Kind::cauchy, kCauchy * scale};
  }
  return {};
}

double median(std::vector<double> values) {
  MOEST_EXPECT(!values.empty());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) {
    return *middle;
  }
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double median_scale(std::vector<double> values, double centre) {
  constexpr double kOfNormal = 1.4826;
  std::transform(values.begin(), values.end(), values.begin(),
                 [&](double value) { return std::abs(value - centre); });
  return kOfNormal * median(std::move(values));
}

std::vector<double> residual_scales(Problem& problem, const Eigen::VectorXd& theta) {
  std::vector<double> scales;
  scales.reserve(static_cast<std::size_t>(problem.samples().num_targets()));
  for (int target = 0; target < problem.samples().num_targets(); ++target) {
    scales.push_back(median_scale(residuals_of(problem, theta, target), 0));
  }
  return scales;
}

int count_beyond_threshold(Problem& problem, const Eigen::VectorXd& theta) {
  std::ptrdiff_t count = 0;
  for (int target = 0; target < problem.samples().num_targets(); ++target) {
    const std::vector<double> residuals = residuals_of(problem, theta, target);
    const double threshold = problem.samples().loss(target).threshold;
    count += std::count_if(residuals.begin(), residuals.end(),
                           [&](double residual) { return std::abs(residual) > threshold; });
  }
  return static_cast<int>(count);
}

}  // namespace moest
