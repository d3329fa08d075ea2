// JSON from text, and text for people from JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace moest {

/// The JSON in `text`, which messages call `name` and expect to be `what`. Throws InputError with the line
/// where it breaks off and the advice, or with the path of a number beyond the range of double.
nlohmann::ordered_json parse_json(const std::string& text, const std::string& name, std::string_view what,
                                  std::string_view advice);

/// One line per field and per flat object of a list; numbers in their shortest exact form.
std::string readable_text(const nlohmann::ordered_json& json);

}  // namespace moest
