// Which instruction sets the SIMD sources are compiled for. To be included before anything of highway.
#pragma once

// SSSE3 gains nothing over its neighbours; vectors of scalable size cannot be members of Lanes.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
