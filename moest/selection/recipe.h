// What is compared, and with how much effort: the recommended recipe, and what a user may choose instead.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "moest/base/option.h"
#include "moest/model/specification.h"

namespace moest {

/// Options of compare(); the sentences and ranges are in comparison_options(). The defaults are the
/// recommended recipe, which spends less on each fit the more samples there are (default_effort).
struct ComparisonOptions {
  std::optional<int> folds;
  std::optional<int> starts;
  std::optional<int> final_starts;
  std::optional<double> tolerance;
  int ensemble = 24;
  int max_iterations = 500;
  bool dropping = true;
  bool repeats_together = false;
  bool blending = true;
  bool clipping = true;
  std::uint64_t seed = 0;
  int threads = 0;
};
std::span<const Option<ComparisonOptions>> comparison_options();

/// What is compared: all gates with all experts, numbers of experts and ridges. Without a ridge, mixtures of
/// more than a fifth as many parameters as samples are left out, unless there is no other ridge.
struct Grid {
  std::vector<GateSpec> gates;
  std::vector<ExpertSpec> experts;
  std::vector<int> num_experts;
  std::vector<double> ridges;
};
/// Softmax gates; linear experts and tanh neurons with an output weight; 1, 2, 4, 8, 16 and 24 of them, of
/// 5000 samples or more 32 instead of 24; ridges of 0, 0.003, 0.03 and 0.3, of 5000 samples or more 0 and
/// 0.03, of 20,000 or more 0.003.
Grid default_grid(Eigen::Index num_samples);

/// What the options leave open, by the number of samples:
///
///     samples          folds  starts in a fold  final starts  tolerance
///     below 5000          10                 4            24        0.1
///     below 20,000           3                 4            12        0.1
///     20,000 or more       3                 2             6          5
///
/// A tolerance counts noise variances per iteration, of which the error of estimating p parameters takes p.
ComparisonOptions with_default_effort(ComparisonOptions options, Eigen::Index num_samples);

}  // namespace moest
