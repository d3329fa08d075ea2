// Options as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <variant>

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

}  // namespace moest
