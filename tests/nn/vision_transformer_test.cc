#include "nn/vision_transformer.h"

#include <gmock/gmock.h>

#include "moest/base/error.h"
#include "tests/nn/numerical_gradients.h"

namespace moest::nn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr ImageShape kShape{2, 4, 6};

VisionOptions tiny_options() {
  VisionOptions options{.patch = 2, .transformer = {.layers = 1, .width = 4, .heads = 2}};
  options.transformer.mixture.num_experts = 3;
  options.transformer.mixture.hidden = 5;
  return options;
}

// N images with normal values, in double.
torch::Tensor normal_images(Stream& stream, std::int64_t n) {
  return normal_matrix(stream, n, static_cast<std::int64_t>(kShape.num_values()))
      .view({n, kShape.channels, kShape.height, kShape.width});
}

VisionTransformer random_model(Stream& stream) {
  VisionTransformer model(kShape, 3, tiny_options());
  randomise(*model, stream, 0.5);
  return model;
}

int patch_for(int height, int width, std::optional<int> patch = {}) {
  return patch_size({.patch = patch}, {1, height, width});
}

TEST(Patches, AreCutRowByRow) {
  Stream stream(2024, 0, "test: patches");
  const torch::Tensor images = normal_images(stream, 3);
  const torch::Tensor cut = patches(images, 2);
  ASSERT_EQ(cut.sizes(), (std::vector<std::int64_t>{3, 6, 8}));
  for (std::int64_t n = 0; n < 3; ++n) {
    for (std::int64_t c = 0; c < kShape.channels; ++c) {
      for (std::int64_t y = 0; y < kShape.height; ++y) {
        for (std::int64_t x = 0; x < kShape.width; ++x) {
          const std::int64_t place = 3 * (y / 2) + x / 2;
          const std::int64_t value = 4 * c + 2 * (y % 2) + x % 2;
          ASSERT_EQ(cut[n][place][value].item<double>(), images[n][c][y][x].item<double>());
        }
      }
    }
  }
}

TEST(PatchSize, MakesAboutFourByFourPatches) {
  EXPECT_EQ(patch_for(28, 28), 7);
  EXPECT_EQ(patch_for(14, 14), 2);
  EXPECT_EQ(patch_for(64, 64), 16);
  EXPECT_EQ(patch_for(64, 32), 16);
  EXPECT_EQ(patch_for(30, 30), 6);
  EXPECT_EQ(patch_for(28, 28, 4), 4);
}

TEST(PatchSize, IsRefusedWhereItDoesNotFillTheImage) {
  EXPECT_THAT([] { patch_for(28, 28, 5); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("5 x 5"), HasSubstr("28 x 28"))));
  EXPECT_THAT([] { patch_for(28, 30, 7); }, ThrowsMessage<InputError>(HasSubstr("28 x 30")));
  EXPECT_THAT([] { patch_for(227, 227); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("227 x 227"), HasSubstr("--image-size"))));
}

TEST(VisionTransformer, EmbedsEachPatchAtItsPlaceAndTakesTheMean) {
  Stream stream(2024, 0, "test: vision transformer");
  VisionTransformer model = random_model(stream);
  const torch::NoGradGuard no_gradients;
  const torch::Tensor images = normal_images(stream, 5);
  const auto parameters = model->named_parameters();
  torch::Tensor x = torch::zeros({5, 6, 4}, torch::kDouble);
  for (std::int64_t row = 0; row < 2; ++row) {
    for (std::int64_t column = 0; column < 3; ++column) {
      const torch::Tensor patch =
          images.slice(2, 2 * row, 2 * row + 2).slice(3, 2 * column, 2 * column + 2).reshape({5, 8});
      const std::int64_t place = 3 * row + column;
      x.select(1, place).copy_(torch::matmul(patch, parameters["embedding.weight"].t()) +
                               parameters["embedding.bias"] + parameters["positions"][place]);
    }
  }
  const torch::Tensor y = model->transformer()->forward(x);
  torch::Tensor mean = torch::zeros({5, 4}, torch::kDouble);
  for (std::int64_t place = 0; place < 6; ++place) {
    mean += y.select(1, place) / 6;
  }
  const torch::Tensor expected = torch::matmul(mean, parameters["head.weight"].t()) + parameters["head.bias"];
  EXPECT_EQ(expected.sizes(), (std::vector<std::int64_t>{5, 3}));
  EXPECT_TRUE(torch::allclose(model->forward(images), expected, 1e-12, 1e-12));
}

TEST(VisionTransformer, LetsEveryPatchSeeAllOthers) {
  Stream stream(2024, 1, "test: vision transformer");
  const VisionTransformer model = random_model(stream);
  torch::Tensor x = normal_matrix(stream, 6, 4).view({1, 6, 4}).requires_grad_();
  for (std::int64_t place = 0; place < 6; ++place) {
    const torch::Tensor value = model->transformer()->forward(x)[0][place].square().sum();
    const torch::Tensor influence = torch::autograd::grad({value}, {x})[0][0].abs().sum(1);
    EXPECT_GT(influence.min().item<double>(), 0) << place;
  }
}

TEST(VisionTransformer, HasTheDerivativesOfItsLoss) {
  Stream stream(2024, 2, "test: vision transformer");
  VisionTransformer model = random_model(stream);
  torch::Tensor images = normal_images(stream, 3).requires_grad_();
  const torch::Tensor labels = torch::tensor({2, 0, 1}, torch::kInt64);
  const auto loss = [&] {
    const torch::Tensor logits = model->forward(images);
    return torch::nn::functional::cross_entropy(logits, labels) + model->transformer()->auxiliary_loss();
  };
  std::vector<torch::Tensor> variables = model->parameters();
  variables.push_back(images);
  EXPECT_LT(worst_gradient(loss, variables), 1e-7);
}

TEST(VisionTransformer, RefusesAWidthThatItsHeadsCannotShare) {
  VisionOptions options = tiny_options();
  options.transformer.heads = 3;
  EXPECT_THAT([&] { VisionTransformer(kShape, 3, options); }, ThrowsMessage<InputError>(HasSubstr("heads")));
}

}  // namespace
}  // namespace moest::nn
