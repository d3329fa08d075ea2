#include "moest/base/build_info.h"

#include <fmt/format.h>

namespace moest {

BuildInfo build_info() {
#if defined(__clang__)
  const std::string compiler =
      fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  const std::string compiler = fmt::format("GCC {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  return {MOEST_VERSION, MOEST_GIT_REVISION, compiler, "scalar"};
}

std::string build_line() {
  const BuildInfo info = build_info();
  return fmt::format("moest {} (git {}, {}, SIMD target {})", info.version, info.git_revision, info.compiler,
                     info.simd_target);
}

}  // namespace moest
