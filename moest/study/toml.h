// TOML as JSON, so that one reader with one kind of message serves both.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace moest {

/// The document in `text`, which messages call `name`. Throws InputError with line and column for what is no
/// TOML, and for dates, times and numbers that are not finite, which JSON has not.
nlohmann::ordered_json json_of_toml(const std::string& text, const std::string& name);

}  // namespace moest
