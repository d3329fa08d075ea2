// A comparison of two routers, and a run of it.
#pragma once

#include <optional>
#include <string>

#include "moest/study/router_comparison.h"

namespace moest {

inline RouterComparison design() {
  return {"lm", {parse_contestant("linear"), parse_contestant("cosine")}, "linear", 3, {}, {"--steps", "10"}};
}

inline RunRow row_of(const std::string& contestant, std::uint64_t seed, double value,
                     std::optional<double> rate = {}) {
  RunRow row;
  row.key = {contestant, seed, rate};
  row.status = "finished";
  row.result = {{"validation_bits_per_character", value},
                {"num_parameters", 1000},
                {"num_active_parameters", 600},
                {"steps", 10}};
  row.seconds = 2;
  return row;
}

}  // namespace moest
