// Whether a subspace of symmetric matrices meets the cone of positive semidefinite ones.
#pragma once

#include <optional>
#include <vector>

#include "moest/theory/wide.h"

namespace moest {

/// The answer for a subspace N of the symmetric p x p matrices, with a certificate either way (theorem of the
/// alternative: exactly one of the two exists).
struct ConeAnswer {
  /// Where N contains M >= 0, M != 0: one of trace 1 and of the largest rank, with an orthonormal basis of
  /// its range (p x rank).
  std::optional<DenseMatrix<Wide>> member;
  DenseMatrix<Wide> range;
  /// Else the largest smallest eigenvalue of a matrix Y of trace 1 with <Y, B> = 0 for all B in N, which
  /// proves that there is none; 0 with neither, where the numbers decide nothing.
  double separation = 0;
};

/// Least separation that counts as a proof.
inline constexpr double kLeastSeparation = 1e-6;

/// Solves minimise s over X = s I + B >= 0, B in N, tr X = 1 by a barrier method with Newton steps: a
/// semidefinite problem whose dual variable is Y. At the optimum s = 0 exactly when N meets the cone, and the
/// path leads to a member of the largest rank. `basis`: symmetric matrices that span N, orthonormal in <A, B>
/// = tr AB.
ConeAnswer meet_cone(const std::vector<DenseMatrix<Wide>>& basis, Eigen::Index size);

/// Orthonormalises symmetric matrices in <A, B> = tr AB; what depends on others up to 1e-30 is left out.
std::vector<DenseMatrix<Wide>> orthonormalised(std::vector<DenseMatrix<Wide>> matrices);

}  // namespace moest
