#include "moest/theory/distance_sum.h"

#include <cmath>
#include <limits>

namespace moest {
namespace {

constexpr double kTolerance = 1e-12;
constexpr int kMostSteps = 100;
constexpr int kMostHalvings = 60;

}  // namespace

double power_of_distance(double squared, double power) {
  return power == 1 ? std::sqrt(squared) : power == 2 ? squared : std::pow(squared, power / 2);
}

DistanceSum::DistanceSum(Eigen::Index dimension, Eigen::Index num_points)
    : points(dimension, num_points),
      weights(num_points),
      powers(num_points),
      t_(dimension),
      trial_(dimension),
      difference_(dimension),
      gradient_(dimension),
      step_(dimension),
      hessian_(dimension, dimension),
      solver_(dimension) {}

double DistanceSum::value(const Eigen::VectorXd& t) const {
  double sum = 0;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    sum += weights[i] * power_of_distance((t - points.col(i)).squaredNorm(), powers[i]);
  }
  return sum;
}

double DistanceSum::pull(const Eigen::VectorXd& t) {
  double slack = 0;
  gradient_.setZero();
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    difference_ = t - points.col(i);
    const double squared = difference_.squaredNorm();
    if (squared > 0) {
      gradient_ += (weights[i] * powers[i] * power_of_distance(squared, powers[i]) / squared) * difference_;
    } else if (powers[i] == 1) {
      slack += weights[i];
    }
  }
  return slack;
}

// Of ‖u‖^p: p ‖u‖^(p-2) (I + (p - 2) u u' / ‖u‖^2). A little of the identity is added, so that points on one
// line do no harm.
void DistanceSum::set_hessian(const Eigen::VectorXd& t) {
  constexpr double kShare = 1e-14;
  hessian_.setZero();
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    difference_ = t - points.col(i);
    const double squared = difference_.squaredNorm();
    if (squared > 0) {
      const double factor = weights[i] * powers[i] * power_of_distance(squared, powers[i]) / squared;
      hessian_.diagonal().array() += factor;
      hessian_.noalias() += (factor * (powers[i] - 2) / squared) * difference_ * difference_.transpose();
    }
  }
  hessian_.diagonal().array() += kShare * hessian_.trace() + std::numeric_limits<double>::min();
}

bool DistanceSum::descend(double slope, double share, int num_halvings) {
  double length = 1;
  for (int halving = 0; halving <= num_halvings; ++halving, length /= 2) {
    trial_ = t_ + length * step_;
    const double value_there = value(trial_);
    if (value_there < value_ + share * length * slope) {
      t_ = trial_;
      value_ = value_there;
      return true;
    }
  }
  return false;
}

bool DistanceSum::leave_best_point() {
  value_ = std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    trial_ = points.col(i);
    const double value_there = value(trial_);
    if (powers[i] != 2 && value_there < value_) {
      value_ = value_there;
      t_ = trial_;
    }
  }
  const double slack = pull(t_);
  const double force = gradient_.norm();
  if (force <= slack * (1 + kTolerance)) {
    return false;
  }
  // As far as the farthest point: beyond the ball around t_ that holds them all, F grows.
  const double reach = std::sqrt((points.colwise() - t_).colwise().squaredNorm().maxCoeff());
  step_ = (-reach / force) * gradient_;
  return descend(0, 0, kMostHalvings);
}

const Eigen::VectorXd& DistanceSum::minimise() {
  if ((powers.array() == 2).all()) {
    t_.noalias() = points * weights;
    t_ /= weights.sum();
    return t_;
  }
  if (!leave_best_point()) {
    return t_;
  }
  constexpr double kSufficient = 1e-4;
  for (int count = 0; count < kMostSteps; ++count) {
    pull(t_);
    set_hessian(t_);
    solver_.compute(hessian_);
    step_ = -solver_.solve(gradient_);
    const double slope = gradient_.dot(step_);
    const bool is_last = -slope <= kTolerance * value_;
    if (!descend(is_last ? 0 : slope, kSufficient, is_last ? 0 : kMostHalvings) || is_last) {
      break;
    }
  }
  return t_;
}

}  // namespace moest
