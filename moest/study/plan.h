// What a study can show, and how long it takes, before it is run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/study/specification.h"
#include "moest/study/trial.h"

namespace moest {

/// Above this a parameter is not determined at all, and a slope is noise.
inline constexpr double kLargestUsefulError = 0.3;

/// What an arm can show at one size.
struct PlannedSize {
  std::int64_t size = 0;
  double largest_error = 0;  // of all parameters of the truth's atoms, predicted: see predicted_errors()
  double largest_split = 0;  // root mean square of a split cell; 0 where none falls as n^-1/4
};

struct PlannedArm {
  std::string arm;
  std::vector<PlannedSize> sizes;  // none where nothing can be predicted: no noise, or another kind is fitted
  std::vector<std::string> warnings;
};

/// Predicted standard errors of every arm at every size; of a random truth those of the first replicate. With
/// warnings where the largest size determines some parameter worse than kLargestUsefulError, where there are
/// too few sizes or replicates for a slope, and where fits start beside the truth.
std::vector<PlannedArm> plan(const Study& study);

/// `arm`, `sizes` (a list of `size`, `largest_error`, `largest_split`: null where it is not predicted),
/// `warnings`.
nlohmann::ordered_json to_json(const PlannedArm& planned);

/// The trials that tell how long the others take: of each arm the smallest and the largest size.
std::vector<TrialKey> pilot_keys(const Study& study);
/// Seconds of all trials on one thread, from rows that hold the pilots: linear in the size.
double planned_seconds(const Study& study, std::span<const TrialRow> rows);

}  // namespace moest
