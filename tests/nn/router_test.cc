#include "nn/router.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/json_reader.h"
#include "moest/base/option_json.h"
#include "moest/model/predict.h"
#include "tests/nn/numerical_gradients.h"

namespace moest::nn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kInputs = 5, kExperts = 4, kTokens = 7;

// Every kind, and every option of one that changes the scores or weights.
std::vector<RouterSpec> all_variants() {
  std::vector<RouterSpec> specs;
  for (const std::string& kind : router_names()) {
    specs.push_back({.kind = kind});
    specs.push_back({.kind = kind, .projection = 3});
    specs.push_back({.kind = kind, .bias = false});
  }
  const Learnable fixed{0.3, false}, learned{2.5, true};
  specs.push_back({.kind = "cosine", .temperature = fixed});
  specs.push_back({.kind = "cosine", .temperature = learned, .projection = 3});
  specs.push_back({.kind = "cosine", .normalized_sides = "experts"});
  specs.push_back({.kind = "cosine", .temperature = learned, .normalized_sides = "experts", .projection = 3});
  specs.push_back({.kind = "perturbed_cosine", .tau1 = 0.7, .tau2 = 0.02, .temperature = fixed});
  specs.push_back({.kind = "perturbed_cosine", .tau1 = 0.03, .tau2 = 1.7, .temperature = learned});
  specs.push_back({.kind = "dense_to_sparse", .temperature = fixed});
  specs.push_back({.kind = "dense_to_sparse", .temperature = fixed, .final_temperature = 0.1});
  for (const std::string link : {"tanh", "gelu", "sigmoid"}) {
    specs.push_back({.kind = "dense_to_sparse", .temperature = learned, .link = link});
  }
  specs.push_back({.kind = "sigmoid", .normalized = true});
  specs.push_back({.kind = "quadratic", .rank = 1});
  return specs;
}

std::string describe(const RouterSpec& spec) { return options_json(router_options(), spec).dump(); }

std::vector<double> row_of(const torch::Tensor& matrix, std::int64_t row) {
  const torch::Tensor numbers = matrix[row].contiguous();
  return {numbers.data_ptr<double>(), numbers.data_ptr<double>() + numbers.numel()};
}

// The raw parameters of the estimator's gate i: the upper triangle of A_i where there is one, then omega_i,
// which of a cosine of experts only is a direction over the temperature.
std::vector<double> raw_gate(const RouterSpec& spec, double temperature,
                             const torch::OrderedDict<std::string, torch::Tensor>& from, std::int64_t i) {
  std::vector<double> raw;
  std::vector<double> omega = row_of(from["omega"], i);
  if (spec.normalized_sides == "experts") {
    const double length = from["omega"][i].norm().item<double>();
    for (double& number : omega) {
      number /= length * temperature;
    }
  }
  if (spec.kind == "quadratic") {
    for (std::size_t u = 0; u < omega.size(); ++u) {
      for (std::size_t v = u; v < omega.size(); ++v) {
        double entry = 0;
        for (std::int64_t r = 0; r < spec.rank; ++r) {
          const std::vector<double> direction = row_of(from["quadratic"], i * spec.rank + r);
          entry += row_of(from["coefficients"], i)[static_cast<std::size_t>(r)] * direction[u] * direction[v];
        }
        raw.push_back(entry);
      }
    }
  }
  raw.insert(raw.end(), omega.begin(), omega.end());
  return raw;
}

