#include "moest/theory/voronoi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/option.h"
#include "moest/model/catalogue.h"
#include "moest/model/symmetries.h"
#include "moest/theory/comparable.h"
#include "moest/theory/group_voronoi.h"
#include "moest/theory/shift.h"

namespace moest {
namespace {

/// ‖eta_i - eta*_j‖, k x k*.
Eigen::MatrixXd distances_of_experts(const MixtureSpec& spec, const MixingMeasure& fitted,
                                     const MixingMeasure& truth) {
  const ExpertDistance distance(spec);
  const auto column = [](const Eigen::MatrixXd& experts, Eigen::Index i) {
    return std::span<const double>(experts.col(i).data(), static_cast<std::size_t>(experts.rows()));
  };
  Eigen::MatrixXd distances(fitted.experts.cols(), truth.experts.cols());
  for (Eigen::Index j = 0; j < distances.cols(); ++j) {
    for (Eigen::Index i = 0; i < distances.rows(); ++i) {
      distances(i, j) = std::sqrt(distance.squared(column(fitted.experts, i), column(truth.experts, j)));
    }
  }
  return distances;
}

VoronoiLoss flat_loss(const MixingMeasure& fitted, const MixingMeasure& truth,
                      const Eigen::MatrixXd& expert_distances, bool is_free, const LossOptions& options) {
  Pairing pairing = l1_pairing(fitted.gates, truth.gates, expert_distances);
  pairing.true_masses = true_masses(truth.log_masses);
  pairing.masses = normalised_masses(fitted.log_masses, pairing.true_masses.sum());
  pairing.is_free = is_free;
  const PairingLoss found = least_loss(pairing);
  VoronoiLoss loss{.l1 = found.loss, .true_mass = pairing.true_masses.sum()};
  if (options.power) {
    loss.l2r = least_loss(with_power(pairing, *options.power)).loss;
  }
  CellSums sums(pairing.true_masses);
  sums.add(pairing, found);
  loss.cells = sums.cells();
  loss.fitted_gates = pairing.gates.colwise() + found.shift;
  loss.true_gates = pairing.true_gates;
  return loss;
}

/// The least of the losses of all mirrors, of the fit and of the truth: either may be the one that differs.
VoronoiLoss least_of_mirrors(const MixingMeasure& fitted, const MixingMeasure& truth,
                             const Eigen::MatrixXd& expert_distances, const LossOptions& options) {
  std::vector<MixingMeasure> fits{fitted};
  std::vector<MixingMeasure> truths{truth};
  for (std::vector<MixingMeasure>* measures : {&fits, &truths}) {
    if (measures->front().gates.cols() == 2) {
      measures->push_back(mirrored(measures->front()));
    }
  }
  std::optional<VoronoiLoss> least;
  std::optional<double> least_l2r;
  for (const MixingMeasure& fit : fits) {
    for (const MixingMeasure& one : truths) {
      VoronoiLoss loss = flat_loss(fit, one, expert_distances, false, options);
      if (loss.l2r) {
        least_l2r = std::min(loss.l2r.value(), least_l2r.value_or(*loss.l2r));
      }
      if (!least || loss.l1 < least->l1) {
        least = std::move(loss);
      }
    }
  }
  least->l2r = least_l2r;
  return *least;
}

/// Throws InputError unless the fit keeps all atoms in the cells of as many true atoms as the truth keeps:
/// else there are inputs where the fit leaves out a part of what is active in the truth.
void check_kept(const MixtureSpec& fitted, const MixtureSpec& truth, const std::vector<VoronoiCell>& cells) {
  if (fitted.num_experts <= truth.num_experts) {
    return;
  }
  std::vector<int> sizes;
  std::transform(cells.begin(), cells.end(), std::back_inserter(sizes),
                 [](const VoronoiCell& cell) { return static_cast<int>(cell.atoms.size()); });
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  const int num_kept = num_active(truth);
  const int needed = std::accumulate(sizes.begin(), sizes.begin() + num_kept, 0);
  if (num_active(fitted) < needed) {
    throw InputError(
        "the loss is not defined",
        fmt::format("gate.top_k is {} of the fit, and {} of its experts are in the cells of {} true ones, as "
                    "many as are active at one input",
                    num_active(fitted), needed, num_kept),
        fmt::format("Fit with --top-k {}, or with {} experts.", needed, truth.num_experts));
  }
}

}  // namespace

VoronoiLoss voronoi_loss(const Model& fitted, const Model& truth, const LossOptions& options) {
  constexpr double kLargestPower = 100;
  check_comparable(fitted, truth);
  if (options.power) {
    check_range("power", *options.power, 1, kLargestPower);
  }
  const MixingMeasure own = mixing_measure(fitted, options.coordinates);
  const MixingMeasure wanted = mixing_measure(truth, options.coordinates);
  const Eigen::MatrixXd distances = distances_of_experts(truth.spec, own, wanted);
  const GateSpec& gate = truth.spec.gate;
  VoronoiLoss loss =
      !wanted.group_sizes.empty() ? group_voronoi_loss(own, wanted, distances, options)
      : has_mirror(gate, options.coordinates)
          ? least_of_mirrors(own, wanted, distances, options)
          : flat_loss(own, wanted, distances, has_free_shift(gate, options.coordinates), options);
  if (options.coordinates == Coordinates::raw) {
    const double difference = std::abs(fitted.spec.gate.temperature.value - gate.temperature.value);
    loss.l1 += difference * loss.true_mass;
    if (loss.l2r) {
      *loss.l2r += std::pow(difference, *options.power) * loss.true_mass;
    }
  }
  if (!std::isfinite(loss.l1) || !std::isfinite(loss.l2r.value_or(0))) {
    throw InputError("the loss cannot be computed", "it is beyond the range of numbers",
                     "Look at the parameters of the fit: some are huge.");
  }
  check_kept(fitted.spec, truth.spec, loss.cells);
  return loss;
}

}  // namespace moest
