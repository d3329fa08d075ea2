// What a user may choose about a fit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/base/option.h"

namespace moest {

/// Options of fit(); the sentences, ranges and units are in fit_options().
struct FitOptions {
  std::optional<int> starts;
  double bound = 200;
  double tolerance = 1e-6;
  int max_iterations = 500;
  std::optional<double> max_seconds;
  bool scaling = true;
  bool acceleration = true;
  bool abandoning = true;
  bool greedy = true;
  std::string loss = "squared";
  double ridge = 0;
  int ensemble = 1;
  bool clipping = false;
  double confidence = 0.95;
  std::string covariance = "sandwich";
  std::uint64_t seed = 0;
  int threads = 0;
  std::vector<std::string> fix = {};  // equations, `PATH=VALUE` or `PATH=PATH`: see constraints.h
};

/// The options in the order of the documentation.
std::span<const Option<FitOptions>> fit_options();

}  // namespace moest
