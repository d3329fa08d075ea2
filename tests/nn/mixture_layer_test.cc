#include "nn/mixture_layer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "moest/base/error.h"
#include "tests/nn/numerical_gradients.h"
#include "tests/nn/short_products.h"

namespace moest::nn {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kWidth = 6;

MixtureLayer random_layer(const MixtureOptions& options, Stream& stream) {
  MixtureLayer layer(kWidth, options);
  randomise(*layer, stream, 0.7);
  return layer;
}

std::int64_t expert_at(const torch::Tensor& experts, std::int64_t token, std::int64_t slot) {
  return experts[token][slot].item<std::int64_t>();
}

// Token by token and expert by expert, from the scores alone; choices that `keeps` refuses count nothing.
torch::Tensor by_plain_loop(MixtureLayer& layer, const torch::Tensor& x,
                            const std::function<bool(std::int64_t, std::int64_t)>& keeps) {
  const auto parameters = layer->named_parameters();
  const torch::Tensor scores = layer->router()->scores(x);
  std::vector<torch::Tensor> rows;
  for (std::int64_t token = 0; token < x.size(0); ++token) {
    const torch::Tensor order = scores[token].detach().argsort(0, /*descending=*/true);
    const torch::Tensor chosen = order.slice(0, 0, layer->options().top_k);
    const std::string& over = layer->options().weights_over;
    const torch::Tensor weights = over == "all" || (over == "auto" && chosen.size(0) == 1)
                                      ? layer->router()->weights(scores[token]).index_select(0, chosen)
                                      : layer->router()->weights(scores[token].index_select(0, chosen));
    torch::Tensor sum = torch::zeros({kWidth}, x.options());
    for (std::int64_t slot = 0; slot < chosen.size(0); ++slot) {
      const auto expert = chosen[slot].item<std::int64_t>();
      if (keeps(token, expert)) {
        const torch::Tensor inner =
            x[token].matmul(parameters["inner_weight"][expert]) + parameters["inner_bias"][expert];
        const torch::Tensor hidden = inner * 0.5 * torch::erfc(-inner / std::sqrt(2.0));
        sum = sum + weights[slot] * (hidden.matmul(parameters["outer_weight"][expert]) +
                                     parameters["outer_bias"][expert]);
      }
    }
    rows.push_back(sum);
  }
  return torch::stack(rows);
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

// The values and all derivatives of a random linear function of them, against those of the plain loop.
void expect_plain_loop(MixtureLayer& layer, const torch::Tensor& x, Stream& stream,
                       const std::function<bool(std::int64_t, std::int64_t)>& keeps,
                       const std::string& what) {
  const torch::Tensor values = layer->forward(x), expected = by_plain_loop(layer, x, keeps);
  EXPECT_LT(distance(values, expected), 1e-12) << what;
  const torch::Tensor direction = normal_matrix(stream, x.size(0), kWidth);
  std::vector<torch::Tensor> variables = layer->parameters();
  variables.push_back(x);
  const std::vector<torch::Tensor> gradients =
      torch::autograd::grad({(values * direction).sum()}, variables, {}, /*retain_graph=*/true);
  const std::vector<torch::Tensor> expected_gradients =
      torch::autograd::grad({(expected * direction).sum()}, variables, {}, {}, false, /*allow_unused=*/true);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const torch::Tensor wanted =
        expected_gradients[i].defined() ? expected_gradients[i] : torch::zeros_like(variables[i]);
    EXPECT_LT(distance(gradients[i], wanted), 1e-11) << what << ", variable " << i;
  }
}

TEST(MixtureLayer, IsThePlainLoopOverTokensAndExperts) {
  const auto keeps_all = [](std::int64_t, std::int64_t) { return true; };
  std::uint64_t seed = 0;
  for (const std::string kind : {"linear", "sigmoid", "perturbed_cosine"}) {
    for (const int num_experts : {1, 5, 8}) {
      for (const int top_k : {1, 2, num_experts}) {
        for (const std::int64_t num_tokens : {1, 3, 40}) {
          if (top_k <= num_experts) {
            Stream stream(++seed, 0, "mixture layer");
            MixtureLayer layer = random_layer(
                {.router = {.kind = kind}, .num_experts = num_experts, .top_k = top_k, .hidden = 3}, stream);
            const torch::Tensor x = normal_matrix(stream, num_tokens, kWidth).requires_grad_();
            expect_plain_loop(
                layer, x, stream, keeps_all,
                fmt::format("{}, {} of {} experts, {} tokens", kind, top_k, num_experts, num_tokens));
            EXPECT_EQ(layer->routing().num_dropped(), 0);
          }
        }
      }
    }
  }
}

TEST(MixtureLayer, WeighsTheChosenExpertsAmongTheseOrAmongAll) {
  const auto keeps_all = [](std::int64_t, std::int64_t) { return true; };
  std::uint64_t seed = 100;
  for (const std::string kind : {"linear", "sigmoid", "cosine"}) {
    for (const std::string over : {"chosen", "all"}) {
      for (const int top_k : {1, 3}) {
        Stream stream(++seed, 0, "mixture layer");
        MixtureLayer layer = random_layer({.router = {.kind = kind, .normalized = kind == "sigmoid"},
                                           .num_experts = 6,
                                           .top_k = top_k,
                                           .hidden = 3,
                                           .weights_over = over},
                                          stream);
        const torch::Tensor x = normal_matrix(stream, 20, kWidth).requires_grad_();
        expect_plain_loop(layer, x, stream, keeps_all, fmt::format("{} over {}", kind, over));
      }
    }
  }
}

TEST(MixtureLayer, LearnsFromTheLossWhichOneExpertATokenGets) {
  Stream stream(7, 0, "top one");
  MixtureLayer layer = random_layer({.num_experts = 5, .top_k = 1, .hidden = 3}, stream);
  layer->forward(normal_matrix(stream, 12, kWidth)).sum().backward();
  EXPECT_GT(layer->router()->named_parameters()["omega"].grad().abs().max().item<double>(), 1e-6);
}

TEST(MixtureLayer, DropsThoseOfLeastWeightBeyondTheCapacity) {
  constexpr std::int64_t kTokens = 30, kExperts = 5, kRoom = 9;  // 0.75 times 2 30 / 5 = 12
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Stream stream(seed, 0, "capacity");
    MixtureLayer layer =
        random_layer({.num_experts = kExperts, .top_k = 2, .hidden = 3, .capacity = 0.75}, stream);
    const torch::Tensor x = normal_matrix(stream, kTokens, kWidth).requires_grad_();
    layer->forward(x);
    const Routing routing = layer->routing();
    std::map<std::int64_t, std::vector<std::pair<double, std::int64_t>>> weights_and_tokens;
    for (std::int64_t token = 0; token < kTokens; ++token) {
      for (const std::int64_t slot : {0, 1}) {
        weights_and_tokens[expert_at(routing.experts, token, slot)].emplace_back(
            routing.weights[token][slot].item<double>(), token);
      }
    }
    std::set<std::pair<std::int64_t, std::int64_t>> dropped;
    for (auto& [expert, choices] : weights_and_tokens) {
      std::sort(choices.rbegin(), choices.rend());
      for (std::size_t i = kRoom; i < choices.size(); ++i) {
        dropped.emplace(choices[i].second, expert);
      }
    }
    ASSERT_GT(dropped.size(), 0U);
    EXPECT_EQ(routing.num_dropped(), static_cast<std::int64_t>(dropped.size()));
    for (std::int64_t token = 0; token < kTokens; ++token) {
      for (const std::int64_t slot : {0, 1}) {
        EXPECT_EQ(routing.kept[token][slot].item<bool>(),
                  !dropped.contains({token, expert_at(routing.experts, token, slot)}));
      }
    }
    const auto keeps = [&](std::int64_t token, std::int64_t expert) {
      return !dropped.contains({token, expert});
    };
    expect_plain_loop(layer, x, stream, keeps, fmt::format("seed {}", seed));
  }
}

