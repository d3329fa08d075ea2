// The model file: JSON, versioned, readable by a person, exact to the last bit.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "moest/model/model.h"

namespace moest {

inline constexpr int kModelFileVersion = 1;

nlohmann::ordered_json to_json(const Model& model);

/// Throws InputError, with the path of the field (`atoms[1].expert`), for an unknown version, kind or field,
/// an option that does not belong to the kind, a missing field, a wrong type or length, a number that is not
/// finite.
Model model_from_json(const nlohmann::ordered_json& json);

/// The model in `text`, which messages call `source`. Throws InputError that names the source and, for text
/// that is no JSON, the line.
Model parse_model(const std::string& text, const std::string& source);

/// "-" is standard input or output. read_model throws as parse_model.
Model read_model(const std::string& path);
void write_model(const std::string& path, const Model& model);

}  // namespace moest
