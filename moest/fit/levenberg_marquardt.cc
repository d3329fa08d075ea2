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
  explicit Damping(double lambda) : lambda_(lambda) {}
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
  double lambda_;
  double growth_ = 2;
};

/// An objective this small is rounding of the targets.
double rounding_level(const SampleBlocks& samples) {
  double sum_sq = 0;
  for (int target = 0; target < samples.num_targets(); ++target) {
    for (int block = 0; block < samples.num_blocks(); ++block) {
      sum_sq += samples.target_weight(target) *
                Eigen::Map<const Eigen::VectorXd>(samples.target(block, target), kBlockSize).squaredNorm();
    }
  }
  const double epsilon = std::numeric_limits<double>::epsilon();
  return 4 * epsilon * epsilon * sum_sq;
}

/// The damped system in the free directions, factorised.
class DampedSystem {
 public:
  /// Says whether the matrix is positive definite.
  bool factorise(const ActiveSet& active, double lambda) {
    active.reduced_diagonal(scale_);
    active.reduced_hessian(matrix_);
    for (double& scale : scale_) {
      scale = scale > std::numeric_limits<double>::min() ? 1 / std::sqrt(scale) : 0.0;
    }
    for (Eigen::Index j = 0; j < scale_.size(); ++j) {
      matrix_.col(j).array() *= scale_ * scale_[j];
      matrix_(j, j) += scale_[j] > 0 ? lambda : 1.0;
    }
    factor_.compute(matrix_);
    return factor_.info() == Eigen::Success;
  }
  /// Replaces a gradient by the solution.
  void solve(Eigen::VectorXd& gradient) const {
    gradient.array() *= scale_;
    factor_.solveInPlace(gradient);
    gradient.array() *= scale_;
  }
  /// D^1/2 step: the squared length in the metric of the damping.
  double squared_length(const Eigen::VectorXd& step) const {
    double sum = 0;
    for (Eigen::Index j = 0; j < scale_.size(); ++j) {
      const double part = scale_[j] > 0 ? step[j] / scale_[j] : 0.0;
      sum += part * part;
    }
    return sum;
  }

 private:
  Eigen::ArrayXd scale_;  // D^-1/2, 0 where D is
  Eigen::MatrixXd matrix_;
  Eigen::LLT<Eigen::MatrixXd> factor_;
};

/// One local minimisation on its way.
class Descent {
 public:
  Descent(Problem& problem, LocalFit begin, const LocalOptions& options)
      : problem_(problem),
        options_(options),
        zero_(rounding_level(problem.samples())),
        threshold_(options.tolerance / problem.samples().num_residuals()),
        fit_(std::move(begin)),
        damping_(fit_.lambda),
        curvature_(fit_.curvature) {
    problem_.linearise(fit_.theta, equations_, curvature_);
    if (curvature_ == Curvature::newton && !equations_.gram.allFinite()) {
      curvature_ = Curvature::gauss_newton;
      problem_.linearise(fit_.theta, equations_);
    }
    fit_.objective = checkpoint_ = equations_.objective;
    raise_diagonal();
  }

