#include "moest/base/option.h"

#include <fmt/format.h>

#include <algorithm>

#include "moest/base/error.h"

namespace moest {

void check_range(std::string_view name, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw InputError(fmt::format("{} = {} is out of range", name, value),
                     fmt::format("it must lie between {} and {}", low, high),
                     fmt::format("Give {} a value in that range.", flag_name(name)));
  }
}

std::string flag_name(std::string_view name) {
  std::string flag = "--";
  flag += name;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

}  // namespace moest
