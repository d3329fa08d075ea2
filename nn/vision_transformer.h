// A small vision transformer (Dosovitskiy et al., arXiv 2010.11929) whose feed-forward layers may be mixtures
// of experts.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "moest/base/option.h"
#include "nn/images.h"
#include "nn/transformer.h"

namespace moest::nn {

/// Options of a VisionTransformer besides those of its blocks; the sentence is in vision_options().
struct VisionOptions {
  std::optional<int> patch = {};
  TransformerOptions transformer = {.width = 64};
};

/// The options but for those of the blocks.
std::span<const Option<VisionOptions>> vision_options();

/// The height and width of a patch: options.patch, or of those that make 8 patches or fewer along the longer
/// side and 2 or more along the shorter the one that comes nearest to 4 along the longer, by ratio. Throws
/// InputError where options.patch does not divide both extents, or nothing suitable does.
int patch_size(const VisionOptions& options, const ImageShape& shape);

/// images: N x C x H x W -> N x (H / p)(W / p) x C p p: the patches row by row, each channel by channel and
/// row by row. Requires p to divide H and W.
torch::Tensor patches(const torch::Tensor& images, std::int64_t p);

/// logits = W mean_t y_t + b, y = transformer(x), x_t = E patch_t + e + position_t: patches in full attention
/// to each other, and the mean over them in place of a class token.
class VisionTransformerImpl : public torch::nn::Module {
 public:
  /// Throws InputError as patch_size() and check_transformer().
  VisionTransformerImpl(const ImageShape& shape, std::int64_t num_classes, const VisionOptions& options);

  /// images: N x C x H x W, floating-point -> N x num_classes.
  torch::Tensor forward(const torch::Tensor& images);

  /// Blocks, mixtures and auxiliary loss.
  Transformer transformer() const { return transformer_; }

 private:
  int patch_;
  torch::nn::Linear embedding_{nullptr};
  torch::Tensor positions_;  // T x width
  Transformer transformer_{nullptr};
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(VisionTransformer);

}  // namespace moest::nn
