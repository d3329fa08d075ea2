// Gates whose scores are quadratic functions: quadratic and monomial.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "moest/kernel/links.h"
#include "moest/model/region.h"
#include "moest/model/specification.h"

namespace moest {

/// s_i = x'A_i x (+ omega_i . x) + b_i, w = softmax(s), A_i symmetric (arXiv 2410.11222). Raw parameters: the
/// upper triangle of A_i row by row, then omega_i where it is. Features x_u x_v, twice for u < v, then x, so
/// that the chart is the identity. The coordinates lie in the box |v_j| <= B. The weights do not change when
/// one symmetric matrix is added to all A_i or one vector to all omega_i.
template <bool kHasLinearPart>
struct QuadraticFormGate {
  static constexpr Link kLink = Link::identity;
  static constexpr bool kFeaturesAreInputs = false;
  static constexpr bool kScoreIsAffine = false;
  static constexpr int kMinInputs = 1;
  static constexpr bool kNeedsDirections = false;
  static constexpr bool kLearnsTemperature = false;
  static constexpr bool kBiasIsDivided = false;

  static std::vector<std::string> raw_names(const std::vector<std::string>& inputs) {
    std::vector<std::string> names;
    for (std::size_t u = 0; u < inputs.size(); ++u) {
      for (std::size_t v = u; v < inputs.size(); ++v) {
        names.push_back("A_" + inputs[u] + "_" + inputs[v]);
      }
    }
    if (kHasLinearPart) {
      const std::vector<std::string> slopes = prefixed("omega_", inputs);
      names.insert(names.end(), slopes.begin(), slopes.end());
    }
    return names;
  }
  static int num_features(int num_inputs) {
    return num_inputs * (num_inputs + 1) / 2 + (kHasLinearPart ? num_inputs : 0);
  }
  static Region region(const GateSpec&, double bound) { return {Region::Shape::box, bound}; }

  template <class T>
  static void features(const GateSpec&, std::span<const T> x, std::span<T> z) {
    std::size_t next = 0;
    for (std::size_t u = 0; u < x.size(); ++u) {
      for (std::size_t v = u; v < x.size(); ++v) {
        z[next++] = (u == v ? T(1) : T(2)) * x[u] * x[v];
      }
    }
    if (kHasLinearPart) {
      std::copy(x.begin(), x.end(), z.begin() + static_cast<std::ptrdiff_t>(next));
    }
  }
  /// v = (A, omega).
  template <class T>
  static void to_chart(const GateSpec&, std::span<const T> raw, std::span<T> v) {
    std::copy(raw.begin(), raw.end(), v.begin());
  }
  template <class T>
  static void to_raw(const GateSpec&, std::span<const T> v, std::span<T> raw) {
    std::copy(v.begin(), v.end(), raw.begin());
  }
  /// The last expert is the reference: A_k = 0, omega_k = 0.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return v.col(v.cols() - 1); }
};

struct QuadraticGate : QuadraticFormGate<true> {
  static constexpr KindInfo kInfo{"quadratic",
                                  "softmax_i(x' A_i x + omega_i . x + b_i)",
                                  "borders that are conic sections",
                                  "arXiv 2410.11222",
                                  kInputMapOnly,
                                  kLastIsReference};
};

struct MonomialGate : QuadraticFormGate<false> {
  static constexpr KindInfo kInfo{"monomial",
                                  "softmax_i(x' A_i x + b_i)",
                                  "borders that are conic sections around the origin",
                                  "arXiv 2410.11222",
                                  kInputMapOnly,
                                  kLastIsReference};
};

}  // namespace moest
