// The point with the least sum of powers of distances.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace moest {

/// Minimises the convex function
///
///     F(t) = sum_i weight_i ‖t - point_i‖^power_i,     weight_i >= 0, power_i >= 1,
///
/// whose value at the minimiser is within 1e-12 of the least one, relatively, or at the limit of rounding.
/// Where all powers are 2 that is the mean. Else the point with the least F is tried first: it is the
/// minimiser if the other terms pull it with no more force than its weight (powers of 1; Kuhn's condition).
/// If not, F falls from there in the direction of that force, so that no step of a descent meets one of the
/// points again, and F is smooth along it: Newton's method, halving steps until F falls.
/// Holds its memory: a minimisation allocates nothing.
class DistanceSum {
 public:
  DistanceSum(Eigen::Index dimension, Eigen::Index num_points);

  Eigen::MatrixXd points;   // dimension x num_points
  Eigen::VectorXd weights;  // num_points
  Eigen::VectorXd powers;   // num_points

  double value(const Eigen::VectorXd& t) const;
  /// The minimiser; valid until the next call.
  const Eigen::VectorXd& minimise();

 private:
  // Sets the gradient of the terms of all points but those at t, whose weights, where the power is 1, it adds
  // up.
  double pull(const Eigen::VectorXd& t);
  void set_hessian(const Eigen::VectorXd& t);
  bool leave_best_point();
  // From t_ on, along step_, halved up to so many times until F falls by the given share of -slope; whether
  // it does.
  bool descend(double slope, double share, int num_halvings);

  Eigen::VectorXd t_, trial_, difference_, gradient_, step_;
  Eigen::MatrixXd hessian_;
  Eigen::LDLT<Eigen::MatrixXd> solver_;
  double value_ = 0;
};

/// squared^(power / 2), exact for powers 1 and 2.
double power_of_distance(double squared, double power);

}  // namespace moest
