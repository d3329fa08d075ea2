// The laplace gate.
#pragma once

#include <Eigen/Core>

#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = b_i - ‖omega_i - x‖, w = softmax(s) (arXiv 2410.02935). The coordinates are the centres omega_i, in
/// the box |omega_ij| <= B. With the features z = (x, ‖x‖^2, 1) and
///     v_i = (2 omega_i, -1, -‖omega_i‖^2)
/// the score is r(v_i . z) + b_i, r(t) = -sqrt(-t): the chart is curved. Only a common shift of the biases
/// changes nothing. -t is a difference of squares, so that a distance D has the rounding of
/// (‖omega‖^2 + ‖x‖^2) / D.
struct LaplaceGate : PlainGate {
  static constexpr KindInfo kInfo{"laplace",
                                  "softmax_i(b_i - |omega_i - x|)",
                                  "scores that fall with the distance from a centre",
                                  "arXiv 2410.02935",
                                  kSoftmaxOptions,
                                  "the last bias is 0"};
  static constexpr bool kIsCurved = true;

  static Link link(const GateSpec&) { return Link::negative_distance; }
  static bool bias_is_outside(const GateSpec&) { return true; }

  static int num_features(int num_inputs) { return num_inputs + 2; }
  static int num_coordinates(int num_inputs) { return num_inputs; }

  template <class T>
  static void features(const GateSpec&, std::span<const T> x, std::span<T> z) {
    std::copy(x.begin(), x.end(), z.begin());
    z[x.size()] = squared_norm(x);
    z[x.size() + 1] = T(1);
  }
  template <class T>
  static void slopes(std::span<const T> omega, std::span<T> v) {
    for (std::size_t j = 0; j < omega.size(); ++j) {
      v[j] = T(2) * omega[j];
    }
    v[omega.size()] = T(-1);
    v[omega.size() + 1] = -squared_norm(omega);
  }
  /// dv/domega, (d + 2) x d.
  static Eigen::MatrixXd slope_jacobian(const Eigen::VectorXd& omega) {
    const Eigen::Index d = omega.size();
    Eigen::MatrixXd jacobian = Eigen::MatrixXd::Zero(d + 2, d);
    jacobian.diagonal().setConstant(2);
    jacobian.row(d + 1) = -2 * omega.transpose();
    return jacobian;
  }
  /// sum_p g_p d2v_p/domega^2, d x d.
  static Eigen::MatrixXd slope_curvature(const Eigen::VectorXd& gradient) {
    const Eigen::Index d = gradient.size() - 2;
    return -2 * gradient[d + 1] * Eigen::MatrixXd::Identity(d, d);
  }

 private:
  template <class T>
  static T squared_norm(std::span<const T> x) {
    T sum = T(0);
    for (const T& value : x) {
      sum = sum + value * value;
    }
    return sum;
  }
};

}  // namespace moest
