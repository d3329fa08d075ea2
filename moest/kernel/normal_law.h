// The table behind the standard normal distribution function, for whoever computes it without a library's
// erfc.
#pragma once

namespace moest {

/// Coefficients of P, lowest power first: with u = |t| and w = (u - 5.25) / (u + 5.25), P(w) is the
/// interpolation of e^(u^2/2) (1 + sqrt(2) u) Phi(-u) in the Chebyshev nodes of w for 0 <= u <= 40 (after
/// Shepherd and Laframboise, Math. Comp. 36, 1981; relative error 6.5e-17).
inline constexpr double kNormalTailCoefficients[] = {
    0x1.3cfc0d6efcf31p-1,  -0x1.1f443e9c43b31p-4, 0x1.a6f40eaaab5f5p-11,  0x1.5a2936ce0ef6ap-5,
    -0x1.c2029dbe00317p-5, 0x1.783b9a1a75697p-5,  -0x1.d5c7c96b7e69fp-6,  0x1.ba077a8e5c573p-7,
    -0x1.21a367597b863p-8, 0x1.6557a42ac396fp-11, 0x1.8eafef19daa80p-13,  -0x1.210ce55b55a23p-13,
    0x1.1fe4ca9d7ef25p-16, 0x1.afdd594475aacp-17, -0x1.470ec9556890ep-18, -0x1.f5e997d6a15dep-21,
    0x1.b6d3c98d57005p-21, 0x1.e7d98eec3c52bp-25, -0x1.09c64808ed58ep-23, -0x1.75babcef7887cp-28,
    0x1.0aeffd9adff84p-26, 0x1.4d3f797fe6200p-30, -0x1.cf07cfde5670cp-31};
inline constexpr double kNormalTailCentre = 5.25;  // of w
inline constexpr double kNormalTailEnd = 40.0;     // of u

}  // namespace moest
