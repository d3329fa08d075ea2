#include "nn/transformer.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "moest/base/error.h"

namespace moest::nn {
namespace {

namespace tn = torch::nn;

void start_linear(const tn::Linear& layer, double deviation) {
  tn::init::normal_(layer->weight, 0, deviation);
  tn::init::zeros_(layer->bias);
}

tn::LayerNorm norm_of(int width) { return tn::LayerNorm(tn::LayerNormOptions({width})); }

}  // namespace

std::span<const Option<TransformerOptions>> transformer_options() {
  static const std::array kOptions{
      Option<TransformerOptions>{"layers", &TransformerOptions::layers, 1, 1000, "", "number of blocks"},
      Option<TransformerOptions>{"width", &TransformerOptions::width, 1, 65536, "",
                                 "numbers that stand for one position"},
      Option<TransformerOptions>{"heads", &TransformerOptions::heads, 1, 1024, "",
                                 "attention heads, which share the width"},
      Option<TransformerOptions>{"dropout", &TransformerOptions::dropout, 0, 0.9, "",
                                 "share of what a layer adds that is dropped in training"},
      Option<TransformerOptions>{
          "mixture_every", &TransformerOptions::mixture_every, 0, 1000, "",
          "of so many blocks one has a mixture layer in place of the dense one; 0 for none"},
  };
  return kOptions;
}

void check_transformer(const TransformerOptions& options) {
  check_options(options, transformer_options());
  if (options.width % options.heads != 0) {
    throw InputError(fmt::format("{} heads cannot share the width {}", options.heads, options.width),
                     "each takes the same number of coordinates", "Make width a multiple of heads.");
  }
}

std::string router_name(const TransformerOptions& options) {
  return options.mixture_every > 0 ? options.mixture.router.kind : "none";
}

BlockImpl::BlockImpl(const TransformerOptions& options, Attention attention, FeedForward feed_forward)
    : heads_(options.heads), attention_(attention) {
  const int width = options.width;
  const double output_deviation = kInitialDeviation / std::sqrt(2.0 * options.layers);
  attention_norm_ = register_module("attention_norm", norm_of(width));
  queries_keys_values_ = register_module("queries_keys_values", tn::Linear(width, 3 * width));
  attention_output_ = register_module("attention_output", tn::Linear(width, width));
  start_linear(queries_keys_values_, kInitialDeviation);
  start_linear(attention_output_, output_deviation);
  feed_forward_norm_ = register_module("feed_forward_norm", norm_of(width));
  if (feed_forward == FeedForward::mixture) {
    mixture_ = register_module("mixture", MixtureLayer(width, options.mixture));
  } else {
    dense_hidden_ = register_module("dense_hidden", tn::Linear(width, 4 * width));
    dense_output_ = register_module("dense_output", tn::Linear(4 * width, width));
  }
  dropout_ = register_module("dropout", tn::Dropout(options.dropout));
}

torch::Tensor BlockImpl::attend(const torch::Tensor& x) {
  const auto batch = x.size(0);
  const auto length = x.size(1);
  const auto width = x.size(2);
  const auto head_width = width / heads_;
  // B x T x 3 width -> 3 x B x heads x T x head_width
  const torch::Tensor parts =
      queries_keys_values_(x).view({batch, length, 3, heads_, head_width}).permute({2, 0, 3, 1, 4});
  const torch::Tensor queries = parts[0] / std::sqrt(static_cast<double>(head_width));
  torch::Tensor scores = torch::matmul(queries, parts[1].transpose(2, 3));
  if (attention_ == Attention::causal) {
    const torch::Tensor later = torch::ones({length, length}, x.options().dtype(torch::kBool)).triu(1);
    scores = scores.masked_fill(later, -std::numeric_limits<double>::infinity());
  }
  const torch::Tensor mixed = torch::matmul(torch::softmax(scores, -1), parts[2]);
  return attention_output_(mixed.transpose(1, 2).reshape({batch, length, width}));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x) {
  const torch::Tensor attended = x + dropout_(attend(attention_norm_(x)));
  const torch::Tensor normed = feed_forward_norm_(attended);
  const torch::Tensor added =
      mixture_.is_empty() ? dense_output_(torch::gelu(dense_hidden_(normed))) : mixture_(normed);
  return attended + dropout_(added);
}

TransformerImpl::TransformerImpl(const TransformerOptions& options, Attention attention) {
  check_transformer(options);
  const auto blocks = register_module("blocks", tn::ModuleList());
  for (int i = 1; i <= options.layers; ++i) {
    const bool has_mixture = options.mixture_every > 0 && i % options.mixture_every == 0;
    const auto feed_forward = has_mixture ? BlockImpl::FeedForward::mixture : BlockImpl::FeedForward::dense;
    blocks_.emplace_back(options, attention, feed_forward);
    blocks->push_back(blocks_.back());
  }
  norm_ = register_module("norm", norm_of(options.width));
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& x) {
  torch::Tensor y = x;
  for (Block& block : blocks_) {
    y = block(y);
  }
  return norm_(y);
}

torch::Tensor TransformerImpl::auxiliary_loss() const {
  torch::Tensor sum = torch::zeros({}, norm_->weight.options().requires_grad(false));
  for (const MixtureLayer& mixture : mixtures()) {
    sum = sum + mixture->auxiliary_loss();
  }
  return sum;
}

std::vector<MixtureLayer> TransformerImpl::mixtures() const {
  std::vector<MixtureLayer> mixtures;
  for (const Block& block : blocks_) {
    if (!block->mixture().is_empty()) {
      mixtures.push_back(block->mixture());
    }
  }
  return mixtures;
}

void TransformerImpl::set_share_done(double share) {
  for (const MixtureLayer& mixture : mixtures()) {
    mixture->router()->set_share_done(share);
  }
}

std::int64_t num_active_parameters(const torch::nn::Module& model, const Transformer& transformer) {
  double count = 0;
  for (const torch::Tensor& parameter : model.parameters()) {
    count += static_cast<double>(parameter.numel());
  }
  for (const MixtureLayer& mixture : transformer->mixtures()) {
    const MixtureOptions& options = mixture->options();
    const double idle_share = 1 - static_cast<double>(options.top_k) / options.num_experts;
    for (const torch::Tensor& of_experts : mixture->parameters(/*recurse=*/false)) {
      count -= idle_share * static_cast<double>(of_experts.numel());
    }
  }
  return std::llround(count);
}

}  // namespace moest::nn
