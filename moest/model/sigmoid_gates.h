// Gates whose weights are sigmoids: sigmoid and normalized_sigmoid.
#pragma once

#include "moest/model/plain_gate.h"

namespace moest {

/// w_i = sigmoid(omega_i . x + b_i), not normalised (arXiv 2405.13997): each expert is added as far as its
/// own gate is open. The chart is the identity, v = omega; the coordinates lie in the box |v_j| <= B. There
/// is no gauge but the order of the experts.
struct SigmoidGate : PlainGate {
  static constexpr KindInfo kInfo{"sigmoid", "sigmoid(b_i + omega_i . x), not normalised",
                                  "each expert switches itself on, and those that are on add up",
                                  "arXiv 2405.13997", kInputMapOnly};
  static Link link(const GateSpec&) { return Link::sigmoid; }
  static constexpr Combiner kCombiner = Combiner::separate;
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
};

/// w_i = sigmoid(t_i) / sum_j sigmoid(t_j), t_i = omega_i . x + b_i (arXiv 2505.10860): the softmax of the
/// scores log sigmoid(t_i). The chart is the identity, v = omega; the coordinates lie in the box |v_j| <= B.
/// There is no gauge but the order of the experts.
struct NormalizedSigmoidGate : PlainGate {
  static constexpr KindInfo kInfo{
      "normalized_sigmoid", "sigmoid(b_i + omega_i . x) / sum_j sigmoid(b_j + omega_j . x)",
      "each expert switches itself on; no parameter is a convention", "arXiv 2505.10860", kSoftmaxOptions};
  static Link link(const GateSpec&) { return Link::log_sigmoid; }
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
};

}  // namespace moest
