#include "moest/theory/pairing.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "moest/base/error.h"

namespace moest {

Pairing l1_pairing(Eigen::MatrixXd gates, Eigen::MatrixXd true_gates, Eigen::MatrixXd differences) {
  Pairing pairing;
  pairing.gates = std::move(gates);
  pairing.true_gates = std::move(true_gates);
  pairing.single_costs = differences;
  pairing.split_costs = differences.array().square();
  pairing.differences = std::move(differences);
  return pairing;
}

Pairing with_power(Pairing pairing, double power) {
  pairing.single_power = pairing.split_power = power;
  pairing.single_costs = pairing.split_costs = pairing.differences.array().pow(power);
  return pairing;
}

Eigen::VectorXd normalised_masses(const Eigen::VectorXd& log_masses, double total) {
  Eigen::VectorXd masses = (log_masses.array() - log_masses.maxCoeff()).exp();
  masses *= total / masses.sum();
  return masses;
}

Eigen::VectorXd true_masses(const Eigen::VectorXd& log_masses) {
  Eigen::VectorXd masses = log_masses.array().exp();
  const double total = masses.sum();
  if (!std::isfinite(total) || total < std::numeric_limits<double>::min()) {
    throw InputError(
        "the masses of the truth cannot be used",
        fmt::format("the largest is e^{:.6g}, in units of which the loss would be", log_masses.maxCoeff()),
        "Add one number to all biases of the truth: its function stays the same.");
  }
  return masses;
}

CellSums::CellSums(const Eigen::VectorXd& true_masses) : sums_(static_cast<std::size_t>(true_masses.size())) {
  for (std::size_t j = 0; j < sums_.size(); ++j) {
    sums_[j].cell.true_mass = true_masses[static_cast<Eigen::Index>(j)];
  }
}

void CellSums::add(const Pairing& pairing, const PairingLoss& found, Eigen::Index first_atom,
                   Eigen::Index first_true, double share) {
  Eigen::VectorXd masses = Eigen::VectorXd::Zero(pairing.true_gates.cols());
  for (Eigen::Index i = 0; i < pairing.gates.cols(); ++i) {
    const int j = found.cells[static_cast<std::size_t>(i)];
    Sums& sums = sums_[static_cast<std::size_t>(first_true + j)];
    const Eigen::VectorXd u = pairing.gates.col(i) + found.shift - pairing.true_gates.col(j);
    sums.last_distance = std::hypot(u.norm(), pairing.differences(i, j));
    sums.squares += share * pairing.masses[i] * sums.last_distance * sums.last_distance;
    sums.cell.atoms.push_back(static_cast<int>(first_atom + i));
    masses[j] += pairing.masses[i];
  }
  for (Eigen::Index j = 0; j < masses.size(); ++j) {
    Sums& sums = sums_[static_cast<std::size_t>(first_true + j)];
    sums.cell.mass += share * masses[j];
    sums.cell.mass_error += share * std::abs(masses[j] - pairing.true_masses[j]);
    sums.is_met = true;
  }
}

std::vector<VoronoiCell> CellSums::cells() const {
  std::vector<VoronoiCell> cells;
  for (const Sums& sums : sums_) {
    VoronoiCell& cell = cells.emplace_back(sums.cell);
    if (!sums.is_met) {
      cell.mass_error = cell.true_mass;
    }
    if (cell.atoms.size() == 1) {
      cell.largest_error = sums.last_distance;
    } else if (cell.atoms.size() > 1) {
      cell.split_rms = std::sqrt(sums.squares);
    }
  }
  return cells;
}

}  // namespace moest
