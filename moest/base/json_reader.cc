#include "moest/base/json_reader.h"

namespace moest {

using Json = nlohmann::ordered_json;

void refuse_type(const std::string& path, const Json& json, std::string_view wanted) {
  throw InputError(fmt::format("{} = {} cannot be used", path, json.dump()),
                   fmt::format("it must be {}", wanted), "Correct the field.");
}

bool is_list_of_numbers(const Json& json, std::size_t length) {
  return json.is_array() && json.size() == length &&
         std::all_of(json.begin(), json.end(), [](const Json& value) { return value.is_number(); });
}

double number_of(const Json& json, const std::string& path) {
  if (!json.is_number() || !std::isfinite(json.get<double>())) {
    refuse_type(path, json, "a finite number");
  }
  return json.get<double>();
}

std::string string_of(const Json& json, const std::string& path) {
  if (!json.is_string()) {
    refuse_type(path, json, "a text");
  }
  return json.get<std::string>();
}

int whole_of(const Json& json, const std::string& path) {
  if (!json.is_number_integer()) {
    refuse_type(path, json, "a whole number");
  }
  constexpr int kLargest = 1'000'000;
  const auto number = json.get<double>();
  if (number < 1 || number > kLargest) {
    refuse_type(path, json, fmt::format("a whole number from 1 to {}", kLargest));
  }
  return json.get<int>();
}

Partition partition_of(const Json& json, const std::string& path) {
  if (json.is_array() && !json.empty()) {
    return {0, list_of(json, path, whole_of)};
  }
  if (!json.is_number_integer()) {
    refuse_type(path, json, "a number of groups, or a list of their sizes");
  }
  return {json == Json(0) ? 0 : whole_of(json, path), {}};
}

}  // namespace moest
