// The cosine gate.
#pragma once

#include <array>

#include "moest/model/gate_math.h"
#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = cos(omega_i, x) / tau + b_i = omega_i . x / (‖omega_i‖ ‖x‖ tau) + b_i, w = softmax(s) [HN25]. In the
/// chart
///     z = x / ‖x‖,    v_i = omega_i / (‖omega_i‖ tau),
/// the score is linear, s_i = v_i . z + b_i, and v_i lies on the sphere of radius 1 / tau. Where tau is
/// learned, v_i = omega_i / ‖omega_i‖ lies on the unit sphere and s_i = (v_i . z) / tau + b_i, with 1 / tau
/// in [0.01, 100] a coordinate of its own. The lengths of the omega_i mean nothing. Neither x = 0 nor omega_i
/// = 0 has a direction; with one input the cosine is a sign.
struct CosineGate : PlainGate {
  static constexpr std::array<std::string_view, 3> kOptions{"temperature", "input_map", "top_k"};
  static constexpr KindInfo kInfo{"cosine",
                                  "softmax_i(cos(omega_i, x) / temperature + b_i)",
                                  "scores that depend on the direction of x alone",
                                  "HN25 (arXiv 2405.14131)",
                                  kOptions,
                                  "every |omega_i| is 1: only directions matter; the last bias is 0"};
  static constexpr int kMinInputs = 2;
  static constexpr bool kNeedsDirections = true;
  static constexpr bool kCanLearnTemperature = true;
  static constexpr bool kChartIsLinear = false;

  static bool learns(const GateSpec& spec) { return spec.temperature.learned.value_or(false); }
  static bool bias_is_outside(const GateSpec& spec) { return learns(spec); }
  static double section_temperature(const GateSpec& spec, const Eigen::MatrixXd&) {
    return spec.temperature.value;
  }

  static Region region(const GateSpec& spec, double) {
    return {Region::Shape::sphere, learns(spec) ? 1.0 : 1 / spec.temperature.value};
  }

  template <class T>
  static void features(const GateSpec&, std::span<const T> x, std::span<T> z) {
    normalise(x, z);
  }
  template <class T>
  static void to_chart(const GateSpec& spec, std::span<const T> raw, std::span<T> v) {
    normalise(raw, v);
    if (learns(spec)) {
      return;
    }
    for (T& value : v) {
      value = value / T(spec.temperature.value);
    }
  }
  /// omega of length 1.
  template <class T>
  static void to_raw(const GateSpec&, std::span<const T> v, std::span<T> raw) {
    normalise(v, raw);
  }
  /// No shift keeps the v_i on their sphere.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return Eigen::VectorXd::Zero(v.rows()); }
};

}  // namespace moest