// The weights at z (n x p) of the estimator's model with these gates, and experts that do not matter.
torch::Tensor weights_by_estimator(const RouterSpec& spec, double temperature,
                                   const torch::OrderedDict<std::string, torch::Tensor>& from,
                                   const torch::Tensor& z) {
  const std::int64_t num_experts = from["omega"].size(0), num_inputs = z.size(1);
  Model model;
  model.spec = {
      gate_of(spec), {.kind = "constant"}, static_cast<int>(num_inputs), static_cast<int>(num_experts)};
  model.spec.gate.temperature.value = temperature;
  for (std::int64_t u = 0; u < num_inputs; ++u) {
    model.inputs.push_back(fmt::format("x{}", u + 1));
  }
  model.targets = {"y"};
  for (std::int64_t i = 0; i < num_experts; ++i) {
    const double bias = from.contains("bias") ? from["bias"][i].item<double>() : 0;
    model.atoms.push_back({bias, raw_gate(spec, temperature, from, i), {0.0}});
  }
  const torch::Tensor numbers = z.detach().contiguous();
  using Strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::Map<const Eigen::MatrixXd, 0, Strides> inputs(numbers.data_ptr<double>(), z.size(0),
                                                             num_inputs, Strides(1, num_inputs));
  const Eigen::MatrixXd weights = predict(model, inputs, 1).weights;
  const torch::Tensor by_expert = torch::empty({num_experts, z.size(0)}, torch::kDouble);
  std::copy(weights.data(), weights.data() + weights.size(), by_expert.data_ptr<double>());
  return by_expert.t();
}

TEST(Router, HasTheWeightsOfTheEstimatorsGate) {
  constexpr double kShareDone = 0.3;
  for (const RouterSpec& spec : all_variants()) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      Stream stream(seed, 0, "router");
      Router router(spec, kInputs, kExperts);
      randomise(*router, stream, 0.7);
      const auto parameters = router->named_parameters();
      double temperature = spec.temperature.value;
      if (parameters.contains("log_temperature")) {
        temperature = std::exp(parameters["log_temperature"].item<double>());
      } else if (spec.final_temperature) {
        router->set_share_done(kShareDone);
        temperature *= std::pow(*spec.final_temperature / temperature, kShareDone);
      }
      const torch::Tensor x = normal_matrix(stream, kTokens, kInputs);
      const torch::Tensor z = spec.projection > 0 ? x.mm(parameters["projection"].t()) : x;
      const torch::Tensor weights = router->weights(router->scores(x));
      const torch::Tensor expected = weights_by_estimator(spec, temperature, parameters, z);
      EXPECT_LT((weights - expected).abs().max().item<double>(), 1e-12) << describe(spec);
    }
  }
}

TEST(Router, HasTheDerivativesThatDifferencesSee) {
  for (const RouterSpec& spec : all_variants()) {
    Stream stream(7, 0, "router");
    Router router(spec, kInputs, kExperts);
    randomise(*router, stream, 0.7);
    const torch::Tensor x = normal_matrix(stream, kTokens, kInputs).requires_grad_();
    const torch::Tensor of_scores = normal_matrix(stream, kTokens, kExperts);
    const torch::Tensor of_weights = normal_matrix(stream, kTokens, kExperts);
    std::vector<torch::Tensor> variables = router->parameters();
    variables.push_back(x);
    const auto value = [&] {
      const torch::Tensor scores = router->scores(x);
      return (scores * of_scores + router->weights(scores) * of_weights).sum();
    };
    EXPECT_LT(worst_gradient(value, variables), 1e-7) << describe(spec);
  }
}

// The derivatives of all scores' sum, by x and by the parameters.
std::vector<torch::Tensor> derivatives_of_scores(Router& router, const torch::Tensor& x) {
  std::vector<torch::Tensor> variables = router->parameters();
  variables.push_back(x);
  return torch::autograd::grad({router->scores(x).sum()}, variables);
}

TEST(Router, IsFiniteWhereTokenOrExpertHasNoDirectionOrDistance) {
  for (const std::string& kind : router_names()) {
    Router router(RouterSpec{.kind = kind}, kInputs, kExperts);
    Stream stream(3, 0, "router");
    randomise(*router, stream, 1);
    const torch::Tensor x = normal_matrix(stream, 3, kInputs);
    const torch::NoGradGuard no_gradients;
    router->named_parameters()["omega"][0].zero_();
    x[1].zero_();
    x[2] = router->named_parameters()["omega"][2];
    const torch::AutoGradMode gradients(true);
    const torch::Tensor scores = router->scores(x.requires_grad_());
    EXPECT_TRUE(scores.isfinite().all().item<bool>()) << kind;
    for (const torch::Tensor& derivative : derivatives_of_scores(router, x)) {
      EXPECT_TRUE(derivative.isfinite().all().item<bool>() && derivative.abs().max().item<double>() < 1e3)
          << kind;
    }
    const torch::Tensor bias = router->named_parameters()["bias"];
    if (kind == "cosine" || kind == "perturbed_cosine") {
      EXPECT_TRUE(scores[1].equal(bias)) << kind;
      EXPECT_TRUE(scores.select(1, 0).equal(bias[0].expand(3))) << kind;
    } else if (kind == "laplace") {
      EXPECT_EQ(scores[2][2].item<double>(), bias[2].item<double>());
      EXPECT_EQ(scores[1][0].item<double>(), bias[0].item<double>());
    }
  }
}

