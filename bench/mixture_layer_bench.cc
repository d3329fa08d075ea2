// A training step of a mixture layer, forward and backward, against the usual loop over experts and against a
// dense layer whose hidden neurons are as many as those that a token uses. The ratios of their speeds come
// last.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/mixture_layer.h"

namespace moest::nn {
namespace {

constexpr std::int64_t kWidth = 128, kTokens = 4096;

torch::nn::Sequential dense_layer(std::int64_t hidden) {
  return torch::nn::Sequential(torch::nn::Linear(kWidth, hidden), torch::nn::GELU(),
                               torch::nn::Linear(hidden, kWidth));
}

// For each expert: which tokens chose it, these alone through it, and added to their places.
class LoopOverExperts : public torch::nn::Module {
 public:
  explicit LoopOverExperts(const MixtureOptions& options)
      : options_(options),
        router_(register_module("router", Router(options.router, kWidth, options.num_experts))) {
    for (int expert = 0; expert < options.num_experts; ++expert) {
      experts_.push_back(
          register_module(fmt::format("expert_{}", expert), dense_layer(4 * kWidth / options.top_k)));
    }
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor scores = router_->scores(x);
    const auto [best, chosen] = scores.topk(options_.top_k, 1);
    const torch::Tensor weights = router_->weights(best);
    torch::Tensor sum = torch::zeros_like(x);
    for (std::size_t expert = 0; expert < experts_.size(); ++expert) {
      const torch::Tensor places = (chosen == static_cast<std::int64_t>(expert)).nonzero();
      const torch::Tensor tokens = places.select(1, 0), slots = places.select(1, 1);
      const torch::Tensor said = experts_[expert]->forward(x.index({tokens}));
      sum = sum.index_add(0, tokens, said * weights.index({tokens, slots}).unsqueeze(1));
    }
    return sum;
  }

 private:
  MixtureOptions options_;
  Router router_;
  std::vector<torch::nn::Sequential> experts_;
};

template <class F>
void run_steps(benchmark::State& state, std::vector<torch::Tensor> variables, F&& loss) {
  torch::manual_seed(1);
  variables.push_back(torch::randn({kTokens, kWidth}).requires_grad_());
  for ([[maybe_unused]] const auto step : state) {
    for (torch::Tensor& variable : variables) {
      variable.mutable_grad() = torch::Tensor();
    }
    loss(variables.back()).backward();
  }
  state.SetItemsProcessed(state.iterations() * kTokens);
}

void run_mixture(benchmark::State& state, const MixtureOptions& options) {
  MixtureLayer layer(kWidth, options);
  run_steps(state, layer->parameters(), [&](const torch::Tensor& x) {
    const torch::Tensor sum = layer->forward(x).sum();
    return sum + layer->auxiliary_loss();
  });
}

void run_loop(benchmark::State& state, const MixtureOptions& options) {
  const auto layer = std::make_shared<LoopOverExperts>(options);
  run_steps(state, layer->parameters(), [&](const torch::Tensor& x) { return layer->forward(x).sum(); });
}

void run_dense(benchmark::State& state) {
  torch::nn::Sequential layer = dense_layer(4 * kWidth);
  run_steps(state, layer->parameters(), [&](const torch::Tensor& x) { return layer->forward(x).sum(); });
}

void register_benchmarks() {
  const auto add = [](const std::string& name, auto function, auto... options) {
    benchmark::RegisterBenchmark(("layer/" + name).c_str(), function, options...)->UseRealTime();
  };
  add("dense", run_dense);
  for (const auto& [num_experts, top_k] : {std::pair{8, 1}, {8, 2}, {16, 2}, {64, 2}}) {
    const MixtureOptions options{.num_experts = num_experts, .top_k = top_k};
    const std::string name = fmt::format("top {} of {}", top_k, num_experts);
    add("mixture/" + name, run_mixture, options);
    add("loop/" + name, run_loop, options);
  }
  for (const std::string& kind : router_names()) {
    add("router/" + kind, run_mixture, MixtureOptions{.router = {.kind = kind}});
  }
}

}  // namespace
}  // namespace moest::nn

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  moest::nn::register_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
