// What this build of moest is.
#pragma once

#include <string>

namespace moest {

struct BuildInfo {
  std::string version;       // "0.1.0"
  std::string git_revision;  // short hash, with "-dirty" if files were changed; "unknown" outside a checkout
  std::string compiler;      // "GCC 12.2.0"
  std::string simd_target;   // the kernel's instruction set
};

BuildInfo build_info();

/// One line: version, git revision, compiler and SIMD target.
std::string build_line();

}  // namespace moest
