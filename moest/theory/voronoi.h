// Voronoi losses: how far the atoms of a fit are from those of a truth.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "moest/model/model.h"
#include "moest/theory/mixing_measure.h"
#include "moest/theory/pairing.h"

namespace moest {

struct LossOptions {
  Coordinates coordinates = Coordinates::reduced;
  std::optional<double> power = {};  // r of L2,r, in [1, 100]; absent: L2,r is not computed
};

struct VoronoiLoss {
  double l1 = 0;
  std::optional<double> l2r = {};
  double true_mass = 0;                  // sum_j m*_j, in units of which the losses are
  std::vector<VoronoiCell> cells = {};   // k*, of L1
  std::vector<VoronoiCell> groups = {};  // of true groups, where there are groups
  // As they were compared: gates after the shift and after the discrete symmetry, if any.
  Eigen::MatrixXd fitted_gates = {};  // q x k
  Eigen::MatrixXd true_gates = {};    // q x k*
};

/// The losses of a fit with k atoms against a truth with k* [NHR24, NHR25, HN25]. With the masses normalised
/// to those of the truth, p_i = m_i sum_j m*_j / sum_l m_l, and A_j the atoms that are nearest to theta*_j,
///
///     L1 = sum_j |sum_{i in A_j} p_i - m*_j|
///        + sum_{|A_j| = 1} sum_{i in A_j} p_i (‖omega_i - omega*_j‖ + ‖eta_i - eta*_j‖)
///        + sum_{|A_j| > 1} sum_{i in A_j} p_i (‖omega_i - omega*_j‖^2 + ‖eta_i - eta*_j‖^2),
///     L2,r: the same with all these differences to the power r.
///
/// Both are least over what does not change the function: the order of the atoms, a common shift of the gates
/// where there is one (least_loss), the mirror of two experts (has_mirror), and the finite symmetries of the
/// experts (ExpertDistance). L1 is 0 where the measures agree up to these, and up to a common factor of the
/// fit's masses; one of the truth's is the unit of the loss. Continuous symmetries are left to the
/// coordinates: raw ones have more of them. In raw coordinates |tau - tau*| sum_j m*_j is added for a
/// temperature. Gates without masses: p_i = m*_j = 1, the bias is a part of omega.
///
/// Groups (hierarchical): l(g, h) is the loss of group g's atoms against those of true group h, the masses of
/// g normalised to those of h, with a shift of its own; P_g are the masses of the groups. With as many groups
/// as the truth has
///
///     L1 = min over permutations pi and t of
///          sum_g |P_g - P*_pi(g)| + sum_g P_g (‖omega_g + t - omega*_pi(g)‖ + l(g, pi(g))),
///
/// else groups are in the cell of the true group with the least ‖omega_g + t - omega*_h‖ + l(g, h), and of a
/// cell of several the terms are ‖omega_g + t - omega*_h‖^2 + l(g, h)^2; L2,r has powers r and the L2,r of
/// groups. `cells` are then within groups: of several groups in one cell the mean by P_g.
///
/// Throws InputError as check_comparable; for a gate with top_k where the fit has more experts than the truth
/// and keeps fewer of them than there can be in the cells of as many true atoms as the truth keeps; for
/// masses of the truth, or a loss, beyond the range of numbers.
VoronoiLoss voronoi_loss(const Model& fitted, const Model& truth, const LossOptions& options = {});

}  // namespace moest
