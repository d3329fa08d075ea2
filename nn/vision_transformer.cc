#include "nn/vision_transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "moest/base/error.h"

namespace moest::nn {
namespace {

// Patches along the longer side, unless told otherwise.
constexpr double kUsualPatches = 4;
constexpr int kMostPatches = 8;

// Of the first positions, so that they weigh as much as what a patch of values in [0, 1] adds.
constexpr double kPositionDeviation = 0.2;

}  // namespace

std::span<const Option<VisionOptions>> vision_options() {
  static const std::array kOptions{
      Option<VisionOptions>{"patch", &VisionOptions::patch, 1, 1024, "pixels",
                            "height and width of the patches that images are cut into; by default such "
                            "that they are about 4 x 4"},
  };
  return kOptions;
}

int patch_size(const VisionOptions& options, const ImageShape& shape) {
  const auto divides = [&](int patch) { return shape.height % patch == 0 && shape.width % patch == 0; };
  if (options.patch && !divides(*options.patch)) {
    throw InputError(fmt::format("patches of {0} x {0} pixels do not fill images of {1} x {2}",
                                 *options.patch, shape.height, shape.width),
                     "both extents must be multiples of the patch",
                     "Choose another --patch or --image-size.");
  }
  if (options.patch) {
    return *options.patch;
  }
  const int side = std::max(shape.height, shape.width);
  std::optional<int> best;
  const auto ratio = [&](int patch) { return std::abs(std::log(side / (kUsualPatches * patch))); };
  for (int patch = 1; 2 * patch <= std::min(shape.height, shape.width); ++patch) {
    const bool is_fine = divides(patch) && side <= kMostPatches * patch;
    if (is_fine && (!best || ratio(patch) < ratio(*best))) {
      best = patch;
    }
  }
  if (best) {
    return *best;
  }
  throw InputError(fmt::format("images of {} x {} pixels cannot be cut into a few equal squares",
                               shape.height, shape.width),
                   "their extents have no suitable common divisor",
                   "Give --image-size, 64 say, to which all are resized.");
}

torch::Tensor patches(const torch::Tensor& images, std::int64_t p) {
  MOEST_EXPECT(images.dim() == 4 && images.size(2) % p == 0 && images.size(3) % p == 0);
  const std::int64_t num_rows = images.size(2) / p;
  const std::int64_t num_columns = images.size(3) / p;
  return images.reshape({images.size(0), images.size(1), num_rows, p, num_columns, p})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({images.size(0), num_rows * num_columns, images.size(1) * p * p});
}

VisionTransformerImpl::VisionTransformerImpl(const ImageShape& shape, std::int64_t num_classes,
                                             const VisionOptions& options)
    : patch_(patch_size(options, shape)) {
  check_transformer(options.transformer);
  const int width = options.transformer.width;
  const int num_patches = (shape.height / patch_) * (shape.width / patch_);
  embedding_ = register_module("embedding", torch::nn::Linear(shape.channels * patch_ * patch_, width));
  positions_ = register_parameter("positions", kPositionDeviation * torch::randn({num_patches, width}));
  transformer_ = register_module("transformer", Transformer(options.transformer, Attention::full));
  head_ = register_module("head", torch::nn::Linear(width, num_classes));
}

torch::Tensor VisionTransformerImpl::forward(const torch::Tensor& images) {
  const torch::Tensor x = embedding_(patches(images, patch_)) + positions_;
  return head_(transformer_(x).mean(1));
}

}  // namespace moest::nn
