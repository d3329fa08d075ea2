// An analysis and what belongs to it, as one record.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "moest/theory/identifiability.h"
#include "moest/theory/neighbours.h"
#include "moest/theory/prediction.h"

namespace moest {

/// What is asked of a family beside its verdicts.
struct AnalysisRequest {
  IdentifiabilityOptions options;
  /// For predicted standard errors: both or none.
  std::optional<double> num_samples, noise;
  InputDistribution inputs;
  std::optional<std::pair<int, int>> merge_gates;  // atoms from 0
};

/// The answer to one question, with what was asked for beside it.
struct Analysis {
  Identifiability result;
  std::vector<Neighbour> neighbours;
  std::optional<PredictedErrors> predicted;
  double num_samples = 0, noise = 0;  // of the prediction
  std::optional<Merging> merging;
  bool is_given = false;  // the truth; else random ones, the first of which is the prediction's
};

/// analyze() at the given measure or at random ones, what would change a verdict, and what else is asked, of
/// the given truth or the first random one. Throws InputError as analyze() and merge_gates(), for a number
/// out of range, and for predicted errors of several targets.
Analysis full_analysis(const MixtureFamily& family, const std::optional<Measure>& measure,
                       const AnalysisRequest& request, const std::function<void(double)>& progress = {});

/// The record of `analyze --json`.
nlohmann::ordered_json to_json(const Analysis& analysis);

}  // namespace moest
