// Atoms of a fit beside those of a truth, before it is known which belong together.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

namespace moest {

/// To which true atom an atom belongs, u_ij = omega_i + t - omega*_j being the difference of their gates and
/// D_ij that of all else about them.
enum class CellRule {
  nearest,      // the least ‖u_ij‖^2 + D_ij^2; of equal ones the first
  nearest_sum,  // the least ‖u_ij‖ + D_ij; of equal ones the first
  one_to_one,   // the permutation of the least loss; requires k = k*
};

/// Atoms of two measures, k fitted ones and k* true ones, and the loss of a shift t with cells A_j,
///
///     sum_j |sum_{i in A_j} p_i - m*_j| + sum_j sum_{i in A_j} p_i (‖u_ij‖^q + C_ij),
///
/// with q and C of their own for an atom that is alone in its cell, and for cells of several.
struct Pairing {
  Eigen::MatrixXd gates, true_gates;    // q x k, q x k*
  Eigen::VectorXd masses, true_masses;  // p_i, m*_j
  Eigen::MatrixXd differences;          // D, k x k*
  Eigen::MatrixXd single_costs, split_costs;
  double single_power = 1, split_power = 2;
  CellRule rule = CellRule::nearest;
  bool is_free = true;  // whether there is a shift; else t = 0
};

/// A shift, to which true atom each atom belongs there, and the loss.
struct PairingLoss {
  double loss = 0;
  Eigen::VectorXd shift;
  std::vector<int> cells;  // k
};

/// What belongs to one true atom (or group) theta*_j.
struct VoronoiCell {
  std::vector<int> atoms;  // fitted ones, by their index, for which no other true atom is nearer
  double mass = 0;         // theirs, sum_i p_i
  double true_mass = 0;    // m*_j
  double mass_error = 0;   // |sum_i p_i - m*_j|
  std::optional<double> largest_error = {};  // ‖theta_i - theta*_j‖, where the cell has one atom
  std::optional<double> split_rms = {};      // sqrt(sum_i p_i ‖theta_i - theta*_j‖^2), where it has more
};

/// Powers 1 and 2 of the gates' and the other differences: L1.
Pairing l1_pairing(Eigen::MatrixXd gates, Eigen::MatrixXd true_gates, Eigen::MatrixXd differences);
/// The same with `power` for all of them: L2,r. The masses must be there.
Pairing with_power(Pairing pairing, double power);

/// The masses of these logarithms times the factor that makes their sum `total`, whatever their size.
Eigen::VectorXd normalised_masses(const Eigen::VectorXd& log_masses, double total);
/// e to the power of these logarithms. Throws InputError where they, or their sum, are no positive numbers.
Eigen::VectorXd true_masses(const Eigen::VectorXd& log_masses);

/// Puts atoms into the cells where a search found them; ‖theta_i - theta*_j‖^2 is ‖u_ij‖^2 + D_ij^2.
class CellSums {
 public:
  explicit CellSums(const Eigen::VectorXd& true_masses);

  /// Adds the atoms of a pairing, numbered from first_atom on, to the cells from first_true on. Where several
  /// pairings share cells, what they say of these counts by their shares, whose sum is 1.
  void add(const Pairing& pairing, const PairingLoss& found, Eigen::Index first_atom = 0,
           Eigen::Index first_true = 0, double share = 1);
  std::vector<VoronoiCell> cells() const;

 private:
  // The sums of one cell: its atoms, masses and mass errors, of p_i ‖theta_i - theta*_j‖^2, and the distance
  // of the atom that came last.
  struct Sums {
    VoronoiCell cell;
    double squares = 0;
    double last_distance = 0;
    bool is_met = false;
  };
  std::vector<Sums> sums_;
};

}  // namespace moest
