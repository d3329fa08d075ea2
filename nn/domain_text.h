// What the program says of a run over domains, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "nn/domain_generalisation.h"

namespace moest::nn {

/// The domains, the model, and a table with a row for each domain that was left out; the mean below them.
std::string domain_report(const DomainSet& set, const VisionOptions& vision, const DomainRun& run);

/// {"status", "message", "mean_accuracy", "mean_validation_accuracy" (both null unless the run is whole),
/// "steps" (of all trainings together), "domains": [{"domain", "accuracy", "validation_accuracy",
/// "final_accuracy", "steps", "kept_step", "seconds", ..}], "num_parameters", "num_active_parameters" (in use
/// at a token), "seconds"}. Accuracies and shifts are null where there was no evaluation yet.
nlohmann::ordered_json to_json(const DomainRun& run);

}  // namespace moest::nn
