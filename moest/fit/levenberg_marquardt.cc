#include "moest/fit/levenberg_marquardt.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

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

/// RSS this small is rounding of the targets.
double rounding_level(const SampleBlocks& samples) {
  double sum_sq = 0;
  for (int block = 0; block < samples.num_blocks(); ++block) {
    sum_sq += Eigen::Map<const Eigen::VectorXd>(samples.target(block), kBlockSize).squaredNorm();
  }
  const double epsilon = std::numeric_limits<double>::epsilon();
  return 4 * epsilon * epsilon * sum_sq;
}

/// The damped system in the free directions, factorised.
class DampedSystem {
 public:
  /// Says whether the matrix is positive definite.
  bool factorise(const ActiveSet& active, double lambda) {
    const Eigen::ArrayXd diagonal = active.reduced_diagonal();
    const double floor = std::numeric_limits<double>::min();
    scale_ = (diagonal > floor).select(diagonal.max(floor).sqrt().inverse(), 0.0);
    matrix_ = active.reduced_hessian();
    matrix_ = scale_.matrix().asDiagonal() * matrix_ * scale_.matrix().asDiagonal();
    matrix_.diagonal().array() += lambda + (scale_ > 0).select(Eigen::ArrayXd::Zero(scale_.size()), 1.0);
    factor_.compute(matrix_);
    return factor_.info() == Eigen::Success;
  }
  Eigen::VectorXd solve(const Eigen::VectorXd& gradient) const {
    return scale_ * factor_.solve((scale_ * gradient.array()).matrix()).array();
  }
  /// D^1/2 step: lengths in the metric of the damping.
  double length(const Eigen::VectorXd& step) const {
    return (scale_ > 0).select(step.array() / scale_, 0.0).matrix().norm();
  }

 private:
  Eigen::ArrayXd scale_;
  Eigen::MatrixXd matrix_;
  Eigen::LLT<Eigen::MatrixXd> factor_;
};

/// One local minimisation on its way.
class Descent {
 public:
  Descent(Problem& problem, const Eigen::VectorXd& start, const LocalOptions& options)
      : problem_(problem),
        options_(options),
        zero_rss_(rounding_level(problem.samples())),
        threshold_(options.tolerance / static_cast<double>(problem.samples().num_samples())),
        fit_{start, 0, 0, FitStatus::failed} {
    problem_.linearise(start, equations_);
    fit_.rss = equations_.rss;
  }

  bool begins_finite() const { return std::isfinite(equations_.rss) && equations_.gram.allFinite(); }
  LocalFit end(FitStatus status) {
    fit_.status = status;
    return std::move(fit_);
  }
  bool converged() const {
    constexpr int kQuietIterations = 2;
    return quiet_ >= kQuietIterations || fit_.rss <= zero_rss_ || damping_.exhausted();
  }
  bool at_limit() const { return fit_.iterations >= options_.max_iterations; }

  void iterate() {
    ++fit_.iterations;
    if (!find_step()) {
      return;
    }
    trial_ = fit_.theta + step_;
    for (const RegionBlock& block : problem_.chart().regions()) {
      project(block.region, trial_.segment(block.offset, block.size));
    }
    step_ = trial_ - fit_.theta;
    const double predicted = 2 * step_.dot(equations_.gradient) - step_.dot(equations_.gram * step_);
    problem_.linearise(trial_, trial_equations_, curvature_);
    const double actual = fit_.rss - trial_equations_.rss;
    const double threshold = threshold_ * fit_.rss;
    quiet_ = predicted < threshold && std::abs(actual) < threshold ? quiet_ + 1 : 0;
    if (actual > 0 && trial_equations_.gram.allFinite()) {
      damping_.accept(predicted > 0 ? std::min(actual / predicted, 2.0) : 0.5);
      move(actual);
    } else {
      damping_.reject();
    }
  }

 private:
  /// The damped step inside the regions; false when the damping went out of range before one was found.
  bool find_step() {
    const ActiveSet at_point(problem_.chart(), fit_.theta, equations_);
    for (; !damping_.exhausted(); damping_.reject()) {
      constexpr int kMaxCuts = 10;
      ActiveSet active = at_point;
      for (int cut = 0; cut <= kMaxCuts; ++cut) {
        if (!system_.factorise(active, damping_.lambda())) {
          break;
        }
        const Eigen::VectorXd reduced = system_.solve(active.reduced_gradient());
        step_ = active.expand(reduced);
        if (!step_.allFinite()) {
          break;
        }
        if (cut == kMaxCuts || !fix_violations(active)) {
          bend_step(active, reduced);
          return true;
        }
      }
    }
    return false;
  }

  /// Fixes at their bound the box coordinates that the step would carry out of their box; says whether there
  /// were any.
  bool fix_violations(ActiveSet& active) const {
    bool any = false;
    for (const RegionBlock& block : problem_.chart().regions()) {
      if (block.region.shape != Region::Shape::box) {
        continue;
      }
      for (int j = block.offset; j < block.offset + block.size; ++j) {
        const double target = fit_.theta[j] + step_[j];
        const double nearest = std::clamp(target, -block.region.size, block.region.size);
        if (std::abs(target - nearest) > 1e-9 * block.region.size) {
          active.fix(j, nearest - fit_.theta[j]);
          any = true;
        }
      }
    }
    return any;
  }

  void bend_step(const ActiveSet& active, const Eigen::VectorXd& reduced) {
    if (!options_.acceleration) {
      return;
    }
    constexpr double kLongestBend = 0.75;
    problem_.bend(fit_.theta, step_, bend_);
    const Eigen::VectorXd acceleration = -system_.solve(active.reduce(bend_));
    if (2 * system_.length(acceleration) <= kLongestBend * system_.length(reduced)) {
      step_ += 0.5 * active.expand_direction(acceleration);
    }
  }

  void move(double decrease) {
    constexpr double kSmallDecrease = 0.1;
    const bool slow = decrease < kSmallDecrease * fit_.rss;
    std::swap(fit_.theta, trial_);
    fit_.rss = trial_equations_.rss;
    std::swap(equations_, trial_equations_);
    if (slow && options_.acceleration && curvature_ == Curvature::gauss_newton) {
      curvature_ = Curvature::newton;
      problem_.linearise(fit_.theta, equations_, curvature_);
    }
  }

  Problem& problem_;
  const LocalOptions& options_;
  double zero_rss_;
  double threshold_;  // of both decreases, relative to RSS
  LocalFit fit_;
  Damping damping_;
  Curvature curvature_ = Curvature::gauss_newton;
  int quiet_ = 0;
  NormalEquations equations_, trial_equations_;
  DampedSystem system_;
  Eigen::VectorXd step_, trial_, bend_;
};

}  // namespace

LocalFit minimise(Problem& problem, const Eigen::VectorXd& start, const LocalOptions& options,
                  Monitor& monitor) {
  Descent descent(problem, start, options);
  if (!descent.begins_finite()) {
    return descent.end(FitStatus::failed);
  }
  while (true) {
    if (descent.converged()) {
      return descent.end(FitStatus::converged);
    }
    if (descent.at_limit()) {
      return descent.end(FitStatus::iteration_limit);
    }
    if (const auto reason = monitor.next_iteration()) {
      return descent.end(*reason);
    }
    descent.iterate();
  }
}

}  // namespace moest