TEST(MixtureLayer, HasRoomForAllTokensWhenItIsNotTrained) {
  Stream stream(4, 0, "capacity");
  MixtureLayer layer = random_layer({.num_experts = 5, .top_k = 2, .hidden = 3, .capacity = 0.1}, stream);
  const torch::Tensor x = normal_matrix(stream, 30, kWidth);
  layer->forward(x);
  EXPECT_GT(layer->routing().num_dropped(), 0);
  layer->eval();
  const torch::Tensor together = layer->forward(x);
  EXPECT_EQ(layer->routing().num_dropped(), 0);
  for (std::int64_t token = 0; token < x.size(0); ++token) {
    EXPECT_LT(distance(layer->forward(x.narrow(0, token, 1)), together.narrow(0, token, 1)), 1e-12);
  }
}

TEST(MixtureLayer, HasTheDerivativesThatDifferencesSeeWithItsAuxiliaryLoss) {
  for (const std::string kind : {"quadratic", "sigmoid"}) {
    Stream stream(2, 0, "mixture layer");
    MixtureLayer layer = random_layer({.router = {.kind = kind},
                                       .num_experts = 4,
                                       .top_k = 2,
                                       .hidden = 3,
                                       .balance_weight = 0.7,
                                       .z_weight = 0.2},
                                      stream);
    const torch::Tensor x = normal_matrix(stream, 12, kWidth).requires_grad_();
    const torch::Tensor direction = normal_matrix(stream, 12, kWidth);
    std::vector<torch::Tensor> variables = layer->parameters();
    variables.push_back(x);
    const auto value = [&] {
      const torch::Tensor sum = (layer->forward(x) * direction).sum();
      return sum + layer->auxiliary_loss();
    };
    EXPECT_LT(worst_gradient(value, variables), 1e-6) << kind;
  }
}

