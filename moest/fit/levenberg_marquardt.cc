#include "moest/fit/levenberg_marquardt.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "moest/fit/active_set.h"

namespace moest {
namespace {

/// Damping by Nielsen's rule.
class Damping {
 public:
  double lambda() const { return lambda_; }
  void accept(double gain_ratio) {
    const double shrink = 1 - std::pow(2 * gain_ratio - 1, 3);
    lambda_ = std::max(lambda_ * std::max(1.0 / 3.0, shrink), kSmallest);
    growth_ = 2;
  }
  void reject() {
    lambda_ *= growth_;
    growth_ *= 2;
  }
  bool exhausted() const { return lambda_ > kLargest; }

 private:
  static constexpr double kSmallest = 1e-15;
  static constexpr double kLargest = 1e20;
  double lambda_ = 1e-3;
  double growth_ = 2;
};

/// The damped step in the free directions; empty when the factorisation breaks down.
std::optional<Eigen::VectorXd> damped_step(const ActiveSet& active, double lambda) {
  Eigen::MatrixXd gram = active.reduced_hessian();
  const Eigen::VectorXd gradient = active.reduced_gradient();
  const double floor = std::numeric_limits<double>::min();
  const Eigen::ArrayXd inverse_root = gram.diagonal().array().max(floor).sqrt().inverse();
  const Eigen::ArrayXd scale = (gram.diagonal().array() > floor).select(inverse_root, 0.0);
  gram = scale.matrix().asDiagonal() * gram * scale.matrix().asDiagonal();
  gram.diagonal().array() = (scale > 0).select(Eigen::ArrayXd::Ones(scale.size()), 0.0) + lambda;
  const Eigen::LLT<Eigen::MatrixXd> factor(gram);
  if (factor.info() != Eigen::Success) {
    return std::nullopt;
  }
  Eigen::VectorXd step = scale * factor.solve((scale * gradient.array()).matrix()).array();
  return step.allFinite() ? std::optional(std::move(step)) : std::nullopt;
}

/// Fixes at their bound the box coordinates that the step would carry out of their box; says whether there
/// were any.
bool fix_violations(const MixtureChart& chart, const Eigen::VectorXd& theta, const Eigen::VectorXd& step,
                    ActiveSet& active) {
  bool any = false;
  for (const RegionBlock& block : chart.regions()) {
    if (block.region.shape != Region::Shape::box) {
      continue;
    }
    for (int j = block.offset; j < block.offset + block.size; ++j) {
      const double target = theta[j] + step[j];
      const double nearest = std::clamp(target, -block.region.size, block.region.size);
      if (std::abs(target - nearest) > 1e-9 * block.region.size) {
        active.fix(j, nearest - theta[j]);
        any = true;
      }
    }
  }
  return any;
}

/// The damped point inside the regions; empty when no step could be computed.
std::optional<Eigen::VectorXd> trial_point(const MixtureChart& chart, const Eigen::VectorXd& theta,
                                           const NormalEquations& equations, double lambda) {
  constexpr int kMaxCuts = 10;
  ActiveSet active(chart, theta, equations);
  Eigen::VectorXd step;
  for (int cut = 0; cut <= kMaxCuts; ++cut) {
    const auto reduced = damped_step(active, lambda);
    if (!reduced) {
      return std::nullopt;
    }
    step = active.expand(*reduced);
    if (!fix_violations(chart, theta, step, active)) {
      break;
    }
  }
  Eigen::VectorXd trial = theta + step;
  for (const RegionBlock& block : chart.regions()) {
    project(block.region, trial.segment(block.offset, block.size));
  }
  return trial;
}

/// RSS this small is rounding of the targets.
double rounding_level(const SampleBlocks& samples) {
  double sum_sq = 0;
  for (int block = 0; block < samples.num_blocks(); ++block) {
    sum_sq += Eigen::Map<const Eigen::VectorXd>(samples.target(block), kBlockSize).squaredNorm();
  }
  const double epsilon = std::numeric_limits<double>::epsilon();
  return 4 * epsilon * epsilon * sum_sq;
}

}  // namespace

LocalFit minimise(Problem& problem, const Eigen::VectorXd& start, const LocalOptions& options,
                  Monitor& monitor) {
  constexpr int kQuietIterations = 2;
  const double zero_rss = rounding_level(problem.samples());
  const auto n = static_cast<double>(problem.samples().num_samples());
  NormalEquations equations;
  NormalEquations trial_equations;
  problem.linearise(start, equations);
  LocalFit fit{start, equations.rss, 0, FitStatus::failed};
  if (!std::isfinite(equations.rss) || !equations.gram.allFinite()) {
    return fit;
  }
  Damping damping;
  int quiet = 0;
  while (true) {
    if (quiet >= kQuietIterations || fit.rss <= zero_rss || damping.exhausted()) {
      fit.status = FitStatus::converged;
      return fit;
    }
    if (fit.iterations == options.max_iterations) {
      fit.status = FitStatus::iteration_limit;
      return fit;
    }
    if (const auto reason = monitor.next_iteration()) {
      fit.status = *reason;
      return fit;
    }
    ++fit.iterations;
    const auto trial = trial_point(problem.chart(), fit.theta, equations, damping.lambda());
    if (!trial) {
      damping.reject();
      continue;
    }
    const Eigen::VectorXd step = *trial - fit.theta;
    const double predicted = 2 * step.dot(equations.gradient) - step.dot(equations.gram * step);
    problem.linearise(*trial, trial_equations);
    const double actual = fit.rss - trial_equations.rss;
    const double threshold = options.tolerance * fit.rss / n;
    quiet = predicted < threshold && std::abs(actual) < threshold ? quiet + 1 : 0;
    if (actual > 0 && trial_equations.gram.allFinite()) {
      fit.theta = *trial;
      fit.rss = trial_equations.rss;
      std::swap(equations, trial_equations);
      damping.accept(predicted > 0 ? std::min(actual / predicted, 2.0) : 0.5);
    } else {
      damping.reject();
    }
  }
}

}  // namespace moest