TEST(Router, HasBoundedPerturbedCosineScoresAtTokensOfAnyLength) {
  Stream stream(5, 0, "router");
  Router router(RouterSpec{.kind = "perturbed_cosine", .temperature = {0.5, false}, .bias = false}, kInputs,
                kExperts);
  randomise(*router, stream, 10);
  const torch::Tensor directions = normal_matrix(stream, kTokens, kInputs);
  const torch::Tensor near_zero = router->scores(1e-12 * directions), far = router->scores(1e12 * directions);
  EXPECT_LT(near_zero.abs().max().item<double>(), 1e-9);
  EXPECT_LT(far.abs().max().item<double>(), 2);
  EXPECT_GT(far.abs().max().item<double>(), 0.5);
}

TEST(Router, KeepsALearnedTemperatureInTheEstimatorsInterval) {
  Stream stream(11, 0, "router");
  const torch::Tensor x = normal_matrix(stream, kTokens, kInputs).requires_grad_();
  const auto scores_at = [&](double temperature) {
    torch::manual_seed(1);
    Router router(RouterSpec{.kind = "cosine", .temperature = {1, true}}, kInputs, kExperts);
    router->to(torch::kDouble);
    const torch::NoGradGuard no_gradients;
    router->named_parameters()["log_temperature"].fill_(std::log(temperature));
    const torch::AutoGradMode gradients(true);
    const double slope = derivatives_of_scores(router, x)[2].item<double>();
    EXPECT_NE(slope, 0) << "a temperature of " << temperature << " never comes back";
    return router->scores(x);
  };
  EXPECT_TRUE(scores_at(1e-4).allclose(scores_at(0.01), 1e-12));
  EXPECT_TRUE(scores_at(1e4).allclose(scores_at(100), 1e-12));
  EXPECT_FALSE(scores_at(0.02).allclose(scores_at(0.01), 1e-2));
}

TEST(Router, StartsNearEqualWeightsThatDifferByToken) {
  for (const std::string& kind : router_names()) {
    for (const int projection : {0, 16}) {
      torch::manual_seed(3);
      Router router(RouterSpec{.kind = kind, .projection = projection}, 128, 8);
      const torch::Tensor scores = router->scores(torch::randn({1000, 128}));
      const torch::Tensor deviations = (scores - scores.mean(1, true)).std(1);
      EXPECT_GT(deviations.min().item<double>(), 0.005) << kind;
      EXPECT_LT(deviations.max().item<double>(), 1) << kind;
      const torch::Tensor first_choices = torch::bincount(scores.argmax(1), {}, 8);
      EXPECT_GT(first_choices.min().item<int>(), 0) << kind;
      EXPECT_LT(first_choices.max().item<int>(), 500) << kind;
    }
  }
}

TEST(Router, StartsWithScoresOfVarianceOneWhereTokensAreNotNormalized) {
  for (const int projection : {0, 16}) {
    torch::manual_seed(3);
    Router router(RouterSpec{.kind = "cosine", .normalized_sides = "experts", .projection = projection}, 128,
                  8);
    const double variance = router->scores(torch::randn({1000, 128})).var().item<double>();
    EXPECT_THAT(variance, AllOf(testing::Gt(0.7), testing::Lt(1.4))) << projection;
  }
}

