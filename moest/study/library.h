// The studies that come with the program.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace moest {

struct ShippedStudy {
  std::string_view name;  // of its folder in studies/
  std::string_view text;  // its study.toml
};

/// By name.
std::span<const ShippedStudy> shipped_studies();
/// Throws InputError for an unknown name.
const ShippedStudy& shipped_study(const std::string& name);

}  // namespace moest
