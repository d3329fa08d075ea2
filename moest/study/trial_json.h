// Rows of trials as JSON: for other processes, and for people.
#pragma once

#include <nlohmann/json.hpp>

#include "moest/study/trial.h"

namespace moest {

/// The columns of the store, by their names; exact to the last bit.
nlohmann::ordered_json to_json(const TrialRow& row);
/// What to_json() wrote.
TrialRow trial_from_json(const nlohmann::ordered_json& json);

/// {"arm", "size", "replicate"}.
nlohmann::ordered_json to_json(const TrialKey& key);
TrialKey key_from_json(const nlohmann::ordered_json& json);

/// The values of a metric of atoms: a list with null where there is none.
nlohmann::ordered_json to_json(const TrialRow::Values& values);
TrialRow::Values values_from_json(const nlohmann::ordered_json& json);

}  // namespace moest
