// Which of the free directions of a fit the data determine.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/fit/active_set.h"

namespace moest {

/// The free directions of theta, from the eigenvectors of J'J with unit diagonal: those whose eigenvalue,
/// relative to the largest, cannot be told from zero by the rounding of J'J are undetermined.
struct Directions {
  Eigen::MatrixXd determined;   // columns, in theta
  Eigen::MatrixXd in_free;      // the same in the free directions of the active set
  Eigen::VectorXd information;  // q'J'Jq of each
  std::vector<Eigen::VectorXd> undetermined;

  /// The rank of J in the free directions.
  int rank() const { return static_cast<int>(information.size()); }
};

/// The set must be that of J'J. theta: of `size` coordinates.
Directions find_directions(const ActiveSet& active, Eigen::Index size);

}  // namespace moest
