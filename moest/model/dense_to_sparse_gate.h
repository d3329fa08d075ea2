// The dense-to-sparse gate.
#pragma once

#include <array>

#include "moest/model/gate_math.h"
#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = (r(omega_i . x) + b_i) / tau, w = softmax(s), one tau > 0 for all experts, learned unless it is
/// given [NHR25]; the router r is the identity, tanh, gelu or the sigmoid. The coordinates lie in the box
/// |v_j| <= B.
///
/// With the identity this is the softmax gate in the chart v_i = omega_i / tau with biases b_i / tau: a
/// learned tau is a scale that no data determine, and it is 1 in the model file. With another router v_i =
/// omega_i with biases b_i / tau, and the data determine a learned tau, whose inverse is a coordinate of its
/// own, in [0.01, 100]; only a common shift of the biases changes nothing.
struct DenseToSparseGate : PlainGate {
  static constexpr std::array<std::string_view, 4> kOptions{"router", "temperature", "input_map", "top_k"};
  static constexpr KindInfo kInfo{
      "dense_to_sparse",
      "softmax_i((router(omega_i . x) + b_i) / temperature)",
      "the softmax gate with a temperature, as routers are trained that begin dense",
      "NHR25 (arXiv 2503.03213)",
      kOptions,
      "with the identity router a learned temperature is 1, since only omega_i / temperature matters, and "
      "the last expert is the reference, all its gate parameters are 0; with another router the last bias is "
      "0"};
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
  static constexpr bool kCanLearnTemperature = true;
  static constexpr bool kLearnsUnlessGiven = true;
  static constexpr bool kBiasIsDivided = true;

  static Link link(const GateSpec& spec) {
    return spec.router == "tanh"      ? Link::tanh
           : spec.router == "gelu"    ? Link::gelu
           : spec.router == "sigmoid" ? Link::sigmoid
                                      : Link::identity;
  }
  static bool bias_is_outside(const GateSpec& spec) { return link(spec) != Link::identity; }

  static double section_temperature(const GateSpec&, const Eigen::MatrixXd&) { return 1; }

  /// v = omega / tau or, with a router that is not the identity, omega.
  template <class T>
  static void to_chart(const GateSpec& spec, std::span<const T> raw, std::span<T> v) {
    scale_by(bias_is_outside(spec) ? T(1) : T(1) / T(spec.temperature.value), raw, v);
  }
  template <class T>
  static void to_raw(const GateSpec& spec, std::span<const T> v, std::span<T> raw) {
    scale_by(bias_is_outside(spec) ? T(1) : T(spec.temperature.value), v, raw);
  }
};

}  // namespace moest
