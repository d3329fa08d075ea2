// The dense-to-sparse gate with the identity router.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "moest/kernel/links.h"
#include "moest/model/gate_math.h"
#include "moest/model/region.h"
#include "moest/model/specification.h"

namespace moest {

/// s_i = (omega_i . x + b_i) / tau, w = softmax(s), one tau > 0 for all experts, learned unless it is given
/// [NHR25]. In the chart v_i = omega_i / tau with biases b_i / tau this is the softmax gate: a learned tau is
/// a scale that no data determine, and it is 1 in the model file. The coordinates lie in the box |v_j| <= B.
struct DenseToSparseGate {
  static constexpr std::array<std::string_view, 2> kOptions{"temperature", "input_map"};
  static constexpr KindInfo kInfo{
      "dense_to_sparse",
      "softmax_i((omega_i . x + b_i) / temperature)",
      "the softmax gate with a temperature, as routers are trained that begin dense",
      "NHR25 (arXiv 2503.03213)",
      kOptions,
      "a learned temperature is 1, since only omega_i / temperature matters; the last "
      "expert is the reference, all its gate parameters are 0"};
  static constexpr Link kLink = Link::identity;
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
  static constexpr int kMinInputs = 1;
  static constexpr bool kNeedsDirections = false;
  static constexpr bool kLearnsTemperature = true;
  static constexpr bool kBiasIsDivided = true;

  static std::vector<std::string> raw_names(const std::vector<std::string>& inputs) {
    return prefixed("omega_", inputs);
  }
  static int num_features(int num_inputs) { return num_inputs; }
  static Region region(const GateSpec&, double bound) { return {Region::Shape::box, bound}; }
  static double section_temperature(const GateSpec&, const Eigen::MatrixXd&) { return 1; }

  /// z = x.
  template <class T>
  static void features(const GateSpec&, std::span<const T> x, std::span<T> z) {
    std::copy(x.begin(), x.end(), z.begin());
  }
  /// v = omega / tau.
  template <class T>
  static void to_chart(const GateSpec& spec, std::span<const T> raw, std::span<T> v) {
    scale_by(T(1) / T(spec.temperature.value), raw, v);
  }
  template <class T>
  static void to_raw(const GateSpec& spec, std::span<const T> v, std::span<T> raw) {
    scale_by(T(spec.temperature.value), v, raw);
  }
  /// The last expert is the reference: omega_k = 0.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return v.col(v.cols() - 1); }
};

}  // namespace moest
