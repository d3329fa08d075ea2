// How much a residual costs.
#pragma once

namespace moest {

/// The cost L(r) of a residual, L(r) ~ r^2 for small r, and what it makes of least squares: the weighted
/// problem with the factor a(r) = L'(r) / (2 r) on each sample, which is made anew with every pass
/// (iteratively reweighted least squares).
///
///     squared   L = r^2                                                   a = 1
///     huber     L = r^2 for |r| <= c, else 2 c |r| - c^2                  a = min(1, c / |r|)
///     cauchy    L = c^2 log(1 + r^2 / c^2)                                a = 1 / (1 + r^2 / c^2)
struct Loss {
  enum class Kind { squared, huber, cauchy };

  Kind kind = Kind::squared;
  double threshold = 1;  // c > 0, in units of the residual
};

/// L''(r) / (2 a(r)): what is left of the factor in the exact Hessian; 1 for squared.
inline double curvature_share(const Loss& loss, double residual) {
  const double ratio = residual / loss.threshold;
  switch (loss.kind) {
    case Loss::Kind::huber:
      return ratio <= 1 && ratio >= -1 ? 1 : 0;
    case Loss::Kind::cauchy:
      return (1 - ratio * ratio) / (1 + ratio * ratio);
    case Loss::Kind::squared:
      break;
  }
  return 1;
}

}  // namespace moest
