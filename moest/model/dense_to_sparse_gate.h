// The dense-to-sparse gate with the identity router.
#pragma once

#include <array>

#include "moest/model/gate_math.h"
#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = (omega_i . x + b_i) / tau, w = softmax(s), one tau > 0 for all experts, learned unless it is given
/// [NHR25]. In the chart v_i = omega_i / tau with biases b_i / tau this is the softmax gate: a learned tau is
/// a scale that no data determine, and it is 1 in the model file. The coordinates lie in the box |v_j| <= B.
struct DenseToSparseGate : PlainGate {
  static constexpr std::array<std::string_view, 3> kOptions{"temperature", "input_map", "top_k"};
  static constexpr KindInfo kInfo{
      "dense_to_sparse",
      "softmax_i((omega_i . x + b_i) / temperature)",
      "the softmax gate with a temperature, as routers are trained that begin dense",
      "NHR25 (arXiv 2503.03213)",
      kOptions,
      "a learned temperature is 1, since only omega_i / temperature matters; the last "
      "expert is the reference, all its gate parameters are 0"};
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
  static constexpr bool kCanLearnTemperature = true;
  static constexpr bool kLearnsUnlessGiven = true;
  static constexpr bool kBiasIsDivided = true;

  static double section_temperature(const GateSpec&, const Eigen::MatrixXd&) { return 1; }

  /// v = omega / tau.
  template <class T>
  static void to_chart(const GateSpec& spec, std::span<const T> raw, std::span<T> v) {
    scale_by(T(1) / T(spec.temperature.value), raw, v);
  }
  template <class T>
  static void to_raw(const GateSpec& spec, std::span<const T> v, std::span<T> raw) {
    scale_by(T(spec.temperature.value), v, raw);
  }
};

}  // namespace moest
