// Transformer blocks whose feed-forward part is dense or a mixture of experts: what the language model and
// the vision transformer share.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "moest/base/option.h"
#include "nn/mixture_layer.h"

namespace moest::nn {

/// Options of a Transformer; the sentences and ranges are in transformer_options().
struct TransformerOptions {
  int layers = 2;
  int width = 128;
  int heads = 4;
  double dropout = 0;
  int mixture_every = 1;  // 0: a dense network
  MixtureOptions mixture = {};
};

/// The options but for those of the mixture layers, in the order of the documentation.
std::span<const Option<TransformerOptions>> transformer_options();

/// Throws InputError for values out of range and for a width that is no multiple of the number of heads.
void check_transformer(const TransformerOptions& options);

/// The kind of the router; "none" for a dense network.
std::string router_name(const TransformerOptions& options);

/// Which positions one attends to: itself and the earlier ones, or all.
enum class Attention { causal, full };

/// One block: x + A(norm(x)), then x + F(norm(x)), with A multi-head attention,
///     A(x) = W_o concat_h(softmax(q_h k_h' / sqrt(width / heads)) v_h),
/// and F a mixture layer or the dense layer W_2 gelu(W_1 x + b_1) + b_2 with 4 width hidden units. Dropout
/// acts on what both add.
class BlockImpl : public torch::nn::Module {
 public:
  enum class FeedForward { dense, mixture };

  BlockImpl(const TransformerOptions& options, Attention attention, FeedForward feed_forward);

  /// x: B x T x width -> the same.
  torch::Tensor forward(const torch::Tensor& x);
  /// Null for a dense block.
  const MixtureLayer& mixture() const { return mixture_; }

 private:
  torch::Tensor attend(const torch::Tensor& x);

  int heads_;
  Attention attention_;
  torch::nn::LayerNorm attention_norm_{nullptr}, feed_forward_norm_{nullptr};
  torch::nn::Linear queries_keys_values_{nullptr}, attention_output_{nullptr};
  torch::nn::Linear dense_hidden_{nullptr}, dense_output_{nullptr};
  MixtureLayer mixture_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
};
TORCH_MODULE(Block);

/// `layers` blocks and a last norm. Of every `mixture_every` blocks the last has a mixture layer. Matrices
/// start normal with standard deviation 0.02, those that write to the residual stream with 0.02 / sqrt(2
/// layers), and biases at 0, as in GPT-2; feed-forward layers, dense ones and experts alike, as
/// torch::nn::Linear does.
class TransformerImpl : public torch::nn::Module {
 public:
  /// Requires options that check_transformer() accepts.
  TransformerImpl(const TransformerOptions& options, Attention attention);

  /// x: B x T x width -> the same.
  torch::Tensor forward(const torch::Tensor& x);
  /// The sum over the mixture layers, of the last forward; 0 for a dense network.
  torch::Tensor auxiliary_loss() const;
  /// From the first block to the last.
  std::vector<MixtureLayer> mixtures() const;
  /// The share of the training that is done, which temperature schedules follow.
  void set_share_done(double share);

 private:
  std::vector<Block> blocks_;
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(Transformer);

/// The number of parameters of a model around a transformer, without the experts that a token does not use.
std::int64_t num_active_parameters(const torch::nn::Module& model, const Transformer& transformer);

/// Weights of linear layers and embeddings normal with this standard deviation, biases 0.
inline constexpr double kInitialDeviation = 0.02;

}  // namespace moest::nn
