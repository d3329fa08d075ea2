// An analysis and what belongs to it, as one record.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "moest/theory/identifiability.h"
#include "moest/theory/neighbours.h"
#include "moest/theory/prediction.h"

namespace moest {

/// The answer to one question, with what was asked for beside it.
struct Analysis {
  Identifiability result;
  std::vector<Neighbour> neighbours;
  std::optional<PredictedErrors> predicted;
  double num_samples = 0, noise = 0;  // of the prediction
  std::optional<Merging> merging;
  bool is_given = false;  // the truth; else random ones, the first of which is the prediction's
};

/// The record of `analyze --json`.
nlohmann::ordered_json to_json(const Analysis& analysis);

}  // namespace moest
