// The model file: JSON, versioned, readable by a person, exact to the last bit.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "moest/model/model.h"

namespace moest {

inline constexpr int kModelFileVersion = 1;

nlohmann::ordered_json to_json(const Model& model);
/// `{"moest_model": 1, "members": [models]}`; of one member, that model.
nlohmann::ordered_json to_json(const Ensemble& ensemble);

/// Throws InputError, with the path of the field (`atoms[1].expert`), for an unknown version, kind or field,
/// an option that does not belong to the kind, a missing field, a wrong type or length, a number that is not
/// finite.
/// Nor is an ensemble a model.
Model model_from_json(const nlohmann::ordered_json& json);
/// Either: a model is an ensemble of one. The members must have the same inputs and targets.
Ensemble ensemble_from_json(const nlohmann::ordered_json& json);

/// The fields `gate` and `expert` of a model file, at `path` of another one. Throw InputError as
/// model_from_json.
GateSpec gate_from_json(const nlohmann::ordered_json& json, const std::string& path);
ExpertSpec expert_from_json(const nlohmann::ordered_json& json, const std::string& path);

/// The model in `text`, which messages call `source`. Throws InputError that names the source and, for text
/// that is no JSON, the line.
Model parse_model(const std::string& text, const std::string& source);
Ensemble parse_ensemble(const std::string& text, const std::string& source);

/// "-" is standard input or output. Reading throws as parsing does.
Model read_model(const std::string& path);
Ensemble read_ensemble(const std::string& path);
void write_model(const std::string& path, const Model& model);
void write_ensemble(const std::string& path, const Ensemble& ensemble);

}  // namespace moest
