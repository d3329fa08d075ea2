#include "moest/base/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "moest/base/error.h"

namespace moest {

void check_range(std::string_view name, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw InputError(fmt::format("{} = {} is out of range", name, value),
                     fmt::format("it must lie between {} and {}", low, high),
                     fmt::format("Give {} a value in that range.", flag_name(name)));
  }
}

void check_choice(std::string_view name, std::string_view value, std::span<const std::string_view> choices) {
  const std::vector<std::string> known(choices.begin(), choices.end());
  if (std::find(known.begin(), known.end(), value) == known.end()) {
    const std::string nearest = nearest_name(value, known);
    throw InputError(fmt::format("{} = {} is unknown", name, value), fmt::format("known: {}", listed(known)),
                     nearest.empty() ? fmt::format("Choose one of them for {}.", flag_name(name))
                                     : fmt::format("Did you mean `{}`?", nearest));
  }
}

std::string flag_name(std::string_view name) {
  std::string flag = "--";
  flag += name;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

}  // namespace moest
