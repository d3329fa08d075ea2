// One declaration per option: the command line, the model file and the documentation are made from it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace moest {

/// A number that is fixed, or that the data determine and `value` is where a model has it. With `learned`
/// absent, what the option belongs to decides.
struct Learnable {
  double value = 1;
  std::optional<bool> learned = {};

  bool operator==(const Learnable&) const = default;
};

/// A whole divided into equal parts, or into parts of given sizes; with neither, what the option belongs to
/// decides.
struct Partition {
  int number = 0;
  std::vector<int> sizes = {};

  bool operator==(const Partition&) const = default;
};

/// An option that is a field of the struct Owner; its default is the field's initial value in Owner{}.
template <class Owner>
struct Option {
  using Member = std::variant<bool Owner::*, int Owner::*, double Owner::*, std::uint64_t Owner::*,
                              std::optional<int> Owner::*, std::optional<double> Owner::*, Learnable Owner::*,
                              Partition Owner::*, std::string Owner::*>;

  std::string_view name;  // as in the model file and Python: snake_case
  Member member;
  double low = 0;  // smallest and largest legal value, both legal
  double high = std::numeric_limits<double>::infinity();
  std::string_view unit;                           // empty if none
  std::string_view sentence;                       // what it does
  std::span<const std::string_view> choices = {};  // legal values of a text
};

/// Throws InputError when `value` of option `name` is outside [low, high] or is not a number.
void check_range(std::string_view name, double value, double low, double high);
/// Throws InputError when `value` of option `name` is none of the choices.
void check_choice(std::string_view name, std::string_view value, std::span<const std::string_view> choices);

/// Checks every number of `owner` against the range in its option's declaration.
template <class Owner>
void check_options(const Owner& owner, std::span<const Option<Owner>> options) {
  for (const Option<Owner>& option : options) {
    std::visit(
        [&](auto member) {
          const auto& value = owner.*member;
          using Value = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, std::string>) {
            check_choice(option.name, value, option.choices);
          } else if constexpr (std::is_same_v<Value, Learnable>) {
            check_range(option.name, value.value, option.low, option.high);
          } else if constexpr (std::is_same_v<Value, Partition>) {
            for (const int size : value.sizes) {
              check_range(option.name, size, 1, option.high);
            }
            check_range(option.name, value.number, option.low, option.high);
          } else if constexpr (requires { value.has_value(); }) {
            if (value) {
              check_range(option.name, static_cast<double>(*value), option.low, option.high);
            }
          } else {
            check_range(option.name, static_cast<double>(value), option.low, option.high);
          }
        },
        option.member);
  }
}

/// The name on the command line: --max-iterations for max_iterations.
std::string flag_name(std::string_view name);

}  // namespace moest