// A layer whose router scores token u with `scores[u]`, at x = the u-th unit vector.
MixtureLayer layer_with_scores(const torch::Tensor& scores, MixtureOptions options) {
  options.num_experts = static_cast<int>(scores.size(1));
  MixtureLayer layer(scores.size(0), options);
  layer->to(torch::kDouble);
  const torch::NoGradGuard no_gradients;
  layer->router()->named_parameters()["omega"].copy_(scores.t());
  return layer;
}

TEST(MixtureLayer, LosesTheWeightOfTheBalanceForEqualLoads) {
  for (const std::string kind : {"linear", "sigmoid"}) {
    const torch::Tensor scores = 3 * torch::eye(4, torch::kDouble);
    MixtureLayer layer = layer_with_scores(
        scores, {.router = {.kind = kind}, .top_k = 1, .balance_weight = 0.3, .z_weight = 0});
    layer->forward(torch::eye(4, torch::kDouble));
    EXPECT_NEAR(layer->auxiliary_loss().item<double>(), 0.3, 1e-15) << kind;
  }
}

TEST(MixtureLayer, LosesByBalanceAndZAsByHand) {
  const double e = std::exp(1.0);
  const torch::Tensor scores =
      torch::tensor({{1.0, 0.0}, {1.0, 0.0}, {0.0, 1.0}, {1.0, 0.0}}, torch::kDouble);
  MixtureLayer layer = layer_with_scores(scores, {.top_k = 1, .balance_weight = 1, .z_weight = 0});
  layer->forward(torch::eye(4, torch::kDouble));
  const double high = e / (1 + e), first = (3 * high + (1 - high)) / 4;
  EXPECT_NEAR(layer->auxiliary_loss().item<double>(), 2 * (0.75 * first + 0.25 * (1 - first)), 1e-14);

  layer = layer_with_scores(scores, {.top_k = 1, .balance_weight = 0, .z_weight = 0.5});
  layer->forward(torch::eye(4, torch::kDouble));
  EXPECT_NEAR(layer->auxiliary_loss().item<double>(), 0.5 * std::pow(std::log(1 + e), 2), 1e-14);
}

