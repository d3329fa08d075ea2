// The linear softmax gate.
#pragma once

#include <algorithm>
#include <span>

#include "moest/kernel/links.h"
#include "moest/model/region.h"
#include "moest/model/specification.h"

namespace moest {

/// s_i = omega_i . x + b_i, w = softmax(s) [NHR24, NHR25]. The chart is the identity, v = omega; the
/// coordinates lie in the box |v_j| <= B. The weights do not change when one vector is added to all omega_i.
struct SoftmaxGate {
  static constexpr KindInfo kInfo{"softmax",
                                  "softmax_i(b_i + omega_i . x)",
                                  "linear scores, gates as sharp as the data want them",
                                  "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)",
                                  kInputMapOnly,
                                  kLastIsReference};
  static constexpr Link kLink = Link::identity;
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;  // in x, with slopes omega and constant b
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
  /// The last expert is the reference: omega_k = 0.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return v.col(v.cols() - 1); }
};

}  // namespace moest
