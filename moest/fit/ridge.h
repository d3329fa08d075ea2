// Shrinkage: a penalty on the parameters of gates and experts.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/kernel/fused_pass.h"
#include "moest/model/chart.h"

namespace moest {

/// The penalty
///
///     lambda P(theta),   P = sum_j sum_i (v_ij - mean_i v_ij)^2 + sum_i sum_p eta_ip^2
///
/// with j the coordinates and the bias of the gates, i the atoms (of each softmax; the mean is left out where
/// a common shift of that coordinate changes the function) and p the expert parameters. Free of it are what
/// is added to an expert (offsets, and the b of constant and linear experts), gates of fixed length (a
/// sphere), and the temperature: a common shift of gates or targets costs nothing. P is quadratic and has the
/// gauges of the chart.
class Ridge {
 public:
  /// lambda >= 0, in squared units of the (scaled) target.
  Ridge(const MixtureChart& chart, double lambda);

  double lambda() const { return lambda_; }
  /// lambda P(theta).
  double value(const Eigen::VectorXd& theta) const;
  /// Adds the penalty to the objective, minus half its gradient to J'e, and half its Hessian to the matrix
  /// and its diagonal to that of J'J.
  void add(const Eigen::VectorXd& theta, NormalEquations& equations) const;
  /// Half the Hessian of lambda P.
  Eigen::MatrixXd half_hessian() const;

 private:
  double lambda_;
  Eigen::Index num_coordinates_;
  std::vector<int> single_;                 // coordinates that count by their squares
  std::vector<std::vector<int>> relative_;  // coordinates that count relative to their mean
};

}  // namespace moest
