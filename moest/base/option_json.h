// Options as JSON.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <type_traits>
#include <variant>

#include "moest/base/error.h"
#include "moest/base/option.h"

namespace moest {

/// The value of one option; null for an absent optional, "learned" for a number that is, and a list of
/// sizes or the number of equal parts.
template <class Owner>
nlohmann::ordered_json option_json(const Option<Owner>& option, const Owner& owner) {
  return std::visit(
      [&](auto member) -> nlohmann::ordered_json {
        const auto& value = owner.*member;
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, Learnable>) {
          return value.learned.value_or(false) ? nlohmann::ordered_json("learned")
                                               : nlohmann::ordered_json(value.value);
        } else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, Partition>) {
          return value.sizes.empty() ? nlohmann::ordered_json(value.number)
                                     : nlohmann::ordered_json(value.sizes);
        } else if constexpr (requires { value.has_value(); }) {
          return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
        } else {
          return value;
        }
      },
      option.member);
}

/// {"name": value, ..} of all options.
template <class Owner>
nlohmann::ordered_json options_json(std::span<const Option<Owner>> options, const Owner& owner) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Option<Owner>& option : options) {
    json[std::string(option.name)] = option_json(option, owner);
  }
  return json;
}

/// The other way: sets the options that the object names, those of any other name left alone. For options
/// that are numbers, switches or texts. Throws InputError for a value of another kind or out of range.
template <class Owner>
void read_options_json(std::span<const Option<Owner>> options, const nlohmann::ordered_json& json,
                       Owner& owner) {
  for (const Option<Owner>& option : options) {
    const auto found = json.find(std::string(option.name));
    if (found == json.end()) {
      continue;
    }
    try {
      std::visit(
          [&](auto member) {
            auto& value = owner.*member;
            using Value = std::remove_reference_t<decltype(value)>;
            if constexpr (requires {
                            typename Value::value_type;
                            value.has_value();
                          }) {
              value.reset();
              if (!found->is_null()) {
                value = found->template get<typename Value::value_type>();
              }
            } else if constexpr (std::is_arithmetic_v<Value> || std::is_same_v<Value, std::string>) {
              value = found->template get<Value>();
            }
          },
          option.member);
    } catch (const nlohmann::ordered_json::exception&) {
      throw InputError(fmt::format("the recorded option {} = {} cannot be used", option.name, found->dump()),
                       "it is of another kind", "Correct it, or remove the record `fit` of the model.");
    }
  }
  check_options(owner, options);
}

}  // namespace moest