  bool begins_finite() const { return std::isfinite(equations_.objective) && equations_.gram.allFinite(); }
  LocalFit end(FitStatus status) {
    fit_.status = status;
    fit_.lambda = damping_.lambda();
    fit_.curvature = curvature_;
    return std::move(fit_);
  }
  bool converged() const {
    constexpr int kQuietIterations = 2;
    return quiet_ >= kQuietIterations || fit_.objective <= zero_ || damping_.exhausted();
  }
  bool at_limit() const { return fit_.iterations >= options_.max_iterations; }
  /// Says so at most once per window of steps.
  bool hopeless() {
    constexpr int kWindow = 10;
    constexpr int kHorizon = 500;
    constexpr double kMostGrowth = 20;
    if (num_steps_ < kWindow) {
      return false;
    }
    const double decrease = (checkpoint_ - fit_.objective) / kWindow;
    const int left = std::min(options_.max_iterations - fit_.iterations, kHorizon);
    num_steps_ = 0;
    checkpoint_ = fit_.objective;
    return fit_.objective - kMostGrowth * left * decrease > options_.worst_objective;
  }

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
    product_.noalias() = equations_.gram * step_;
    const double predicted = 2 * step_.dot(equations_.gradient) - step_.dot(product_);
    const double actual = fit_.objective - trial_objective();
    const double threshold = threshold_ * fit_.objective;
    quiet_ = std::abs(predicted) < threshold && std::abs(actual) < threshold ? quiet_ + 1 : 0;
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
    for (; !damping_.exhausted(); damping_.reject()) {
      active_.assign(problem_.chart(), fit_.theta, equations_);
      if (cut_step()) {
        bend_step();
        return true;
      }
      quiet_ = 0;  // not positive definite: not at a minimum
    }
    return false;
  }

  /// The damped step in the free directions, cut at the boxes; false when the matrix is not positive
  /// definite.
  bool cut_step() {
    constexpr int kMaxCuts = 10;
    for (int cut = 0; cut <= kMaxCuts; ++cut) {
      if (!system_.factorise(active_, damping_.lambda())) {
        return false;
      }
      active_.reduced_gradient(reduced_);
      system_.solve(reduced_);
      active_.expand(reduced_, step_);
      if (!step_.allFinite()) {
        return false;
      }
      if (!fix_violations()) {
        break;
      }
    }
    return true;
  }

  /// Fixes at their bound the box coordinates that the step would carry out of their box; says whether there
  /// were any.
  bool fix_violations() {
    bool any = false;
    for (const RegionBlock& block : problem_.chart().regions()) {
      if (block.region.shape != Region::Shape::box) {
        continue;
      }
      for (int j = block.offset; j < block.offset + block.size; ++j) {
        const double target = fit_.theta[j] + step_[j];
        const double nearest = std::clamp(target, block.region.lower(), block.region.size);
        if (std::abs(target - nearest) > 1e-9 * block.region.size) {
          active_.fix(j, nearest - fit_.theta[j]);
          any = true;
        }
      }
    }
    return any;
  }

  void bend_step() {
    constexpr double kLongestBend = 0.75;
    if (curvature_ != Curvature::newton || problem_.chart().is_curved()) {
      return;
    }
    problem_.bend(fit_.theta, step_, bend_);
    active_.reduce(bend_, acceleration_);
    system_.solve(acceleration_);
    if (4 * system_.squared_length(acceleration_) <=
        kLongestBend * kLongestBend * system_.squared_length(reduced_)) {
      active_.expand_direction(acceleration_, bend_);
      step_ -= 0.5 * bend_;
    }
  }

  /// The objective at the trial point, whose equations are made too if it is better than the present one. Of
  /// few parameters, the equations cost little more than the residuals, and most trials are better.
  double trial_objective() {
    constexpr Eigen::Index kManyParameters = 100;
    if (fit_.theta.size() >= kManyParameters) {
      const double objective = problem_.objective(trial_);
      if (!(objective < fit_.objective)) {
        return objective;
      }
    }
    problem_.linearise(trial_, trial_equations_, curvature_);
    return trial_equations_.objective;
  }

  void move(double decrease) {
    constexpr double kSmallDecrease = 0.1;
    constexpr int kSmallDecreases = 5;
    num_small_decreases_ = decrease < kSmallDecrease * fit_.objective ? num_small_decreases_ + 1 : 0;
    ++num_steps_;
    std::swap(fit_.theta, trial_);
    fit_.objective = trial_equations_.objective;
    std::swap(equations_, trial_equations_);
    raise_diagonal();
    if (num_small_decreases_ >= kSmallDecreases && options_.acceleration &&
        curvature_ == Curvature::gauss_newton) {
      use(Curvature::newton);
      if (!equations_.gram.allFinite()) {
        use(Curvature::gauss_newton);
      }
    }
  }

  void use(Curvature curvature) {
    curvature_ = curvature;
    num_small_decreases_ = 0;
    problem_.linearise(fit_.theta, equations_, curvature_);
    raise_diagonal();
  }

  /// A parameter that the data have lost sight of has a diagonal entry near 0, and its step would be huge
  /// until the damping is so strong that all others stand still.
  void raise_diagonal() {
    constexpr double kSmallestShare = 1e-2;
    if (largest_diagonal_.size() == 0) {
      largest_diagonal_ = equations_.diagonal;
    }
    largest_diagonal_ = largest_diagonal_.cwiseMax(equations_.diagonal);
    equations_.diagonal = equations_.diagonal.cwiseMax(kSmallestShare * largest_diagonal_);
  }

  Problem& problem_;
  const LocalOptions& options_;
  double zero_;
  double threshold_;  // of both decreases, relative to the objective
  LocalFit fit_;
  Damping damping_;
  Curvature curvature_;
  double checkpoint_ = 0;        // at the last look back
  int num_steps_ = 0;            // taken since
  int num_small_decreases_ = 0;  // in a row
  int quiet_ = 0;
  NormalEquations equations_, trial_equations_;
  Eigen::VectorXd largest_diagonal_;  // of J'J so far
  ActiveSet active_;
  DampedSystem system_;
  // In theta, and in the free directions.
  Eigen::VectorXd step_, trial_, bend_, product_;
  Eigen::VectorXd reduced_, acceleration_;
};

}  // namespace

LocalFit minimise(Problem& problem, const Eigen::VectorXd& start, const LocalOptions& options,
                  Monitor& monitor) {
  LocalFit begin;
  begin.theta = start;
  return resume(problem, begin, options, monitor);
}

LocalFit resume(Problem& problem, const LocalFit& earlier, const LocalOptions& options, Monitor& monitor) {
  Descent descent(problem, earlier, options);
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
    if (descent.hopeless()) {
      return descent.end(FitStatus::abandoned);
    }
    if (const auto reason = monitor.next_iteration()) {
      return descent.end(*reason);
    }
    descent.iterate();
  }
}

}  // namespace moest
