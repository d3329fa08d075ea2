// The hierarchical softmax gate.
#pragma once

#include <array>

#include "moest/model/plain_gate.h"

namespace moest {

/// The experts are divided into groups, and expert i of group g has the weight
///     w_i = softmax_g(omega_g . x + b_g) softmax_{i in g}(omega_i . x + b_i)   [NHR25],
/// the first softmax over the groups, the second over the experts of the group. The chart is the identity,
/// the coordinates of both levels lie in the box |v_j| <= B. The weights do not change when one vector is
/// added to the omega_i of one group, or to all omega_g. One group of all experts, and groups of one expert
/// each, are the softmax gate.
struct HierarchicalGate : PlainGate {
  static constexpr std::array<std::string_view, 2> kOptions{"groups", "input_map"};
  static constexpr KindInfo kInfo{
      "hierarchical",
      "softmax_g(b_g + omega_g . x) softmax_i(b_i + omega_i . x) for expert i of group g",
      "two levels: which group of experts, and which expert in it",
      "NHR25 (arXiv 2503.03213)",
      kOptions,
      "the last expert of each group, and the last group, are references: all their gate parameters are 0"};
  static constexpr Combiner kCombiner = Combiner::hierarchical;
  static constexpr bool kFeaturesAreInputs = true;
  static constexpr bool kScoreIsAffine = true;
};

}  // namespace moest
