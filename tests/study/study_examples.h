// Small studies for tests.
#pragma once

#include <string>

#include "moest/study/specification.h"

namespace moest {

/// Two linear experts of one input, sizes 50 and 200, 3 replicates, one arm `exact`.
inline const std::string kSmallStudy = R"(
moest_study = 1
name = "small"
claim = "Two lines."
seed = 5
sizes = [200, 50]
replicates = 3
noise = 0.1
inputs = "uniform:-1,1"

[truth]
gate = {kind = "softmax"}
expert = {kind = "linear"}
atoms = [
  {bias = 0.3, gate = [4.0], expert = [2.0, 0.5]},
  {bias = 0.0, gate = [0.0], expert = [-1.0, 1.0]},
]

[fit]
starts = 2

[[arms]]
name = "exact"
expected = [{metric = "voronoi_reduced", slope = -0.5, source = "NHR24"}]
)";

inline Study small_study(const std::string& text = kSmallStudy) {
  return parse_study(text, "small.toml", "");
}

/// `text` with `to` in place of `from`, which is there.
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace moest
