// The normalised sigmoid gate.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "moest/kernel/links.h"
#include "moest/model/region.h"
#include "moest/model/specification.h"

namespace moest {

/// w_i = sigmoid(t_i) / sum_j sigmoid(t_j), t_i = omega_i . x + b_i (arXiv 2505.10860): the softmax of the
/// scores log sigmoid(t_i). The chart is the identity, v = omega; the coordinates lie in the box |v_j| <= B.
/// There is no gauge but the order of the experts.
struct NormalizedSigmoidGate {
  static constexpr KindInfo kInfo{
      "normalized_sigmoid", "sigmoid(b_i + omega_i . x) / sum_j sigmoid(b_j + omega_j . x)",
      "each expert switches itself on; no parameter is a convention", "arXiv 2505.10860", kInputMapOnly};
  static constexpr Link kLink = Link::log_sigmoid;
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;  // before the link
  static constexpr int kMinInputs = 1;
  static constexpr bool kNeedsDirections = false;
  static constexpr bool kLearnsTemperature = false;
  static constexpr bool kBiasIsDivided = false;

  static std::vector<std::string> raw_names(const std::vector<std::string>& inputs) {
    return prefixed("omega_", inputs);
  }
  static int num_features(int num_inputs) { return num_inputs; }
  static Region region(const GateSpec&, double bound) { return {Region::Shape::box, bound}; }

  /// z = x.
  template <class T>
  static void features(const GateSpec&, std::span<const T> x, std::span<T> z) {
    std::copy(x.begin(), x.end(), z.begin());
  }
  /// v = omega.
  template <class T>
  static void to_chart(const GateSpec&, std::span<const T> raw, std::span<T> v) {
    std::copy(raw.begin(), raw.end(), v.begin());
  }
  template <class T>
  static void to_raw(const GateSpec&, std::span<const T> v, std::span<T> raw) {
    std::copy(v.begin(), v.end(), raw.begin());
  }
  /// Nothing is shifted.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return Eigen::VectorXd::Zero(v.rows()); }
};

}  // namespace moest
