// Mixed precision, as trainings have it on a GPU, on the CPU.
#pragma once

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace moest::nn {

/// While it lives, matrix products on the CPU are done in bfloat16.
class ShortProducts {
 public:
  ShortProducts() { set(true); }
  ShortProducts(const ShortProducts&) = delete;
  ShortProducts& operator=(const ShortProducts&) = delete;
  ~ShortProducts() { set(false); }

 private:
  static void set(bool enabled) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
    at::autocast::set_autocast_enabled(at::kCPU, enabled);
#else
    at::autocast::set_cpu_enabled(enabled);
#endif
  }
};

}  // namespace moest::nn
