// The perturbed cosine gate.
#pragma once

#include <algorithm>
#include <array>

#include "moest/model/gate_math.h"
#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = omega_i . x / ((‖omega_i‖ + tau_1)(‖x‖ + tau_2) tau) + b_i, w = softmax(s) [HN25]. The offsets are
/// fixed positive numbers, not random draws. In the chart
///     z = x / (‖x‖ + tau_2),    v_i = omega_i / ((‖omega_i‖ + tau_1) tau),
/// the score is linear, s_i = v_i . z + b_i, and ‖omega_i‖ <= B is the ball ‖v_i‖ <= B / ((B + tau_1) tau).
/// The weights do not change when one vector is added to all v_i.
struct PerturbedCosineGate : PlainGate {
  static constexpr std::array<std::string_view, 5> kOptions{"tau1", "tau2", "temperature", "input_map",
                                                            "top_k"};
  static constexpr KindInfo kInfo{
      "perturbed_cosine",
      "softmax_i(omega_i . x / ((|omega_i| + tau1)(|x| + tau2)) / temperature + b_i)",
      "bounded scores that depend on the direction of x",
      "HN25 (arXiv 2405.14131)",
      kOptions,
      "the smallest ball around all omega_i / (|omega_i| + tau1) is centred at 0; the last bias is 0"};
  static constexpr bool kCanLearnTemperature = true;
  static constexpr bool kChartIsLinear = false;

  static Region region(const GateSpec& spec, double bound) {
    const double least =
        spec.temperature.learned.value_or(false) ? kLeastTemperature : spec.temperature.value;
    return {Region::Shape::ball, bound / (bound + spec.tau1) / least};
  }
  /// A learned tau only sets the size of the ball: where the v_i are given, every tau < 1 / max ‖v_i‖
  /// describes the same function. The section has the longest ‖omega_i‖ = tau_1, as far as the interval of
  /// tau allows.
  static double section_temperature(const GateSpec&, const Eigen::MatrixXd& v) {
    const double longest = v.colwise().norm().maxCoeff();
    return longest > 0 ? std::clamp(0.5 / longest, kLeastTemperature, kMostTemperature) : 1.0;
  }

  template <class T>
  static void features(const GateSpec& spec, std::span<const T> x, std::span<T> z) {
    scale_by(T(1) / (euclidean_norm(x) + T(spec.tau2)), x, z);
  }
  template <class T>
  static void to_chart(const GateSpec& spec, std::span<const T> raw, std::span<T> v) {
    scale_by(T(1) / ((euclidean_norm(raw) + T(spec.tau1)) * T(spec.temperature.value)), raw, v);
  }
  /// omega = tau_1 tau v / (1 - tau ‖v‖); requires tau ‖v‖ < 1.
  template <class T>
  static void to_raw(const GateSpec& spec, std::span<const T> v, std::span<T> raw) {
    const T temperature = T(spec.temperature.value);
    scale_by(T(spec.tau1) * temperature / (T(1) - temperature * euclidean_norm(v)), v, raw);
  }
  /// The smallest ball that holds all v_i is centred at 0: the section with the shortest longest omega_i.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return enclosing_ball_centre(v); }
};

}  // namespace moest
