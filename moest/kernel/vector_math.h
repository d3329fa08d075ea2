// Arithmetic on one SIMD vector of doubles, with exp, tanh, log1p and the normal law of our own. Included
// once per SIMD target, from inside a source that highway compiles for each; nothing else may include it.
#if defined(MOEST_KERNEL_VECTOR_MATH_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOEST_KERNEL_VECTOR_MATH_H
#undef MOEST_KERNEL_VECTOR_MATH_H
#else
#define MOEST_KERNEL_VECTOR_MATH_H
#endif

#include <hwy/highway.h>

#include "moest/kernel/links.h"
#include "moest/kernel/normal_law.h"

HWY_BEFORE_NAMESPACE();
namespace moest {  // NOLINT(modernize-concat-nested-namespaces): the name is a macro
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A vector of doubles with the operators that the links and combiners are written with. Aligned memory only.
struct Lanes {
  using Tag = hn::ScalableTag<double>;
  using Vector = hn::Vec<Tag>;
  using Mask = hn::Mask<Tag>;

  Lanes() = default;
  HWY_INLINE explicit Lanes(double value) : raw(hn::Set(Tag(), value)) {}
  HWY_INLINE explicit Lanes(Vector vector) : raw(vector) {}

  static HWY_INLINE Lanes load(const double* from) { return Lanes(hn::Load(Tag(), from)); }
  HWY_INLINE void store(double* to) const { hn::Store(raw, Tag(), to); }

  Vector raw;
};

/// Numbers per vector.
constexpr int kLanes = static_cast<int>(HWY_LANES(double));

HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return Lanes(hn::Add(a.raw, b.raw)); }
HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return Lanes(hn::Sub(a.raw, b.raw)); }
HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return Lanes(hn::Mul(a.raw, b.raw)); }
HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return Lanes(hn::Div(a.raw, b.raw)); }
HWY_INLINE Lanes operator-(Lanes a) { return Lanes(hn::Neg(a.raw)); }
/// a b + c in one instruction where the target has one.
HWY_INLINE Lanes fused(Lanes a, Lanes b, Lanes c) { return Lanes(hn::MulAdd(a.raw, b.raw, c.raw)); }

HWY_INLINE Lanes::Mask operator<(Lanes a, Lanes b) { return hn::Lt(a.raw, b.raw); }
HWY_INLINE Lanes select(Lanes::Mask condition, Lanes yes, Lanes no) {
  return Lanes(hn::IfThenElse(condition, yes.raw, no.raw));
}
HWY_INLINE bool any(Lanes::Mask condition) { return !hn::AllFalse(Lanes::Tag(), condition); }
HWY_INLINE Lanes abs(Lanes a) { return Lanes(hn::Abs(a.raw)); }
HWY_INLINE Lanes sqrt(Lanes a) { return Lanes(hn::Sqrt(a.raw)); }

/// e^x = 2^n (1 + p) with n = round(x / log 2) and p = expm1(r), |r| <= log(2)/2.
struct ReducedExp {
  Lanes power;  // 2^n
  Lanes p;
};

/// For -708.3 <= x <= 709.4. The remainder r = x - n log 2 is taken off in two parts (Cody and Waite), the
/// first of which has 42 bits, so that n times it is exact. p = r + r^2 q(r), where q interpolates
/// (expm1(r) - r) / r^2 in the Chebyshev nodes of [-log(2)/2, log(2)/2]: relative error 4.1e-17.
HWY_INLINE ReducedExp reduced_exp(Lanes x) {
  const Lanes::Tag d;
  const hn::RebindToUnsigned<Lanes::Tag> bits;
  // Adding 1.5 * 2^52 rounds to an integer; the exponent's bias beside it leaves n + 1023 in the low bits.
  const Lanes shift(0x1.8p52 + 1023);
  const Lanes shifted = fused(x, Lanes(0x1.71547652b82fep+0), shift);
  const Lanes n = shifted - shift;
  Lanes r = fused(n, Lanes(-0x1.62e42fefa3800p-1), x);
  r = fused(n, Lanes(-0x1.ef35793c76730p-45), r);
  constexpr double kCoefficients[] = {0x1.0000000000001p-1,  0x1.5555555555556p-3,  0x1.5555555553d68p-5,
                                      0x1.11111111109b5p-7,  0x1.6c16c17889f3cp-10, 0x1.a01a01a7c2f2cp-13,
                                      0x1.a019b914881bap-16, 0x1.71de0db2eb873p-19, 0x1.28917c9f3a495p-22,
                                      0x1.af389eea54156p-26};
  Lanes q(kCoefficients[9]);
  for (int i = 8; i >= 0; --i) {
    q = fused(q, r, Lanes(kCoefficients[i]));
  }
  const Lanes power(hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(bits, shifted.raw))));
  return {power, fused(r * r, q, r)};
}

