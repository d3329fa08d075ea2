// The linear softmax gate.
#pragma once

#include "moest/model/plain_gate.h"

namespace moest {

/// s_i = omega_i . x + b_i, w = softmax(s) [NHR24, NHR25]. The chart is the identity, v = omega; the
/// coordinates lie in the box |v_j| <= B. The weights do not change when one vector is added to all omega_i.
struct SoftmaxGate : PlainGate {
  static constexpr KindInfo kInfo{"softmax",
                                  "softmax_i(b_i + omega_i . x)",
                                  "linear scores, gates as sharp as the data want them",
                                  "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)",
                                  kSoftmaxOptions,
                                  kLastIsReference};
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
};

}  // namespace moest
