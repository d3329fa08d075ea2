#include "moest/study/toml.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>

#include "moest/base/error.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

std::string place(const std::string& name, const toml::source_region& region) {
  return fmt::format("{}, line {}, column {}", name, region.begin.line, region.begin.column);
}

Json json_of(const toml::node& node, const std::string& name) {
  if (const toml::table* table = node.as_table()) {
    Json object = Json::object();
    for (const auto& [key, value] : *table) {
      object[std::string(key.str())] = json_of(value, name);
    }
    return object;
  }
  if (const toml::array* array = node.as_array()) {
    Json list = Json::array();
    for (const toml::node& item : *array) {
      list.push_back(json_of(item, name));
    }
    return list;
  }
  if (const auto* text = node.as_string()) {
    return text->get();
  }
  if (const auto* whole = node.as_integer()) {
    return whole->get();
  }
  if (const auto* is_true = node.as_boolean()) {
    return is_true->get();
  }
  const auto* number = node.as_floating_point();
  if (number == nullptr || !std::isfinite(number->get())) {
    throw InputError(fmt::format("{}: this value cannot be used", place(name, node.source())),
                     "dates, times, inf and nan have no meaning here", "Write a text or a finite number.");
  }
  return number->get();
}

}  // namespace

Json json_of_toml(const std::string& text, const std::string& name) {
  try {
    return json_of(toml::parse(text, name), name);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}: this is no TOML", place(name, error.source())), error.description(),
                     "Correct the line; `moest study show` prints examples.");
  }
}

}  // namespace moest
