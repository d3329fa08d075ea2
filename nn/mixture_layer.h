// A layer of experts of which each token uses a few.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "moest/base/option.h"
#include "nn/router.h"

namespace moest::nn {

/// How the experts of a layer are, how they are chosen, and what the training loss gets for it.
struct MixtureOptions {
  RouterSpec router = {};
  int num_experts = 8;
  int top_k = 2;
  int hidden = 0;
  std::string weights_over = "auto";
  double capacity = 0;
  double balance_weight = 0.01;
  double z_weight = 0.001;
};

/// Whether a chosen expert's weight is that among all experts (the gate of Switch transformers), and not that
/// among the chosen ones (the estimator's top-k gate): as options.weights_over says, and by `auto` for one
/// chosen expert, whose weight among itself would be 1 whatever its score, so that no router could learn.
bool weighs_over_all(const MixtureOptions& options);

/// The options but for the router's.
std::span<const Option<MixtureOptions>> mixture_options();

/// Throws InputError for a number out of range, more chosen experts than there are, or a bad router.
void check(const MixtureOptions& options);

/// What a layer chose for n tokens, without gradients.
struct Routing {
  torch::Tensor experts;        // n x top_k, in the order of their scores, the largest first
  torch::Tensor weights;        // n x top_k
  torch::Tensor scores;         // n x k
  torch::Tensor probabilities;  // n x k: the weights among all experts, made to sum to 1
  torch::Tensor kept;           // n x top_k, false where the expert had no room; undefined without a capacity

  /// Choices that found no room.
  std::int64_t num_dropped() const;
};

/// The routing of all tokens of several calls, in that order; at least one.
Routing joined(std::span<const Routing> parts);
/// The same for each layer.
std::vector<Routing> joined(std::span<const std::vector<Routing>> layers);

/// f(x) = sum_{i in top_k(x)} w_i(x) (V_i gelu(U_i x + a_i) + c_i): the experts with the top_k largest scores
/// of the router, with the router's weights over these alone, or over all where weighs_over_all(). No token
/// is dropped, unless `capacity` is positive and the module in training mode: then each expert has room for
/// ceil(capacity n top_k / k) tokens of a call, and those that choose it with the least weight beyond are not
/// seen by it (and the others' weights stay as they are). What a token gets then depends on all tokens of the
/// call; in evaluation mode on itself alone, so that a causal model is one.
///
/// Parameters: router.*, inner_weight (k x width x hidden: U'), inner_bias (k x hidden: a), outer_weight
/// (k x hidden x width: V'), outer_bias (k x width: c); the experts start as torch::nn::Linear does.
class MixtureLayerImpl : public torch::nn::Module {
 public:
  /// Throws InputError as check() does.
  MixtureLayerImpl(std::int64_t width, const MixtureOptions& options);

  /// x: .. x width. Returns the same shape.
  torch::Tensor forward(const torch::Tensor& x);

  /// Of the last forward, a scalar with gradients:
  ///     balance_weight k sum_i f_i P_i + z_weight mean_n (log sum_i e^{s_i})^2,
  /// f_i the share of choices that fell on expert i, P_i the mean over tokens of its weight among all k
  /// (sigmoids divided by their sum): the first sum is 1 / k, and its term balance_weight, where all are used
  /// equally (Switch transformers, arXiv 2101.03961; z loss: ST-MoE, arXiv 2202.08906). 0 before the first.
  torch::Tensor auxiliary_loss() const;

  /// Of the last forward.
  const Routing& routing() const { return routing_; }

  Router router() const { return router_; }
  const MixtureOptions& options() const { return options_; }

 private:
  // `open`: the weights among all experts.
  void note_routing(const torch::Tensor& scores, const torch::Tensor& open, const torch::Tensor& experts,
                    const torch::Tensor& weights);
  bool is_dense(std::int64_t num_tokens) const;
  torch::Tensor combined_experts(const torch::Tensor& x, const torch::Tensor& experts,
                                 const torch::Tensor& weights);

  MixtureOptions options_;
  Router router_{nullptr};
  torch::Tensor inner_weight_, inner_bias_, outer_weight_, outer_bias_;
  Routing routing_;
  torch::Tensor auxiliary_loss_;
};
TORCH_MODULE(MixtureLayer);

}  // namespace moest::nn
