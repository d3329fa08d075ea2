// How a mixture layer uses its experts.
#pragma once

#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "nn/adamw.h"
#include "nn/mixture_layer.h"

namespace moest::nn {

/// Of the routing of n tokens, K of k experts each; top(t) are those that token t chose.
struct RoutingStatistics {
  std::vector<double> load;           // share of all choices that fell on expert i: sums to 1
  double load_entropy = 0;            // -sum_i load_i log load_i / log k, 1 for equal loads
  double weight_entropy = 0;          // mean of -sum_i p_i log p_i / log k, p the probabilities of a token
  std::optional<double> change_rate;  // 1 - mean |top(t) and top(t) before| / K, against an earlier routing
  std::vector<std::vector<double>> co_activation;  // k x k: share of tokens that chose both i and j
  std::optional<double> margin;  // mean distance of the K-th largest score and the next; absent for K = k
  double dropped = 0;            // share of choices that found no room
};

/// `before` is what `Routing::experts` was for the same tokens earlier, or undefined.
RoutingStatistics routing_statistics(const Routing& routing, const torch::Tensor& before = {});

/// An object with a field for each; null for one that is absent.
nlohmann::ordered_json statistics_json(const RoutingStatistics& statistics);

/// statistics_json() of the last call of each layer.
nlohmann::ordered_json last_routing_json(std::span<const MixtureLayer> layers);

/// The routing of the same tokens at one evaluation after the other.
class RoutingHistory {
 public:
  /// statistics_json() of each layer, with change rates against the evaluation before.
  nlohmann::ordered_json next_json(std::span<const Routing> layers);

  /// The experts at the last evaluation.
  NamedTensors memory() const;
  void set_memory(const NamedTensors& memory);

 private:
  std::vector<torch::Tensor> experts_before_;  // of each layer
};

}  // namespace moest::nn
