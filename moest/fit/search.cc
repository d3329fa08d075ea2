#include "moest/fit/search.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "moest/fit/levenberg_marquardt.h"
#include "moest/fit/robust.h"

namespace moest {
namespace {

/// The least scale of residuals of a robust loss, in scaled units: data that are fitted without any error
/// have none.
constexpr double kLeastScale = 1e-9;

void set_losses(ScaledSamples& samples, const std::string& loss, const std::vector<double>& scales) {
  for (std::size_t target = 0; target < scales.size(); ++target) {
    samples.set_loss(static_cast<int>(target), loss_of(loss, scales[target]));
  }
}

std::vector<double> target_scales(const SampleBlocks& samples) {
  std::vector<double> scales;
  scales.reserve(static_cast<std::size_t>(samples.num_targets()));
  for (int target = 0; target < samples.num_targets(); ++target) {
    std::vector<double> values;
    for (int block = 0; block < samples.num_blocks(); ++block) {
      const double* run = samples.target(block, target);
      values.insert(values.end(), run, run + samples.block_samples(block));
    }
    scales.push_back(std::max(kLeastScale, median_scale(values, median(values))));
  }
  return scales;
}

/// The optimum near theta whose loss has the scale of its own residuals.
Eigen::VectorXd settle(ScaledSamples& samples, Problem& problem, Eigen::VectorXd theta,
                       const FitOptions& options, const FitControl& control) {
  constexpr int kMostRounds = 50;
  constexpr double kRelativeChange = 1e-6;
  const FitControl silent{control.interrupt, {}};
  Monitor monitor(silent, options.max_seconds);
  std::vector<double> scales;
  for (int round = 0; round < kMostRounds && !monitor.exhausted(); ++round) {
    const std::vector<double> before = std::exchange(scales, residual_scales(problem, theta));
    bool is_settled = !before.empty();
    for (std::size_t target = 0; target < scales.size(); ++target) {
      scales[target] = std::max(kLeastScale, scales[target]);
      is_settled =
          is_settled && std::abs(scales[target] - before[target]) <= kRelativeChange * scales[target];
    }
    set_losses(samples, options.loss, scales);
    if (is_settled) {
      break;
    }
    theta =
        minimise(problem, theta, {options.tolerance, options.max_iterations, options.acceleration}, monitor)
            .theta;
  }
  return theta;
}

}  // namespace

MultistartResult search(ScaledSamples& samples, Problem& problem, const std::optional<Eigen::VectorXd>& given,
                        const FitOptions& options, const FitControl& control) {
  const auto begin = std::chrono::steady_clock::now();
  const auto run = [&](const std::optional<Eigen::VectorXd>& start) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    std::optional<double> left = options.max_seconds;
    if (left) {
      left = std::max(1e-3, *left - spent.count());
    }
    Monitor monitor(control, left);
    return run_starts(problem.chart().spec(), samples.blocks(), start, options, monitor);
  };
  if (options.loss == "squared") {
    return run(given);
  }
  set_losses(samples, options.loss, target_scales(samples.blocks()));
  MultistartResult result = run(given);
  constexpr int kMostRounds = 3;
  for (int round = 0; round < kMostRounds && result.best >= 0 && !result.stopped; ++round) {
    const Eigen::VectorXd& best = result.starts[static_cast<std::size_t>(result.best)].fit.theta;
    result = run(settle(samples, problem, best, options, control));
    if (result.best == 0) {  // the given one
      break;
    }
  }
  return result;
}

}  // namespace moest