TEST(MixtureLayer, WorksOnTokensOfAnyShapeAndRemembersThemAsRows) {
  Stream stream(4, 0, "mixture layer");
  MixtureLayer layer = random_layer({.num_experts = 4}, stream);
  EXPECT_EQ(layer->auxiliary_loss().item<double>(), 0);
  const torch::Tensor x = normal_matrix(stream, 30, kWidth);
  const torch::Tensor rows = layer->forward(x);
  EXPECT_EQ(layer->named_parameters()["inner_weight"].sizes(), (at::IntArrayRef{4, kWidth, 2 * kWidth}));
  const torch::Tensor transposed = x.view({5, 6, kWidth}).transpose(0, 1);  // not contiguous
  // Another order of the tokens is another order of sums in the products of matrices.
  EXPECT_LT(distance(layer->forward(transposed), rows.view({5, 6, kWidth}).transpose(0, 1)), 1e-12);
  EXPECT_EQ(layer->routing().experts.sizes(), (at::IntArrayRef{30, 2}));
  EXPECT_LT(distance(layer->routing().weights.sum(1), torch::ones({30}, torch::kDouble)), 1e-14);
  EXPECT_FALSE(layer->routing().scores.requires_grad());
}

TEST(MixtureLayer, GivesTheSameBitsAgain) {
  const auto gradient = [] {
    torch::manual_seed(9);
    MixtureLayer layer(64, MixtureOptions{.num_experts = 8});
    const torch::Tensor x = torch::randn({500, 64}).requires_grad_();
    const torch::Tensor loss = layer->forward(x).square().sum();
    (loss + layer->auxiliary_loss()).backward();
    return std::vector{x.grad(), layer->named_parameters()["inner_weight"].grad(),
                       layer->router()->named_parameters()["omega"].grad()};
  };
  const std::vector<torch::Tensor> first = gradient(), second = gradient();
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(first[i].equal(second[i])) << i;
  }
}

TEST(MixtureLayer, RoutesInFullPrecisionWhereProductsAreShort) {
  torch::manual_seed(2);
  MixtureLayer layer(32, MixtureOptions{.num_experts = 4});
  const torch::Tensor x = torch::randn({50, 32});
  const torch::Tensor values = layer->forward(x), scores = layer->routing().scores;
  values.sum().backward();
  const torch::Tensor gradient = layer->named_parameters()["inner_weight"].grad().clone();
  layer->zero_grad();
  torch::Tensor short_values;
  {
    const ShortProducts short_products;
    short_values = layer->forward(x);
  }
  short_values.sum().backward();
  EXPECT_TRUE(layer->routing().scores.equal(scores));
  EXPECT_EQ(short_values.scalar_type(), torch::kBFloat16);
  EXPECT_LT(distance(short_values, values), 0.05 * values.abs().max().item<double>());
  EXPECT_GT(distance(short_values, values), 0);
  const torch::Tensor short_gradient = layer->named_parameters()["inner_weight"].grad();
  EXPECT_EQ(short_gradient.scalar_type(), torch::kFloat);
  EXPECT_LT(distance(short_gradient, gradient), 0.02 * gradient.abs().max().item<double>());
}

TEST(MixtureLayer, JoinsTheRoutingOfSeveralCalls) {
  Stream stream(5, 0, "mixture layer");
  MixtureLayer layer = random_layer({.num_experts = 4, .capacity = 0.5}, stream);
  layer->forward(normal_matrix(stream, 8, kWidth));
  const Routing first = layer->routing();
  layer->forward(normal_matrix(stream, 4, kWidth));
  const Routing second = layer->routing(), both = joined(std::vector{first, second});
  EXPECT_TRUE(both.experts.equal(torch::cat({first.experts, second.experts})));
  EXPECT_TRUE(both.probabilities.equal(torch::cat({first.probabilities, second.probabilities})));
  EXPECT_EQ(both.num_dropped(), first.num_dropped() + second.num_dropped());
  EXPECT_GE(first.num_dropped(), 8);
}

TEST(MixtureLayer, RefusesWhatNoLayerCanBe) {
  const auto refusal = [](const MixtureOptions& options) {
    try {
      MixtureLayer(kWidth, options);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal({.num_experts = 2, .top_k = 3}), HasSubstr("--top-k 3 is more than --experts 2"));
  EXPECT_THAT(refusal({.num_experts = 0}), HasSubstr("experts = 0 is out of range"));
  EXPECT_THAT(refusal({.capacity = -1}), HasSubstr("capacity = -1 is out of range"));
  EXPECT_THAT(refusal({.router = {.kind = "linear", .tau1 = 0.3}}), HasSubstr("does not belong"));
}

}  // namespace
}  // namespace moest::nn
