// Members of a subspace of symmetric matrices that are positive semidefinite and of low rank.
#pragma once

#include <optional>
#include <vector>

#include "moest/base/random.h"
#include "moest/theory/wide.h"

namespace moest {

/// A matrix U (p x rank) of length 1 with U U' in the span of `basis`, or none that many random starts of
/// Gauss-Newton could find; what is found is exact up to 1e-30. `basis`: symmetric p x p, orthonormal in tr
/// AB.
std::optional<DenseMatrix<Wide>> find_low_rank(const std::vector<DenseMatrix<Wide>>& basis, Eigen::Index rank,
                                               Stream& stream);

}  // namespace moest
