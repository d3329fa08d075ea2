#include "nn/routing_statistics.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "moest/base/error.h"

namespace moest::nn {

namespace {

std::vector<double> numbers_of(const torch::Tensor& tensor) {
  const torch::Tensor numbers = tensor.to(torch::kCPU, torch::kDouble).contiguous();
  return {numbers.data_ptr<double>(), numbers.data_ptr<double>() + numbers.numel()};
}

// Of laws along the last dimension, over that of the uniform law; 0 for one expert, which leaves no choice.
torch::Tensor normalized_entropies(const torch::Tensor& laws) {
  return torch::special::entr(laws).sum(-1) /
         std::log(std::max<double>(2, static_cast<double>(laws.size(-1))));
}

// n x k: 1 where a token chose an expert.
torch::Tensor indicators(const torch::Tensor& experts, std::int64_t k) {
  return torch::zeros({experts.size(0), k}, experts.options().dtype(torch::kDouble)).scatter_(1, experts, 1);
}

}  // namespace

RoutingStatistics routing_statistics(const Routing& routing, const torch::Tensor& before) {
  const torch::NoGradGuard no_gradients;
  const std::int64_t n = routing.experts.size(0), top_k = routing.experts.size(1), k = routing.scores.size(1);
  MOEST_EXPECT(n >= 1);
  const torch::Tensor chosen = indicators(routing.experts, k);
  const torch::Tensor load = chosen.sum(0) / static_cast<double>(n * top_k);

  RoutingStatistics result;
  result.load = numbers_of(load);
  result.load_entropy = normalized_entropies(load).item<double>();
  result.weight_entropy =
      normalized_entropies(routing.probabilities.to(torch::kDouble)).mean().item<double>();
  if (before.defined()) {
    MOEST_EXPECT(before.sizes() == routing.experts.sizes());
    result.change_rate =
        1 - (chosen * indicators(before.to(routing.experts.device()), k)).sum().item<double>() /
                static_cast<double>(n * top_k);
  }
  const torch::Tensor together = torch::matmul(chosen.t(), chosen) / n;
  for (std::int64_t expert = 0; expert < k; ++expert) {
    result.co_activation.push_back(numbers_of(together[expert]));
  }
  if (top_k < k) {
    const torch::Tensor best = std::get<0>(routing.scores.to(torch::kDouble).topk(top_k + 1, 1));
    result.margin = (best.select(1, top_k - 1) - best.select(1, top_k)).mean().item<double>();
  }
  result.dropped = static_cast<double>(routing.num_dropped()) / static_cast<double>(n * top_k);
  return result;
}

nlohmann::ordered_json statistics_json(const RoutingStatistics& statistics) {
  const auto number = [](const std::optional<double>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  return {{"load", statistics.load},
          {"load_entropy", statistics.load_entropy},
          {"weight_entropy", statistics.weight_entropy},
          {"change_rate", number(statistics.change_rate)},
          {"co_activation", statistics.co_activation},
          {"margin", number(statistics.margin)},
          {"dropped", statistics.dropped}};
}

nlohmann::ordered_json last_routing_json(std::span<const MixtureLayer> layers) {
  auto array = nlohmann::ordered_json::array();
  for (const MixtureLayer& layer : layers) {
    array.push_back(statistics_json(routing_statistics(layer->routing())));
  }
  return array;
}

nlohmann::ordered_json RoutingHistory::next_json(std::span<const Routing> layers) {
  auto array = nlohmann::ordered_json::array();
  experts_before_.resize(layers.size());
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    array.push_back(statistics_json(routing_statistics(layers[layer], experts_before_[layer])));
    experts_before_[layer] = layers[layer].experts;
  }
  return array;
}

NamedTensors RoutingHistory::memory() const {
  NamedTensors memory;
  for (std::size_t layer = 0; layer < experts_before_.size(); ++layer) {
    memory[std::to_string(layer)] = experts_before_[layer];
  }
  return memory;
}

void RoutingHistory::set_memory(const NamedTensors& memory) {
  experts_before_.resize(memory.size());
  for (const auto& [layer, experts] : memory) {
    experts_before_.at(std::stoul(layer)) = experts;
  }
}

}  // namespace moest::nn
