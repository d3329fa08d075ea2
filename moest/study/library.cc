#include "moest/study/library.h"

#include <fmt/format.h>

#include <vector>

#include "moest/base/error.h"

namespace moest {

const ShippedStudy& shipped_study(const std::string& name) {
  std::vector<std::string> names;
  for (const ShippedStudy& study : shipped_studies()) {
    if (study.name == name) {
      return study;
    }
    names.emplace_back(study.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw InputError(fmt::format("there is no study `{}`", name), fmt::format("known: {}", listed(names)),
                   nearest.empty() ? "Name one of these, or give a file that ends in .toml."
                                   : fmt::format("Did you mean `{}`?", nearest));
}

}  // namespace moest
