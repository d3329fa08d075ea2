#include "moest/fit/residuals.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moest {
namespace {

/// P(chi-square of one degree > value).
double tail_of_chi_square(double value) { return std::erfc(std::sqrt(std::max(0.0, value) / 2)); }

/// n times the squared correlation.
double explained(const Eigen::ArrayXd& y, const Eigen::ArrayXd& x) {
  const Eigen::ArrayXd from_y = y - y.mean();
  const Eigen::ArrayXd from_x = x - x.mean();
  const double product = (from_y * from_x).sum();
  const double scale = from_y.square().sum() * from_x.square().sum();
  return scale > 0 ? static_cast<double>(y.size()) * product * product / scale : 0;
}

ResidualDiagnostics diagnose(const Eigen::ArrayXd& residuals, const Eigen::ArrayXd& fitted) {
  const Eigen::Index n = residuals.size();
  const double variance = residuals.square().mean();
  const Eigen::ArrayXd standardised = residuals / std::sqrt(variance);
  ResidualDiagnostics result;
  const Eigen::ArrayXd centred = residuals - residuals.mean();
  const double spread = centred.square().mean();
  result.skewness = centred.cube().mean() / std::pow(spread, 1.5);
  result.kurtosis = centred.square().square().mean() / (spread * spread);
  Eigen::Index sample = 0;
  result.largest = standardised.abs().maxCoeff(&sample);
  result.largest_row = sample;
  result.even_variance_p = tail_of_chi_square(explained(residuals.square(), fitted));
  if (n > 1) {
    result.autocorrelation = (residuals.head(n - 1) * residuals.tail(n - 1)).sum() / residuals.square().sum();
    result.independence_p =
        tail_of_chi_square(static_cast<double>(n) * result.autocorrelation * result.autocorrelation);
  }
  return result;
}

}  // namespace

std::vector<ResidualDiagnostics> diagnose_residuals(Problem& problem, const Eigen::VectorXd& theta) {
  const SampleBlocks& samples = problem.samples();
  std::vector<ResidualDiagnostics> results;
  for (int target = 0; target < samples.num_targets(); ++target) {
    Eigen::ArrayXd residuals(samples.num_samples());
    Eigen::ArrayXd fitted(samples.num_samples());
    double squares = 0;
    for (int block = 0; block < samples.num_blocks(); ++block) {
      const int size = samples.block_samples(block);
      const auto run = [&](const double* of) { return Eigen::Map<const Eigen::ArrayXd>(of, size); };
      const Eigen::Index first = Eigen::Index{block} * kBlockSize;
      fitted.segment(first, size) = run(problem.evaluate(theta, block, target).mean);
      residuals.segment(first, size) = run(samples.root_weight(block)) *
                                       (run(samples.target(block, target)) - fitted.segment(first, size));
      squares += run(samples.target(block, target)).square().sum();
    }
    constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
    if (!(residuals.square().sum() > 4 * kEpsilon * kEpsilon * squares)) {
      return {};
    }
    results.push_back(diagnose(residuals, fitted));
  }
  return results;
}

}  // namespace moest
