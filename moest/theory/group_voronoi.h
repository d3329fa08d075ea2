// The Voronoi loss of experts in groups.
#pragma once

#include <Eigen/Core>

#include "moest/theory/mixing_measure.h"
#include "moest/theory/voronoi.h"

namespace moest {

/// The part of voronoi_loss for measures with groups: l(g, h) of all pairs of groups, then the loss of the
/// groups, whose difference beside that of the gates it is. expert_distances: ‖eta_i - eta*_j‖, k x k*.
VoronoiLoss group_voronoi_loss(const MixingMeasure& fitted, const MixingMeasure& truth,
                               const Eigen::MatrixXd& expert_distances, const LossOptions& options);

}  // namespace moest
