// The common shift of the gates with the least loss.
#pragma once

#include <Eigen/Core>

#include "moest/theory/pairing.h"

namespace moest {

/// The loss at t and the cells there, by the pairing's rule.
PairingLoss loss_at(const Pairing& pairing, const Eigen::VectorXd& shift);

/// The least loss over the common shift t. Cells jump with t, so the least value is defined by how it is
/// looked for: from each t = omega*_j - omega_i, and from the difference of the means by mass, the cells at t
/// are taken, t goes to the minimiser of the loss with these cells, a convex function (DistanceSum), and so
/// on until cells come again that were met before, at most 50 times. The least loss of all these t, each with
/// its own cells, is the result: an upper bound of the infimum, which it is where the measures are near each
/// other. Cells met from an earlier beginning end a search too, since it would go on like that one.
PairingLoss least_loss(const Pairing& pairing);

}  // namespace moest
