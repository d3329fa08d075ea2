// Mixing measures: what a model's function depends on, as points with masses.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/model/model.h"
#include "moest/model/specification.h"

namespace moest {

/// The coordinates of the points: the parameters of the model file, or those that the chart leaves of them
/// (theory of the gates: moest/model). Of the gates omega_i, with tau the temperature, reduced coordinates
/// have
///
///     dense_to_sparse, identity router    v_i = omega_i / tau
///     cosine                              v_i = omega_i / (‖omega_i‖ tau)
///     perturbed_cosine                    v_i = omega_i / ((‖omega_i‖ + tau_1) tau)
///
/// and those of all other gates are the raw ones.
enum class Coordinates { raw, reduced };

/// G = sum_i m_i delta_(omega_i, eta_i) [NHR24, NHR25, HN25]: of each atom the parameters of its gate without
/// the bias, those of its expert, and its mass m_i = e^{b_i}, e^{b_i / tau} for dense_to_sparse. The sigmoid
/// gates have no masses: there b_i is the last gate parameter, and all masses are 1. Entries off the diagonal
/// of the quadratic gates' matrices are multiplied by sqrt 2, so that Euclidean norms of gates have
/// Frobenius' norm of A. Groups of atoms are atoms without an expert, on a level of their own.
struct MixingMeasure {
  Eigen::MatrixXd gates;             // q x k
  Eigen::MatrixXd experts;           // e x k
  Eigen::VectorXd log_masses;        // k
  Eigen::MatrixXd group_gates;       // q x G
  Eigen::VectorXd group_log_masses;  // G
  std::vector<int> group_sizes;      // G, in the order of the atoms; empty where there are no groups
};

/// The measure of a legal model, in its scaled coordinates if it has a scaling.
MixingMeasure mixing_measure(const Model& model, Coordinates coordinates);

/// Whether atoms have masses: where the weights are a softmax of scores with a bias of their own.
bool has_masses(const GateSpec& gate);

/// Whether one vector that is added to the gates of all atoms, in these coordinates, changes nothing: to
/// those of a group, and to those of all groups, where there are groups.
bool has_free_shift(const GateSpec& gate, Coordinates coordinates);

/// Whether (omega_1, omega_2) -> (-omega_2, -omega_1) changes nothing for two experts, and is no shift of the
/// kind above: the weights depend on r(omega_1 . z) - r(omega_2 . z) alone, and the router r is odd but for a
/// constant (identity, tanh, sigmoid).
bool has_mirror(const GateSpec& gate, Coordinates coordinates);

/// The measure of the same function by that symmetry; requires two atoms.
MixingMeasure mirrored(MixingMeasure measure);

}  // namespace moest
