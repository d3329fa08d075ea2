#include "moest/theory/group_voronoi.h"

#include <utility>
#include <vector>

#include "moest/theory/shift.h"

namespace moest {
namespace {

/// Which atoms a group has.
struct Range {
  Eigen::Index first, size;
};

std::vector<Range> ranges_of(const MixingMeasure& measure) {
  std::vector<Range> ranges;
  Eigen::Index first = 0;
  for (const int size : measure.group_sizes) {
    ranges.push_back({first, size});
    first += size;
  }
  return ranges;
}

/// The losses of one group against one true group.
struct GroupPair {
  Pairing pairing;
  PairingLoss l1;
  double l2r = 0;
};

GroupPair compare(const MixingMeasure& fitted, Range own, const MixingMeasure& truth, Range wanted,
                  const Eigen::MatrixXd& expert_distances, const LossOptions& options) {
  GroupPair pair;
  pair.pairing = l1_pairing(fitted.gates.middleCols(own.first, own.size),
                            truth.gates.middleCols(wanted.first, wanted.size),
                            expert_distances.block(own.first, wanted.first, own.size, wanted.size));
  pair.pairing.true_masses = true_masses(truth.log_masses.segment(wanted.first, wanted.size));
  pair.pairing.masses =
      normalised_masses(fitted.log_masses.segment(own.first, own.size), pair.pairing.true_masses.sum());
  pair.l1 = least_loss(pair.pairing);
  if (options.power) {
    pair.l2r = least_loss(with_power(pair.pairing, *options.power)).loss;
  }
  return pair;
}

/// A loss l(g, h) of all pairs.
Eigen::MatrixXd losses_of(const std::vector<std::vector<GroupPair>>& pairs,
                          double (*loss)(const GroupPair&)) {
  Eigen::MatrixXd losses(static_cast<Eigen::Index>(pairs.size()),
                         static_cast<Eigen::Index>(pairs.front().size()));
  for (Eigen::Index g = 0; g < losses.rows(); ++g) {
    for (Eigen::Index h = 0; h < losses.cols(); ++h) {
      losses(g, h) = loss(pairs[static_cast<std::size_t>(g)][static_cast<std::size_t>(h)]);
    }
  }
  return losses;
}

Pairing pairing_of_groups(const MixingMeasure& fitted, const MixingMeasure& truth, Eigen::MatrixXd losses) {
  Pairing pairing = l1_pairing(fitted.group_gates, truth.group_gates, std::move(losses));
  pairing.true_masses = true_masses(truth.group_log_masses);
  pairing.masses = normalised_masses(fitted.group_log_masses, pairing.true_masses.sum());
  pairing.rule =
      pairing.gates.cols() == pairing.true_gates.cols() ? CellRule::one_to_one : CellRule::nearest_sum;
  return pairing;
}

}  // namespace

VoronoiLoss group_voronoi_loss(const MixingMeasure& fitted, const MixingMeasure& truth,
                               const Eigen::MatrixXd& expert_distances, const LossOptions& options) {
  const std::vector<Range> own = ranges_of(fitted);
  const std::vector<Range> wanted = ranges_of(truth);
  std::vector<std::vector<GroupPair>> pairs(own.size());
  for (std::size_t g = 0; g < own.size(); ++g) {
    for (const Range& range : wanted) {
      pairs[g].push_back(compare(fitted, own[g], truth, range, expert_distances, options));
    }
  }
  const Pairing groups =
      pairing_of_groups(fitted, truth, losses_of(pairs, [](const GroupPair& pair) { return pair.l1.loss; }));
  const PairingLoss found = least_loss(groups);
  VoronoiLoss loss{.l1 = found.loss, .true_mass = groups.true_masses.sum()};
  if (options.power) {
    Pairing powers = with_power(groups, *options.power);
    powers.single_costs = powers.split_costs =
        losses_of(pairs, [](const GroupPair& pair) { return pair.l2r; });
    loss.l2r = least_loss(powers).loss;
  }
  CellSums group_sums(groups.true_masses);
  group_sums.add(groups, found);
  loss.groups = group_sums.cells();
  CellSums sums(truth.log_masses.array().exp().matrix());
  loss.fitted_gates = fitted.gates;
  loss.true_gates = truth.gates;
  for (std::size_t g = 0; g < own.size(); ++g) {
    const auto h = static_cast<std::size_t>(found.cells[g]);
    const GroupPair& pair = pairs[g][h];
    const VoronoiCell& cell = loss.groups[h];
    const double share = cell.mass > 0 ? groups.masses[static_cast<Eigen::Index>(g)] / cell.mass
                                       : 1 / static_cast<double>(cell.atoms.size());
    sums.add(pair.pairing, pair.l1, own[g].first, wanted[h].first, share);
    loss.fitted_gates.middleCols(own[g].first, own[g].size).colwise() += pair.l1.shift;
  }
  loss.cells = sums.cells();
  return loss;
}

}  // namespace moest
