// One declaration per option: the command line, the model file and the documentation are made from it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace moest {

/// An option that is a field of the struct Owner; its default is the field's initial value in Owner{}.
template <class Owner>
struct Option {
  using Member = std::variant<bool Owner::*, int Owner::*, double Owner::*, std::uint64_t Owner::*,
                              std::optional<int> Owner::*, std::optional<double> Owner::*>;

  std::string_view name;  // as in the model file and Python: snake_case
  Member member;
  double low = 0;  // smallest and largest legal value, both legal
  double high = std::numeric_limits<double>::infinity();
  std::string_view unit;      // empty if none
  std::string_view sentence;  // what it does
};

/// Throws InputError when `value` of option `name` is outside [low, high] or is not a number.
void check_range(std::string_view name, double value, double low, double high);

/// Checks every number of `owner` against the range in its option's declaration.
template <class Owner>
void check_options(const Owner& owner, std::span<const Option<Owner>> options) {
  for (const Option<Owner>& option : options) {
    std::visit(
        [&](auto member) {
          const auto& value = owner.*member;
          if constexpr (requires { value.has_value(); }) {
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
