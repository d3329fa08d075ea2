// Gates whose scores are quadratic functions: quadratic and monomial.
#pragma once

#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = x'A_i x (+ omega_i . x) + b_i, w = softmax(s), A_i symmetric (arXiv 2410.11222). Raw parameters: the
/// upper triangle of A_i row by row, then omega_i where it is. Features x_u x_v, twice for u < v, then x, so
/// that the chart is the identity. The coordinates lie in the box |v_j| <= B. The weights do not change when
/// one symmetric matrix is added to all A_i or one vector to all omega_i.
template <bool kHasLinearPart>
struct QuadraticFormGate : PlainGate {
  static constexpr KindInfo kInfo = kHasLinearPart
                                        ? KindInfo{"quadratic",
                                                   "softmax_i(x' A_i x + omega_i . x + b_i)",
                                                   "borders that are conic sections",
                                                   "arXiv 2410.11222",
                                                   kSoftmaxOptions,
                                                   kLastIsReference}
                                        : KindInfo{"monomial",
                                                   "softmax_i(x' A_i x + b_i)",
                                                   "borders that are conic sections around the origin",
                                                   "arXiv 2410.11222",
                                                   kSoftmaxOptions,
                                                   kLastIsReference};

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
  /// An entry of A off the diagonal, so that the norm of A is Frobenius'.
  static bool counts_twice(int parameter, int num_inputs) {
    for (int u = 0, diagonal = 0; u < num_inputs; diagonal += num_inputs - u, ++u) {
      if (parameter == diagonal) {
        return false;
      }
    }
    return parameter < num_inputs * (num_inputs + 1) / 2;
  }

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
};

using QuadraticGate = QuadraticFormGate<true>;
using MonomialGate = QuadraticFormGate<false>;

}  // namespace moest
