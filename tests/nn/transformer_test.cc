#include "nn/transformer.h"

#include <gmock/gmock.h>

#include <cmath>

#include "moest/base/error.h"
#include "nn/training.h"
#include "tests/nn/numerical_gradients.h"

namespace moest::nn {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TransformerOptions small_options(int mixture_every) {
  TransformerOptions options;
  options.layers = 2;
  options.width = 6;
  options.heads = 2;
  options.mixture_every = mixture_every;
  options.mixture.num_experts = 3;
  options.mixture.top_k = 2;
  options.mixture.hidden = 4;
  return options;
}

Transformer random_transformer(const TransformerOptions& options, Attention attention, Stream& stream) {
  Transformer transformer(options, attention);
  randomise(*transformer, stream, 0.5);
  return transformer;
}

torch::Tensor random_input(Stream& stream, std::int64_t batch, std::int64_t length, std::int64_t width) {
  return normal_matrix(stream, batch * length, width).view({batch, length, width});
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

TEST(Transformer, KeepsTheShapeOfItsInput) {
  Stream stream(1, 0, "transformer");
  for (const std::int64_t length : {1, 5}) {
    Transformer transformer = random_transformer(small_options(1), Attention::causal, stream);
    EXPECT_EQ(transformer(random_input(stream, 3, length, 6)).sizes(),
              (std::vector<std::int64_t>{3, length, 6}));
  }
}

TEST(Transformer, DoesNotSeeLaterPositionsIfCausal) {
  Stream stream(2, 0, "transformer");
  for (const int mixture_every : {0, 1}) {
    Transformer transformer = random_transformer(small_options(mixture_every), Attention::causal, stream);
    const torch::Tensor x = random_input(stream, 2, 7, 6);
    torch::Tensor changed = x.clone();
    changed.slice(1, 4) = random_input(stream, 2, 3, 6);
    const torch::Tensor difference = transformer(x) - transformer(changed);
    EXPECT_LT(largest(difference.slice(1, 0, 4)), 1e-12);
    EXPECT_GT(largest(difference.slice(1, 4)), 1e-3);
  }
}

TEST(Transformer, SeesAllPositionsIfFull) {
  Stream stream(3, 0, "transformer");
  Transformer transformer = random_transformer(small_options(0), Attention::full, stream);
  const torch::Tensor x = random_input(stream, 1, 5, 6);
  torch::Tensor changed = x.clone();
  changed.slice(1, 4) = random_input(stream, 1, 1, 6);
  EXPECT_GT(largest((transformer(x) - transformer(changed)).slice(1, 0, 1)), 1e-6);
}

TEST(Transformer, HasAMixtureInEveryBlockThatItShould) {
  TransformerOptions options = small_options(2);
  options.layers = 5;
  for (const auto& [every, count] :
       std::vector<std::pair<int, std::size_t>>{{0, 0}, {1, 5}, {2, 2}, {5, 1}}) {
    options.mixture_every = every;
    EXPECT_EQ(Transformer(options, Attention::full)->mixtures().size(), count);
  }
}

TEST(Transformer, StartsDenseLayersAndExpertsAlike) {
  const auto deviation = [](const torch::Tensor& tensor) { return tensor.std().item<double>(); };
  TransformerOptions options;
  options.layers = 2;
  options.mixture_every = 2;  // a dense block, then one with a mixture
  seed_torch(3, 0, "test");
  const Transformer transformer(options, Attention::full);
  const auto parameters = transformer->named_parameters();
  const double dense = deviation(parameters["blocks.0.dense_hidden.weight"]);
  EXPECT_NEAR(deviation(parameters["blocks.1.mixture.inner_weight"]) / dense, 1, 0.03);
  EXPECT_NEAR(dense, 1 / std::sqrt(3.0 * options.width), 0.01 * dense);
}

TEST(Transformer, StartsTheSameWhateverTheRouter) {
  const auto started = [](const RouterSpec& router) {
    TransformerOptions options = small_options(1);
    options.mixture.router = router;
    seed_torch(3, 0, "test");
    return Transformer(options, Attention::full)->named_parameters();
  };
  const auto expected = started({});
  const RouterSpec learned{.kind = "cosine", .temperature = {0.5, true}, .projection = 3};
  for (const RouterSpec& router : {RouterSpec{.kind = "quadratic"}, RouterSpec{.kind = "laplace"}, learned}) {
    const auto parameters = started(router);
    for (const auto& item : expected) {
      if (item.key().find("router") == std::string::npos) {
        EXPECT_TRUE(parameters[item.key()].equal(item.value())) << router.kind << ": " << item.key();
      }
    }
  }
}

TEST(Transformer, AddsUpTheAuxiliaryLossesOfItsMixtures) {
  Stream stream(4, 0, "transformer");
  Transformer transformer = random_transformer(small_options(1), Attention::full, stream);
  transformer(random_input(stream, 2, 4, 6));
  double sum = 0;
  for (const MixtureLayer& mixture : transformer->mixtures()) {
    sum += mixture->auxiliary_loss().item<double>();
  }
  EXPECT_GT(sum, 0);
  EXPECT_DOUBLE_EQ(transformer->auxiliary_loss().item<double>(), sum);
  EXPECT_EQ(Transformer(small_options(0), Attention::full)->auxiliary_loss().item<double>(), 0);
}

TEST(Transformer, HasTheDerivativesOfItsValues) {
  Stream stream(5, 0, "transformer");
  for (const int mixture_every : {0, 1}) {
    Transformer transformer = random_transformer(small_options(mixture_every), Attention::causal, stream);
    torch::Tensor x = random_input(stream, 1, 3, 6).requires_grad_(true);
    const torch::Tensor direction = random_input(stream, 1, 3, 6);
    std::vector<torch::Tensor> variables = transformer->parameters();
    variables.push_back(x);
    const auto value = [&] {
      const torch::Tensor y = transformer(x);
      return (y * direction).sum() + transformer->auxiliary_loss();
    };
    EXPECT_LT(worst_gradient(value, variables), 1e-6);
  }
}

// The block's formula again, number by number.
torch::Tensor plain_block(const torch::Tensor& x,
                          const torch::OrderedDict<std::string, torch::Tensor>& parameters, int heads) {
  const auto norm = [&](const torch::Tensor& row, const std::string& name) {
    const double mean = row.mean().item<double>();
    const double variance = (row - mean).square().mean().item<double>();
    return (row - mean) / std::sqrt(variance + 1e-5) * parameters[name + ".weight"] +
           parameters[name + ".bias"];
  };
  const auto linear = [&](const torch::Tensor& row, const std::string& name) {
    return torch::mv(parameters[name + ".weight"], row) + parameters[name + ".bias"];
  };
  const std::int64_t length = x.size(0), width = x.size(1), head_width = width / heads;
  std::vector<torch::Tensor> triples;
  for (std::int64_t t = 0; t < length; ++t) {
    triples.push_back(linear(norm(x[t], "attention_norm"), "queries_keys_values"));
  }
  torch::Tensor result = torch::empty_like(x);
  for (std::int64_t t = 0; t < length; ++t) {
    std::vector<torch::Tensor> of_heads;
    for (int head = 0; head < heads; ++head) {
      const auto part = [&](std::int64_t time, std::int64_t which) {
        return triples[static_cast<std::size_t>(time)].narrow(0, which * width + head * head_width,
                                                              head_width);
      };
      torch::Tensor sum = torch::zeros({head_width}, x.options());
      double total = 0;
      for (std::int64_t s = 0; s <= t; ++s) {
        const double score =
            torch::dot(part(t, 0), part(s, 1)).item<double>() / std::sqrt(static_cast<double>(head_width));
        sum += std::exp(score) * part(s, 2);
        total += std::exp(score);
      }
      of_heads.push_back(sum / total);
    }
    const torch::Tensor attended = x[t] + linear(torch::cat(of_heads), "attention_output");
    const torch::Tensor hidden = linear(norm(attended, "feed_forward_norm"), "dense_hidden");
    const torch::Tensor gelu = hidden * 0.5 * (1 + torch::erf(hidden / std::sqrt(2.0)));
    result[t] = attended + linear(gelu, "dense_output");
  }
  return result;
}

TEST(Block, ComputesItsFormula) {
  Stream stream(6, 0, "transformer");
  Block block(small_options(0), Attention::causal, BlockImpl::FeedForward::dense);
  randomise(*block, stream, 0.7);
  const torch::NoGradGuard no_gradients;
  const torch::Tensor x = random_input(stream, 2, 4, 6);
  const torch::Tensor y = block(x);
  for (std::int64_t b = 0; b < 2; ++b) {
    EXPECT_LT(largest(y[b] - plain_block(x[b], block->named_parameters(), 2)), 1e-12);
  }
}

TEST(Transformer, RefusesHeadsThatCannotShareTheWidth) {
  TransformerOptions options = small_options(0);
  options.heads = 4;
  EXPECT_THAT([&] { check_transformer(options); },
              ThrowsMessage<InputError>(HasSubstr("4 heads cannot share the width 6")));
}

}  // namespace
}  // namespace moest::nn
