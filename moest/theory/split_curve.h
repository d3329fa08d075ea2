// What happens to the function where atoms of a truth are split and moved apart.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/theory/gauges.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/wide.h"

namespace moest {

/// Directions in which one cell is split: its atom becomes r + 1 atoms of equal mass at theta + s D_i, the
/// corners of a simplex with sum_i D_i = 0 and covariance V V'. Of one column v these are theta -+ s v. Or
/// one direction in which it is moved as it is.
struct CellSplit {
  std::size_t cell = 0;
  Eigen::MatrixXd directions;  // V, coordinates of the cell x r
  bool is_move = false;
};

/// How near to f* the function can stay while the split grows.
struct SplitOutcome {
  /// Where other parameters can make up for the split exactly: |f - f*| <= 1e-25 at points that the search
  /// did not see.
  bool is_exact = false;
};

/// Splits cells of the truth, and lets all other parameters of the mixture make up for it as well as they
/// can: least squares over random points of the box |x_j| <= half_width with 36 digits. The biases of the
/// split atoms, and one number of them, stay where the split has put them, so that a curve of equal f through
/// the truth with this tangent is found if there is one, and its end checked at fresh points.
SplitOutcome follow_split(const LocalFunctions<Wide>& functions, const Truth& truth,
                          const std::vector<CellSplit>& splits, double half_width, Stream& stream);

/// For a split that is not exact, the power m in |f - f*| = O(s^m) as the other parameters make up for it,
/// measured at two sizes s; 2 for a direction that is identified at once.
double split_order(const LocalFunctions<Wide>& functions, const Truth& truth,
                   const std::vector<CellSplit>& splits, double half_width, Stream& stream);

}  // namespace moest
