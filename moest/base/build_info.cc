#include "moest/base/build_info.h"

#include <fmt/format.h>
#include <hwy/highway.h>

#include <bit>
#include <cstdint>

namespace moest {
namespace {

/// The best of the instruction sets that the kernel is compiled for and this processor has: the lowest bit.
std::string dispatched_target() {
  const auto usable = static_cast<std::uint64_t>(hwy::SupportedTargets() & HWY_TARGETS);
  return hwy::TargetName(static_cast<std::int64_t>(std::uint64_t{1} << std::countr_zero(usable)));
}

}  // namespace

BuildInfo build_info() {
#if defined(__clang__)
  const std::string compiler =
      fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  const std::string compiler = fmt::format("GCC {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  return {MOEST_VERSION, MOEST_GIT_REVISION, compiler, dispatched_target()};
}

std::string build_line() {
  const BuildInfo info = build_info();
  return fmt::format("moest {} (git {}, {}, SIMD target {})", info.version, info.git_revision, info.compiler,
                     info.simd_target);
}

}  // namespace moest
