// A mixture as the kernel sees it: ridge units over fixed features, in one flat parameter vector v.
#pragma once

#include <optional>
#include <vector>

#include "moest/kernel/links.h"

namespace moest {

/// Features z of a unit: columns first_column .. first_column + num_columns - 1 of the sample blocks,
/// followed by the constant 1 if `constant`. A set with no columns and the constant is [1].
struct FeatureSet {
  int first_column = 0;
  int num_columns = 0;
  bool constant = true;

  int size() const { return num_columns + (constant ? 1 : 0); }
};

/// One ridge unit: link(v[offset .. offset + size - 1] . z), z and its size from the feature set.
struct RidgeUnit {
  int feature_set = 0;
  int offset = 0;
  Link link = Link::identity;
};

/// One neuron of an expert, c phi(t) with phi(t) the inner unit. c is v[weight]; a negative index means that
/// the model has none (c = 1).
struct NeuronUnits {
  RidgeUnit inner;
  int weight = -1;
};

/// One expert: the sum of its neurons and c_0, h = sum_m c_m phi(t_m) + c_0. c_0 is v[shift]; a negative
/// index means 0.
struct ExpertUnits {
  std::vector<NeuronUnits> neurons;  // at least one
  int shift = -1;
};

/// From the scores s_1..s_k, the values of the gates' units, to the weights.
enum class Combiner {
  softmax,       // w = softmax(s)
  hierarchical,  // a softmax over groups of experts times one over the experts of each group
  separate,      // w_i = s_i, whatever the others are; the link of the gates is sigmoid
};

/// What comes between the values r(t_i) of the gates' units and the scores s_i = factor r(t_i) + b_i: a
/// factor that all scores share, and biases outside the link.
struct RouterUnits {
  std::vector<int> biases;  // v[biases[i]] = b_i for i < k - 1, and b_k = 0
  int factor = -1;          // v[factor]; a negative index means that it is fixed
  double fixed_factor = 1;
};

/// f(x) = sum_i w_i(x) h_i(x). Where the gates have no link there is one unit less than experts: the score of
/// the last expert is anchored at 0, which takes nothing away since a common shift of all scores changes no
/// softmax. With a link each expert has a unit, and there may be a router.
///
/// Of the hierarchical combiner every softmax has its anchor: the last expert of each group, and the last
/// group. Unit i is the score of expert i relative to the last of its group or, where i is that last one, the
/// score of the group relative to the last group. So there are k - 1 units here too.
struct MixtureLayout {
  Combiner combiner = Combiner::softmax;
  std::vector<int> group_ends;  // hierarchical: group g is the experts group_ends[g - 1] .. group_ends[g] - 1
  int kept = 0;  // the softmax is over so many largest scores, the lower index first of equal ones; 0: all
  std::vector<FeatureSet> feature_sets;
  std::vector<RidgeUnit> gates;       // k - 1 or k units
  std::optional<RouterUnits> router;  // without it, s_i = r(t_i)
  std::vector<ExpertUnits> experts;   // k experts
  int constant_set = 0;               // the feature set [1] of every c, c_0, bias of a router and its factor
  int num_parameters = 0;             // length of v
  int target = 0;                     // which one of the samples f is compared with

  int num_experts() const { return static_cast<int>(experts.size()); }
};

}  // namespace moest
