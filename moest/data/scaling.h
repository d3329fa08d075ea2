// Changes of units: one affine map per column.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

namespace moest {

/// z = (x - offset) / scale and back x = offset + scale z; scale is not 0.
struct Affine {
  double offset = 0;
  double scale = 1;

  double apply(double x) const { return (x - offset) / scale; }
  double undo(double z) const { return offset + scale * z; }
};

/// The change of units of a fit; empty lists mean none.
struct Scaling {
  std::vector<Affine> inputs;   // one per input
  std::vector<Affine> targets;  // one per target
};

struct Moments {
  double mean = 0;
  double deviation = 0;  // sqrt(sum_i (x_i - mean)^2 / n)
};

/// Mean and root mean square deviation in two passes, accurate where the deviation is tiny beside the mean,
/// and free of overflow and underflow for all finite values. Requires at least one value, all finite.
Moments moments(std::span<const double> values);

/// The map to mean 0 and mean square 1 (divisor n): offset = mean, scale = deviation, or 1 for a constant
/// column. Requires at least one value, all finite.
Affine standardisation(std::span<const double> column);

/// The map of [smallest, largest] to [low, high]; a constant column goes to the middle. Requires at least one
/// value, all finite and of a finite range, and low < high.
Affine range_scaling(std::span<const double> column, double low, double high);

/// Each column in its new unit. inputs: n x d, one map per column; returns n x d.
Eigen::MatrixXd scaled(const Eigen::Ref<const Eigen::MatrixXd>& inputs, std::span<const Affine> maps);

}  // namespace moest