/// e^x for x <= 709, within 2 units of the last place; 0 where it is below 3e-308. NaN gives NaN.
HWY_INLINE Lanes exp(Lanes x) {
  const ReducedExp parts = reduced_exp(x);
  const Lanes value = fused(parts.power, parts.p, parts.power);
  return Lanes(hn::IfThenZeroElse(hn::Lt(x.raw, Lanes(-708.0).raw), value.raw));
}

/// tanh t for every t, within 4 units of the last place. tanh|t| = -E / (2 + E), E = expm1(-2|t|), and E
/// keeps its relative accuracy near 0 because there n = 0 and E = p. NaN gives NaN.
HWY_INLINE Lanes tanh(Lanes t) {
  // e^-80 is far below the rounding of 1.
  const Lanes lowest(-80.0);
  const Lanes x = Lanes(-2.0) * abs(t);
  const ReducedExp parts = reduced_exp(select(x < lowest, lowest, x));
  const Lanes expm1 = fused(parts.power, parts.p, parts.power - Lanes(1.0));
  return Lanes(hn::CopySign((expm1 / (Lanes(2.0) + expm1)).raw, t.raw));
}

/// log(1 + y) for 0 <= y <= 1, within 4 units of the last place. log(1 + y) = 2 atanh s with s = y / (2 + y)
/// <= 1/3; (atanh(s) / s - 1) / s^2 is interpolated in the Chebyshev nodes of 0 <= s^2 <= 1/9: absolute
/// error 4.6e-17. NaN gives NaN.
HWY_INLINE Lanes log1p(Lanes y) {
  constexpr double kCoefficients[] = {0x1.5555555555555p-2, 0x1.999999999a3ddp-3, 0x1.24924923d44c6p-3,
                                      0x1.c71c727143318p-4, 0x1.745cf0b0e03bdp-4, 0x1.3b18b294bebf9p-4,
                                      0x1.10ac75dc602b1p-4, 0x1.eb905e8575054p-5, 0x1.687a6e7c95176p-5,
                                      0x1.4b0a26c5f2aefp-4};
  const Lanes s = y / (Lanes(2.0) + y);
  const Lanes z = s * s;
  Lanes q(kCoefficients[9]);
  for (int i = 8; i >= 0; --i) {
    q = fused(q, z, Lanes(kCoefficients[i]));
  }
  const Lanes twice = s + s;
  return fused(twice * z, q, twice);
}

/// The standard normal law at t: Phi(-u) = e^(-u^2/2) P(w) / (1 + sqrt(2) u), u = |t| (normal_law.h). The
/// distribution function is within 8 units of the last place for t > -37.5, and the density within 4 for |t|
/// < 37.5, where the target has a fused multiply-add; where it has not, both lose a relative t^2 2^-53 more.
/// Beyond, they are 0, or 1. NaN gives NaN.
HWY_INLINE NormalPoint<Lanes> standard_normal(Lanes t) {
  const Lanes largest(kNormalTailEnd);
  const Lanes size = abs(t);
  const Lanes u = select(largest < size, largest, size);
  const Lanes half_square = Lanes(0.5) * u * u;
  const Lanes lost = fused(Lanes(0.5) * u, u, -half_square);
  const Lanes decay = exp(-half_square) * (Lanes(1.0) - lost);
  const Lanes shift(kNormalTailCentre);
  const Lanes growth = fused(Lanes(0x1.6a09e667f3bcdp+0), u, Lanes(1.0));
  const Lanes inverse = Lanes(1.0) / ((u + shift) * growth);
  const Lanes w = (u - shift) * growth * inverse;
  Lanes p(kNormalTailCoefficients[22]);
  for (int i = 21; i >= 0; --i) {
    p = fused(p, w, Lanes(kNormalTailCoefficients[i]));
  }
  const Lanes tail = decay * (p * ((u + shift) * inverse));
  return {select(t < Lanes(0.0), tail, Lanes(1.0) - tail), decay * Lanes(0x1.9884533d43651p-2)};
}

/// The sum of the vector's numbers.
HWY_INLINE double sum(Lanes a) { return hn::GetLane(hn::SumOfLanes(Lanes::Tag(), a.raw)); }

}  // namespace HWY_NAMESPACE
}  // namespace moest
HWY_AFTER_NAMESPACE();

#endif  // MOEST_KERNEL_VECTOR_MATH_H
