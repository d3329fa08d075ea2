// Reading JSON with messages that name the path of what is wrong: `atoms[1].expert`.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/option.h"

namespace moest {

/// An object with its path in the file, whose fields are taken one by one; what is left over is refused.
/// `whole` is what the file holds.
class ObjectReader {
 public:
  ObjectReader(const nlohmann::ordered_json& json, std::string path, std::string whole = "model")
      : json_(json), path_(std::move(path)), whole_(std::move(whole)) {
    if (!json.is_object()) {
      throw InputError(fmt::format("{} is not an object", path_.empty() ? "the " + whole_ : path_),
                       fmt::format("it is {} {}", json.is_array() ? "an" : "a", json.type_name()),
                       "Write it as {\"field\": value, ...}.");
    }
  }

  std::string path_of(std::string_view field) const {
    return path_.empty() ? std::string(field) : fmt::format("{}.{}", path_, field);
  }
  const nlohmann::ordered_json* find(std::string_view field) {
    known_.emplace_back(field);
    const auto found = json_.find(field);
    return found == json_.end() ? nullptr : &*found;
  }
  const nlohmann::ordered_json& require(std::string_view field) {
    const nlohmann::ordered_json* found = find(field);
    if (found == nullptr) {
      throw InputError(fmt::format("the field {} is missing", path_of(field)),
                       fmt::format("the {} needs it", whole_), "Add the field.");
    }
    return *found;
  }
  void refuse_the_rest() const {
    for (const auto& [field, value] : json_.items()) {
      if (std::find(known_.begin(), known_.end(), field) == known_.end()) {
        const std::string nearest = nearest_name(field, known_);
        throw InputError(
            fmt::format("unknown field {}", path_of(field)), fmt::format("known here: {}", listed(known_)),
            nearest.empty() ? "Remove or correct it." : fmt::format("Did you mean `{}`?", nearest));
      }
    }
  }

 private:
  const nlohmann::ordered_json& json_;
  std::string path_, whole_;
  std::vector<std::string> known_;
};

/// Throws InputError: the value at `path` must be `wanted`.
[[noreturn]] void refuse_type(const std::string& path, const nlohmann::ordered_json& json,
                              std::string_view wanted);

bool is_list_of_numbers(const nlohmann::ordered_json& json, std::size_t length);

/// A finite number, a text, a whole number from 1 to a million, a partition: a whole number or the list of
/// its sizes. All throw InputError for anything else.
double number_of(const nlohmann::ordered_json& json, const std::string& path);
std::string string_of(const nlohmann::ordered_json& json, const std::string& path);
int whole_of(const nlohmann::ordered_json& json, const std::string& path);
Partition partition_of(const nlohmann::ordered_json& json, const std::string& path);

/// What item(json, path) makes of each item of a list.
template <class Item>
auto list_of(const nlohmann::ordered_json& json, const std::string& path, Item&& item) {
  if (!json.is_array()) {
    refuse_type(path, json, "a list");
  }
  std::vector<decltype(item(json, path))> values;
  for (std::size_t i = 0; i < json.size(); ++i) {
    values.push_back(item(json[i], fmt::format("{}[{}]", path, i)));
  }
  return values;
}

/// A list, or one item in place of a list of one.
template <class Item>
auto one_or_list_of(const nlohmann::ordered_json& json, const std::string& path, Item&& item) {
  if (json.is_array()) {
    return list_of(json, path, item);
  }
  return std::vector{item(json, path)};
}

/// Runs `action`; an InputError that it throws gets the path of the field in front.
template <class Action>
decltype(auto) at_path(const std::string& path, Action&& action) {
  try {
    return action();
  } catch (const InputError& error) {
    throw InputError::at(path, error);
  }
}

/// Sets the options that the object names, of those that has(name) is true of; of an absent optional, null.
/// Throws InputError for a value of another type or out of range.
template <class Owner, class Has>
void read_options(ObjectReader& reader, std::span<const Option<Owner>> options, Owner& owner,
                  const Has& has) {
  for (const Option<Owner>& option : options) {
    const nlohmann::ordered_json* found = has(option.name) ? reader.find(option.name) : nullptr;
    if (found == nullptr) {
      continue;
    }
    const std::string path = reader.path_of(option.name);
    const auto number = [&] {
      const double value = number_of(*found, path);
      at_path(path, [&] { check_range(option.name, value, option.low, option.high); });
      return value;
    };
    const auto whole = [&] {
      const double value = number();
      if (value != std::round(value)) {
        refuse_type(path, *found, "a whole number");
      }
      return value;
    };
    std::visit(
        [&](auto member) {
          auto& value = owner.*member;
          using Value = std::remove_reference_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, bool>) {
            if (!found->is_boolean()) {
              refuse_type(path, *found, "true or false");
            }
            value = found->template get<bool>();
          } else if constexpr (std::is_same_v<Value, std::string>) {
            value = string_of(*found, path);
            at_path(path, [&] { check_choice(option.name, value, option.choices); });
          } else if constexpr (std::is_same_v<Value, Learnable>) {
            value.learned = *found == nlohmann::ordered_json("learned");
            if (!*value.learned) {
              value.value = number();
            }
          } else if constexpr (std::is_same_v<Value, Partition>) {
            value = partition_of(*found, path);
          } else if constexpr (std::is_same_v<Value, std::optional<int>> ||
                               std::is_same_v<Value, std::optional<double>>) {
            value.reset();
            if (!found->is_null()) {
              using Number = typename Value::value_type;
              value = static_cast<Number>(std::is_integral_v<Number> ? whole() : number());
            }
          } else {
            value = static_cast<Value>(std::is_integral_v<Value> ? whole() : number());
          }
        },
        option.member);
  }
}

}  // namespace moest
