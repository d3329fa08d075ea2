#include "moest/theory/shift.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "moest/base/random.h"
#include "moest/theory/distance_sum.h"

namespace moest {
namespace {

Eigen::MatrixXd normals(Eigen::Index rows, Eigen::Index cols, Stream& stream) {
  Eigen::MatrixXd matrix(rows, cols);
  for (double& value : matrix.reshaped()) {
    value = stream.normal();
  }
  return matrix;
}

/// k* true atoms far apart, and k >= k* atoms near them that are moved by a common shift.
Pairing near_the_truth(int d, int k, int k_true, double noise, const Eigen::VectorXd& shift, Stream& stream) {
  const Eigen::MatrixXd truth = 3 * normals(d, k_true, stream);
  const Eigen::MatrixXd experts = 3 * normals(2, k_true, stream);
  Eigen::MatrixXd gates(d, k);
  Eigen::MatrixXd differences(k, k_true);
  for (int i = 0; i < k; ++i) {
    gates.col(i) = truth.col(i % k_true) + noise * normals(d, 1, stream) - shift;
    const Eigen::VectorXd expert = experts.col(i % k_true) + noise * normals(2, 1, stream);
    for (int j = 0; j < k_true; ++j) {
      differences(i, j) = (expert - experts.col(j)).norm();
    }
  }
  Pairing pairing = l1_pairing(gates, truth, differences);
  pairing.true_masses = (0.5 * normals(k_true, 1, stream)).array().exp();
  pairing.masses = normalised_masses(normals(k, 1, stream), pairing.true_masses.sum());
  return pairing;
}

/// The loss of L1 at t, by the formula, atom by atom.
double plain_l1(const Pairing& pairing, const Eigen::VectorXd& t) {
  std::vector<std::vector<Eigen::Index>> cells(static_cast<std::size_t>(pairing.true_gates.cols()));
  for (Eigen::Index i = 0; i < pairing.gates.cols(); ++i) {
    std::vector<double> distances;
    for (Eigen::Index j = 0; j < pairing.true_gates.cols(); ++j) {
      const double gate = (pairing.gates.col(i) + t - pairing.true_gates.col(j)).norm();
      distances.push_back(std::hypot(gate, pairing.differences(i, j)));
    }
    cells[static_cast<std::size_t>(std::min_element(distances.begin(), distances.end()) - distances.begin())]
        .push_back(i);
  }
  double loss = 0;
  for (std::size_t j = 0; j < cells.size(); ++j) {
    const auto place = static_cast<Eigen::Index>(j);
    const double power = cells[j].size() == 1 ? 1 : 2;
    double mass = 0;
    for (const Eigen::Index i : cells[j]) {
      mass += pairing.masses[i];
      const double gate = (pairing.gates.col(i) + t - pairing.true_gates.col(place)).norm();
      loss += pairing.masses[i] * (std::pow(gate, power) + std::pow(pairing.differences(i, place), power));
    }
    loss += std::abs(mass - pairing.true_masses[place]);
  }
  return loss;
}

TEST(Shift, HasTheLossOfTheFormulaAtEveryShift) {
  Stream stream(1, 0, "pairs");
  for (int trial = 0; trial < 200; ++trial) {
    const Pairing pairing = near_the_truth(2, 1 + stream.below(6), 3, 1.0, Eigen::Vector2d(1, 2), stream);
    const Eigen::VectorXd t = 2 * normals(2, 1, stream);
    EXPECT_NEAR(loss_at(pairing, t).loss, plain_l1(pairing, t), 1e-12);
    const PairingLoss least = least_loss(pairing);
    EXPECT_NEAR(least.loss, plain_l1(pairing, least.shift), 1e-12) << "the least loss is one of its shift";
  }
}

TEST(Shift, IsAsGoodAsAFineGridNearTheTruthOnALine) {
  Stream stream(2, 0, "pairs");
  for (const int k : {2, 3, 5}) {
    for (int trial = 0; trial < 10; ++trial) {
      const Eigen::VectorXd shift = Eigen::VectorXd::Constant(1, 5 * stream.normal());
      const Pairing pairing = near_the_truth(1, k, 2, 0.1, shift, stream);
      double on_grid = std::numeric_limits<double>::infinity();
      for (int step = -20000; step <= 20000; ++step) {
        const Eigen::VectorXd t = shift.array() + 1e-4 * step;
        on_grid = std::min(on_grid, plain_l1(pairing, t));
      }
      EXPECT_LE(least_loss(pairing).loss, on_grid * (1 + 1e-12)) << k << " " << trial;
    }
  }
}

TEST(Shift, IsAsGoodAsAFineGridNearTheTruthInThePlane) {
  Stream stream(3, 0, "pairs");
  for (const int k : {2, 3, 4}) {
    for (int trial = 0; trial < 4; ++trial) {
      const Eigen::VectorXd shift = normals(2, 1, stream);
      const Pairing pairing = near_the_truth(2, k, 2, 0.1, shift, stream);
      double on_grid = std::numeric_limits<double>::infinity();
      for (int row = -150; row <= 150; ++row) {
        for (int column = -150; column <= 150; ++column) {
          const Eigen::VectorXd t = shift + 2e-3 * Eigen::Vector2d(row, column);
          on_grid = std::min(on_grid, plain_l1(pairing, t));
        }
      }
      EXPECT_LE(least_loss(pairing).loss, on_grid * (1 + 1e-12)) << k << " " << trial;
    }
  }
}

TEST(Shift, IsFoundWhereverItIsAndWhateverTheOrder) {
  Stream stream(4, 0, "pairs");
  for (int trial = 0; trial < 50; ++trial) {
    const int k = 2 + stream.below(4);
    Pairing pairing = near_the_truth(3, k, 2, 0.3, Eigen::VectorXd::Zero(3), stream);
    const double loss = least_loss(pairing).loss;
    pairing.gates.colwise() += Eigen::Vector3d(1e3, -50, 7);
    EXPECT_NEAR(least_loss(pairing).loss, loss, 1e-10 * loss);
    Pairing other = pairing;
    other.gates.rowwise().reverseInPlace();
    other.masses.reverseInPlace();
    for (Eigen::MatrixXd* matrix : {&other.differences, &other.single_costs, &other.split_costs}) {
      matrix->colwise().reverseInPlace();
    }
    EXPECT_NEAR(least_loss(other).loss, loss, 1e-10 * loss);
  }
}

TEST(Shift, DoesNotMoveWhereThereIsNone) {
  Stream stream(5, 0, "pairs");
  Pairing pairing = near_the_truth(2, 2, 2, 0, Eigen::Vector2d(0.1, 0), stream);
  pairing.masses = pairing.true_masses;
  EXPECT_LT(least_loss(pairing).loss, 1e-13);
  pairing.is_free = false;
  EXPECT_NEAR(least_loss(pairing).loss, 0.1 * pairing.masses.sum(), 1e-13);
}

TEST(Shift, WithOneAtomForEachTakesTheBestPermutation) {
  Stream stream(6, 0, "pairs");
  for (int trial = 0; trial < 30; ++trial) {
    Pairing pairing = near_the_truth(2, 3, 3, 0.5, Eigen::Vector2d(4, -1), stream);
    pairing.rule = CellRule::one_to_one;
    std::vector<int> order{0, 1, 2};
    double least = std::numeric_limits<double>::infinity();
    do {
      DistanceSum sum(2, 3);
      double loss = 0;
      for (Eigen::Index i = 0; i < 3; ++i) {
        const int j = order[static_cast<std::size_t>(i)];
        sum.points.col(i) = pairing.true_gates.col(j) - pairing.gates.col(i);
        loss += std::abs(pairing.masses[i] - pairing.true_masses[j]) +
                pairing.masses[i] * pairing.differences(i, j);
      }
      sum.weights = pairing.masses;
      sum.powers.setOnes();
      least = std::min(least, loss + sum.value(sum.minimise()));
    } while (std::next_permutation(order.begin(), order.end()));
    EXPECT_NEAR(least_loss(pairing).loss, least, 1e-11 * least) << trial;
  }
}

TEST(Shift, OfSumsAndOfSquaresPutsAtomsIntoOtherCells) {
  // The atom (0; 0) against (3; 3), whose square is 18 and whose sum is 6, and (4.4; 0), 19.36 and 4.4.
  Pairing pairing = l1_pairing(Eigen::MatrixXd::Zero(1, 1), (Eigen::MatrixXd(1, 2) << 3, 4.4).finished(),
                               (Eigen::MatrixXd(1, 2) << 3, 0).finished());
  pairing.masses = Eigen::VectorXd::Constant(1, 2);
  pairing.true_masses = Eigen::Vector2d(1, 1);
  pairing.is_free = false;
  EXPECT_DOUBLE_EQ(least_loss(pairing).loss, 1 + 1 + 2 * (3 + 3));
  pairing.rule = CellRule::nearest_sum;
  EXPECT_DOUBLE_EQ(least_loss(pairing).loss, 1 + 1 + 2 * 4.4);
}

// Masses of which most is on the last atom: the difference of the means leads each atom to its neighbour,
// and no step leads back.
TEST(Shift, BeginsWithEveryPairOfAtoms) {
  const Eigen::MatrixXd truth = (Eigen::MatrixXd(1, 4) << 0, 10, 20, 30).finished();
  Pairing pairing = l1_pairing(truth.array() - 1000, truth, Eigen::MatrixXd::Zero(4, 4));
  pairing.masses = Eigen::Vector4d(0.1, 0.1, 0.1, 3.7);
  pairing.true_masses = Eigen::Vector4d::Ones();
  EXPECT_NEAR(least_loss(pairing).loss, 2.7 + 3 * 0.9, 1e-12);
}

TEST(Shift, GivesAnAtomInTheMiddleToTheFirst) {
  Pairing pairing = l1_pairing(Eigen::MatrixXd::Zero(1, 1), (Eigen::MatrixXd(1, 3) << 3, 2, -2).finished(),
                               Eigen::MatrixXd::Zero(1, 3));
  pairing.masses = Eigen::VectorXd::Ones(1);
  pairing.true_masses = Eigen::Vector3d::Ones();
  pairing.is_free = false;
  EXPECT_EQ(least_loss(pairing).cells, std::vector<int>{1});
}

TEST(Shift, CountsMassesInAPermutation) {
  Pairing pairing = l1_pairing(Eigen::MatrixXd::Zero(1, 2), Eigen::MatrixXd::Zero(1, 2),
                               (Eigen::MatrixXd(2, 2) << 0.1, 0, 0, 0.1).finished());
  pairing.masses = pairing.true_masses = Eigen::Vector2d(1, 9);
  pairing.rule = CellRule::one_to_one;
  EXPECT_NEAR(least_loss(pairing).loss, (1 + 9) * 0.1, 1e-14) << "the nearer ones have other masses";
}

}  // namespace
}  // namespace moest