TEST(Router, HasNoScoreOfAnExpertWithoutDirection) {
  Stream stream(3, 0, "router");
  Router router(RouterSpec{.kind = "cosine", .normalized_sides = "experts"}, kInputs, kExperts);
  randomise(*router, stream, 1);
  torch::Tensor x = normal_matrix(stream, 3, kInputs);
  {
    const torch::NoGradGuard no_gradients;
    router->named_parameters()["omega"][0].zero_();
    x[1].zero_();
  }
  const torch::Tensor scores = router->scores(x.requires_grad_());
  const torch::Tensor bias = router->named_parameters()["bias"];
  EXPECT_TRUE(scores[1].equal(bias));
  EXPECT_TRUE(scores.select(1, 0).equal(bias[0].expand(3)));
  for (const torch::Tensor& derivative : derivatives_of_scores(router, x)) {
    EXPECT_TRUE(derivative.isfinite().all().item<bool>());
  }
}

TEST(Router, NamesThePublishedFunctionThatItIs) {
  const auto variant = [](const RouterSpec& spec) { return Router(spec, kInputs, kExperts)->variant(); };
  EXPECT_THAT(variant({.kind = "cosine", .temperature = {0.5, true}, .projection = 3, .bias = false}),
              AllOf(HasSubstr("X-MoE"), HasSubstr("learned from 0.5 in [0.01, 100]"),
                    HasSubstr("to 3 numbers"), HasSubstr("no b_i")));
  EXPECT_THAT(
      variant({.kind = "cosine", .normalized_sides = "experts", .projection = 3, .bias = false}),
      AllOf(HasSubstr("|omega_i| / temperature"), HasSubstr("; the scores of X-MoE's released code.")));
  EXPECT_THAT(variant({.kind = "cosine", .temperature = {1, true}, .normalized_sides = "experts"}),
              HasSubstr("a variant of the scores of X-MoE's"));
  EXPECT_THAT(
      variant({.kind = "cosine", .temperature = {0.1}, .normalized_sides = "experts", .projection = 3}),
      HasSubstr("a variant of the scores of X-MoE's"));
  EXPECT_THAT(variant({.kind = "cosine"}), AllOf(HasSubstr("HN25"), HasSubstr("temperature 1;")));
  EXPECT_THAT(variant({.kind = "dense_to_sparse", .temperature = {2}, .final_temperature = 0.3}),
              AllOf(HasSubstr("EvoMoE"), HasSubstr("from 2 to 0.3")));
  EXPECT_THAT(variant({.kind = "sigmoid", .normalized = true}), HasSubstr("2505.10860"));
}

TEST(Router, RefusesWhatNoRouterCanBe) {
  const auto refusal = [](const RouterSpec& spec, std::int64_t num_inputs = kInputs) {
    try {
      Router(spec, num_inputs, kExperts);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal({.kind = "cosin"}), HasSubstr("Did you mean `cosine`?"));
  EXPECT_THAT(refusal({.kind = "cosine"}, 1), HasSubstr("a sign"));
  EXPECT_THAT(refusal({.kind = "cosine", .projection = 1}), HasSubstr("a sign"));
  EXPECT_THAT(refusal({.kind = "linear", .tau1 = 0.2}),
              HasSubstr("--tau1 does not belong to the linear router"));
  EXPECT_THAT(refusal({.kind = "perturbed_cosine", .normalized_sides = "experts"}),
              HasSubstr("--normalized-sides does not belong to the perturbed_cosine router"));
  EXPECT_THAT(refusal({.kind = "perturbed_cosine", .tau2 = 0}), HasSubstr("out of range"));
  EXPECT_THAT(refusal({.kind = "cosine", .temperature = {1e-3, true}}), HasSubstr("between 0.01 and 100"));
  EXPECT_THAT(refusal({.kind = "dense_to_sparse", .temperature = {1, true}, .final_temperature = 0.3}),
              HasSubstr("both given"));
}

TEST(Routers, AreReadAsTheyWereWritten) {
  for (const RouterSpec& spec : all_variants()) {
    RouterSpec read;
    const nlohmann::ordered_json json = router_json(spec);
    ObjectReader reader(json, "", "router");
    read_options(reader, router_options(), read, [](std::string_view) { return true; });
    Router written(spec, kInputs, kExperts), again(read, kInputs, kExperts);
    EXPECT_EQ(again->named_parameters().keys(), written->named_parameters().keys()) << describe(spec);
    EXPECT_EQ(again->named_buffers().keys(), written->named_buffers().keys()) << describe(spec);
    EXPECT_EQ(router_json(read), json);
  }
}

}  // namespace
}  // namespace moest::nn
