// JSON from text, and text for people from JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// The JSON in `text`, which messages call `name` and expect to be `what`. Throws InputError with the line
/// where it breaks off and the advice, or with the path of a number beyond the range of double.
nlohmann::ordered_json parse_json(const std::string& text, const std::string& name, std::string_view what,
                                  std::string_view advice);

/// A list, its item if there is only one, and null for none: what there is one of for each target.
template <class T>
nlohmann::ordered_json one_or_all(const std::vector<T>& values) {
  using Json = nlohmann::ordered_json;
  return values.empty() ? Json(nullptr) : values.size() == 1 ? Json(values.front()) : Json(values);
}

/// One line per field and per flat object of a list; numbers in their shortest exact form.
std::string readable_text(const nlohmann::ordered_json& json);

}  // namespace moest
