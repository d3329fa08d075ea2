#include "moest/theory/shift.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "moest/base/error.h"
#include "moest/model/assignment.h"
#include "moest/theory/distance_sum.h"

namespace moest {
namespace {

constexpr int kMostRounds = 50;

/// Looks for the least loss, with memory for one pairing.
class ShiftSearch {
 public:
  explicit ShiftSearch(const Pairing& pairing)
      : pairing_(pairing),
        num_atoms_(pairing.gates.cols()),
        num_true_(pairing.true_gates.cols()),
        squares_(num_atoms_, num_true_),
        cell_masses_(num_true_),
        counts_(static_cast<std::size_t>(num_true_)),
        sum_(pairing.gates.rows(), num_atoms_),
        t_(Eigen::VectorXd::Zero(pairing.gates.rows())) {
    cells_.resize(static_cast<std::size_t>(num_atoms_));
    if (pairing.rule == CellRule::one_to_one) {
      MOEST_EXPECT(num_atoms_ == num_true_);
      costs_.resize(num_atoms_, num_true_);
    }
    sum_.weights = pairing.masses;
  }

  PairingLoss at(const Eigen::VectorXd& shift) {
    t_ = shift;
    visit();
    return best_;
  }

  PairingLoss least() {
    const auto mean = [](const Eigen::MatrixXd& gates, const Eigen::VectorXd& masses) -> Eigen::VectorXd {
      return gates * masses / masses.sum();
    };
    for (Eigen::Index i = 0; i < num_atoms_; ++i) {
      for (Eigen::Index j = 0; j < num_true_; ++j) {
        t_ = pairing_.true_gates.col(j) - pairing_.gates.col(i);
        search();
      }
    }
    t_ = mean(pairing_.true_gates, pairing_.true_masses) - mean(pairing_.gates, pairing_.masses);
    search();
    return best_;
  }

 private:
  // From t_ on.
  void search() {
    for (int round = 0; round < kMostRounds; ++round) {
      visit();
      if (was_met()) {
        return;
      }
      met_.insert(met_.end(), cells_.begin(), cells_.end());
      for (Eigen::Index i = 0; i < num_atoms_; ++i) {
        sum_.points.col(i) = pairing_.true_gates.col(cell(i)) - pairing_.gates.col(i);
        sum_.powers[i] = is_single(i) ? pairing_.single_power : pairing_.split_power;
      }
      t_ = sum_.minimise();
    }
  }

  // Cells and loss at t_.
  void visit() {
    for (Eigen::Index j = 0; j < num_true_; ++j) {
      for (Eigen::Index i = 0; i < num_atoms_; ++i) {
        squares_(i, j) = (pairing_.gates.col(i) + t_ - pairing_.true_gates.col(j)).squaredNorm();
      }
    }
    if (pairing_.rule == CellRule::one_to_one) {
      take_permutation();
    } else {
      take_nearest();
    }
    const double loss = loss_of_cells();
    if (best_.cells.empty() || loss < best_.loss) {
      best_.loss = loss;
      best_.shift = t_;
      best_.cells = cells_;
    }
  }

  void take_nearest() {
    const bool squared = pairing_.rule == CellRule::nearest;
    std::fill(counts_.begin(), counts_.end(), 0);
    for (Eigen::Index i = 0; i < num_atoms_; ++i) {
      double least = std::numeric_limits<double>::infinity();
      for (Eigen::Index j = 0; j < num_true_; ++j) {
        const double difference = pairing_.differences(i, j);
        const double distance =
            squared ? squares_(i, j) + difference * difference : std::sqrt(squares_(i, j)) + difference;
        if (distance < least) {
          least = distance;
          cell(i) = static_cast<int>(j);
        }
      }
      ++counts_[static_cast<std::size_t>(cell(i))];
    }
  }

  void take_permutation() {
    for (Eigen::Index j = 0; j < num_true_; ++j) {
      for (Eigen::Index i = 0; i < num_atoms_; ++i) {
        costs_(i, j) = std::abs(pairing_.masses[i] - pairing_.true_masses[j]) +
                       pairing_.masses[i] * (power_of_distance(squares_(i, j), pairing_.single_power) +
                                             pairing_.single_costs(i, j));
      }
    }
    cells_ = assign(costs_);
    std::fill(counts_.begin(), counts_.end(), 1);
  }

  double loss_of_cells() {
    cell_masses_ = -pairing_.true_masses;
    double loss = 0;
    for (Eigen::Index i = 0; i < num_atoms_; ++i) {
      const int j = cell(i);
      cell_masses_[j] += pairing_.masses[i];
      loss += pairing_.masses[i] *
              (is_single(i)
                   ? power_of_distance(squares_(i, j), pairing_.single_power) + pairing_.single_costs(i, j)
                   : power_of_distance(squares_(i, j), pairing_.split_power) + pairing_.split_costs(i, j));
    }
    return loss + cell_masses_.lpNorm<1>();
  }

  int& cell(Eigen::Index atom) { return cells_[static_cast<std::size_t>(atom)]; }
  bool is_single(Eigen::Index atom) { return counts_[static_cast<std::size_t>(cell(atom))] == 1; }
  bool was_met() const {
    for (auto one = met_.begin(); one != met_.end(); one += static_cast<std::ptrdiff_t>(cells_.size())) {
      if (std::equal(cells_.begin(), cells_.end(), one)) {
        return true;
      }
    }
    return false;
  }

  const Pairing& pairing_;
  Eigen::Index num_atoms_, num_true_;
  Eigen::MatrixXd squares_, costs_;
  Eigen::VectorXd cell_masses_;
  std::vector<int> counts_;
  DistanceSum sum_;
  Eigen::VectorXd t_;
  std::vector<int> cells_;
  std::vector<int> met_;  // cells, one after the other
  PairingLoss best_;
};

}  // namespace

PairingLoss loss_at(const Pairing& pairing, const Eigen::VectorXd& shift) {
  return ShiftSearch(pairing).at(shift);
}

PairingLoss least_loss(const Pairing& pairing) {
  ShiftSearch search(pairing);
  return pairing.is_free ? search.least() : search.at(Eigen::VectorXd::Zero(pairing.gates.rows()));
}

}  // namespace moest
