#include "moest/theory/prediction.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/theory/criterion.h"
#include "moest/theory/gauges.h"

namespace moest {
namespace {

constexpr int kNumInputs = 4000;

/// Multiplies the columns of each cell by its mass: those of Phi become df/db, up to the bias's unit.
void weigh(const LocalFunctions<double>& functions, double bias_unit, Eigen::MatrixXd& first) {
  Eigen::Index column = 0;
  for (std::size_t j = 0; j < functions.cells().size(); ++j) {
    if (functions.has_masses()) {
      first.col(column++) *= functions.masses()[j] / bias_unit;
    }
    first.middleCols(column, functions.cells()[j].num_first) *= functions.masses()[j];
    column += functions.cells()[j].num_first;
  }
}

/// The least value of x'Hx over x = svec(M), M >= 0 and tr M = 1, by conditional gradients with exact line
/// search: a convex problem whose linear subproblem is a smallest eigenvector.
double least_over_spectrahedron(const Eigen::MatrixXd& h, Eigen::Index size) {
  const auto packed = [&](const Eigen::MatrixXd& m) {
    Eigen::VectorXd x(size * (size + 1) / 2);
    for (Eigen::Index u = 0, at = 0; u < size; ++u) {
      for (Eigen::Index v = 0; v <= u; ++v, ++at) {
        x[at] = (u == v ? 1 : 2) * m(u, v);
      }
    }
    return x;
  };
  Eigen::Index best = 0;
  for (Eigen::Index u = 1; u < size; ++u) {
    best = h(u * (u + 3) / 2, u * (u + 3) / 2) < h(best * (best + 3) / 2, best * (best + 3) / 2) ? u : best;
  }
  Eigen::MatrixXd m = Eigen::VectorXd::Unit(size, best).asDiagonal();
  constexpr int kSteps = 2000;
  double value = 0;
  for (int step = 0; step < kSteps; ++step) {
    const Eigen::VectorXd x = packed(m);
    const Eigen::VectorXd hx = h * x;
    value = x.dot(hx);
    Eigen::MatrixXd gradient(size, size);
    for (Eigen::Index u = 0, at = 0; u < size; ++u) {
      for (Eigen::Index v = 0; v <= u; ++v, ++at) {
        gradient(u, v) = gradient(v, u) = hx[at];
      }
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(gradient);
    const Eigen::VectorXd v = eigen.eigenvectors().col(0);
    const Eigen::VectorXd move = packed(v * v.transpose()) - x;
    const double slope = move.dot(hx);
    const double curvature = move.dot(h * move);
    if (-slope <= 1e-9 * value || curvature <= 0) {
      break;
    }
    m += std::min(1.0, -slope / curvature) * (v * v.transpose() - m);
  }
  return value;
}

/// What the columns are without their projection on the range of `first`.
Eigen::MatrixXd without_first_order(const Eigen::MatrixXd& first, const Eigen::MatrixXd& columns,
                                    int nullity) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(first.transpose() * first);
  const Eigen::Index rank = first.cols() - nullity;
  const Eigen::MatrixXd range =
      first * (eigen.eigenvectors().rightCols(rank) *
               eigen.eigenvalues().tail(rank).cwiseSqrt().cwiseInverse().asDiagonal());
  return columns - range * (range.transpose() * columns);
}

}  // namespace

PredictedErrors predicted_errors(const Truth& truth, double n, double noise, const InputDistribution& inputs,
                                 std::uint64_t seed) {
  MOEST_EXPECT(n > 0 && noise > 0 && truth.family.spec.num_outputs == 1);
  const MixtureSpec& spec = truth.family.spec;
  Stream stream(seed, 0, "predicted errors");
  const LocalFunctions<double> functions(truth, Coordinates::reduced);
  SampledFunctions<double> samples =
      sampled(functions, draw_inputs(inputs, kNumInputs, spec.num_inputs, stream), 0);
  weigh(functions, bias_is_divided(spec) ? spec.gate.temperature.value : 1, samples.first);
  const Eigen::MatrixXd information = samples.first.transpose() * samples.first / kNumInputs;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(information);
  const int nullity = gauge_dimension(spec, Coordinates::reduced);
  const Eigen::Index rank = information.cols() - nullity;
  const Eigen::MatrixXd factor =
      eigen.eigenvectors().rightCols(rank) *
      eigen.eigenvalues().tail(rank).cwiseMax(1e-300).cwiseSqrt().cwiseInverse().asDiagonal();
  const Eigen::VectorXd errors = factor.rowwise().norm() * noise / std::sqrt(n);

  PredictedErrors result;
  Eigen::Index column = 0;
  const auto add = [&](const Cell& cell, const std::string& parameter) {
    result.parameters.push_back({cell.index, cell.kind == Cell::Kind::group, parameter, errors[column++]});
  };
  for (std::size_t j = 0; j < functions.cells().size(); ++j) {
    const Cell& cell = functions.cells()[j];
    if (functions.has_masses()) {
      add(cell, "b_0");
    }
    for (int u = 0; u < cell.num_first; ++u) {
      add(cell, cell.names[static_cast<std::size_t>(u)]);
    }
    if (functions.has_masses() && cell.kind == Cell::Kind::atom) {
      const Eigen::MatrixXd rest =
          without_first_order(samples.first, samples.second[j] * functions.masses()[j], nullity) /
          std::sqrt(static_cast<double>(kNumInputs));
      const Eigen::MatrixXd h = rest.transpose() * rest;
      const double c =
          std::sqrt(std::max(0.0, least_over_spectrahedron(h, static_cast<Eigen::Index>(cell.at.size()))));
      constexpr double kNegligible = 1e-6;  // of the largest, which is what rounding leaves
      const bool is_identified = c > kNegligible * std::sqrt(h.diagonal().maxCoeff());
      result.splits.push_back({cell.index, is_identified ? std::sqrt(noise / (c * std::sqrt(n))) : 0.0});
    }
  }
  if (functions.shares_temperature()) {
    result.parameters.push_back({-1, false, "tau", errors[column]});
  }
  return result;
}

void check_mergeable(const MixtureSpec& spec, int first, int second) {
  const int k = spec.num_experts;
  if (has_groups(spec.gate)) {
    throw InputError("--merge-gates takes no groups", "the gates of a hierarchical mixture lie on two levels",
                     "Choose another gate.");
  }
  if (first == second || std::min(first, second) < 0 || std::max(first, second) >= k) {
    throw InputError(fmt::format("--merge-gates {},{} cannot be used", first + 1, second + 1),
                     fmt::format("two different experts of 1 to {} are needed", k),
                     "For example --merge-gates 1,2.");
  }
}

Merging merge_gates(const Truth& truth, int first, int second, double half_width, std::uint64_t seed) {
  check_mergeable(truth.family.spec, first, second);
  Truth merged = truth;
  const std::vector<double>& to = truth.measure.atoms[static_cast<std::size_t>(first)].gate;
  const std::vector<double>& from = truth.measure.atoms[static_cast<std::size_t>(second)].gate;
  std::vector<double>& moving = merged.measure.atoms[static_cast<std::size_t>(second)].gate;
  double length = 0;
  for (std::size_t p = 0; p < to.size(); ++p) {
    length = std::hypot(length, from[p] - to[p]);
  }
  if (!(length > 0)) {
    throw InputError("the two gates are equal", "they have no direction in which to come apart",
                     "Change one of them in the model.");
  }
  Merging merging;
  constexpr int kPoints = 7;
  for (int i = 1; i <= kPoints; ++i) {
    const double s = std::ldexp(1.0, -i);
    for (std::size_t p = 0; p < to.size(); ++p) {
      moving[p] = to[p] + s * (from[p] - to[p]) / length;
    }
    Stream stream(seed, 0, "merging gates");
    const LocalFunctions<Wide> functions(merged, Coordinates::reduced);
    const Criterion criterion(functions, merged, 1, half_width, 0, stream);
    merging.points.push_back({s, static_cast<double>(criterion.first_order().smallest_non_null)});
  }
  const MergingPoint& last = merging.points.back();
  const MergingPoint& before = merging.points[merging.points.size() - 2];
  merging.exponent = std::log2(before.singular_value / last.singular_value);
  return merging;
}

}  // namespace moest
