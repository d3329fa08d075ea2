// Who belongs to whom, at the least cost.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace moest {

/// The permutation p that minimises sum_i cost(i, p_i), by shortest augmenting paths (Jonker and Volgenant,
/// Computing 1987) in O(n^3). cost: n x n, finite.
std::vector<int> assign(const Eigen::MatrixXd& cost);

}  // namespace moest
