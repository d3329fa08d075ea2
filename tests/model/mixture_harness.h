// The check that every gate and expert of the catalogue passes: values, derivatives, gauges and edge inputs,
// against formulas written a second time in long double.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "moest/base/random.h"
#include "moest/kernel/fused_pass.h"
#include "moest/model/chart.h"
#include "moest/model/model.h"
#include "moest/model/specification.h"

namespace moest {

using Real = long double;
using RealAtom = BasicAtom<Real>;
using RealMeasure = BasicMeasure<Real>;

/// Kinds of the catalogue without a formula in mixture_harness.cc; each message says what to add.
std::vector<std::string> kinds_without_reference(std::span<const std::string> gates,
                                                 std::span<const std::string> experts);

/// One gate and one expert, d in {1, 2, 8} (as the gate allows) and k in {1, 2, 5}: every setting of the
/// gate's options with the expert's defaults and the reverse. Settings are all switches, all words, the first
/// whole numbers, and one other value of all further numbers, learned where that is possible. Then the
/// defaults, and all settings of the expert, with two outputs.
std::vector<MixtureSpec> variants(const std::string& gate, const std::string& expert);
std::string describe(const MixtureSpec& spec);

/// Something to check at: theta well inside the regions of the chart and n rows of inputs from N(0, 1).
struct HarnessPoint {
  HarnessPoint(const MixtureSpec& spec, Eigen::Index num_rows, Stream& stream);

  MixtureChart chart;
  Eigen::VectorXd theta;
  Eigen::MatrixXd inputs;
};

/// The largest discrepancy of a check in units of its tolerance (above 1: wrong), and where it was. Not a
/// number counts as infinite.
struct Worst {
  double ratio = 0;
  std::string where = "nowhere";

  bool is_worse(Real difference, Real tolerance) const;
  void see(Real difference, Real tolerance, const std::string& place);
};

/// One output's f and h, and w, by the formulas, straight from raw atoms in scaled coordinates. Where there
/// are groups, the scores are the logarithms of the weights up to a common shift.
struct ReferenceValues {
  Real mean = 0;
  std::vector<Real> scores, weights, experts;
  std::vector<bool> kept;  // among the top_k largest scores
};
ReferenceValues reference_values(const MixtureSpec& spec, const RealMeasure& measure, std::span<const Real> x,
                                 int output = 0);

/// How large a rounding error can be at one sample. All of double's roundings on the way to f are relative
/// errors of C = 8 (d + k + 8) units eps, at most, of a score (magnitude S), an expert's argument or an
/// expert's value (magnitude H, the sum of the magnitudes of its terms); a score's error multiplies a weight
/// by 1 + error, and the weights sum to one. So f is off by at most eps C (1 + S) H, and a derivative, which
/// has a feature of magnitude Z as one more factor, by Z times that.
struct Magnitudes {
  Magnitudes(const MixtureSpec& spec, const RealMeasure& measure, std::span<const Real> x);

  Real value_tolerance() const;
  Real derivative_tolerance() const;

  Real roundings, score = 0, of_gate = 0, height = 0, feature = 1;
};

RealMeasure widened(const Measure& measure);

/// The measure in the chart's coordinates, and the factor 1 / temperature of the scores.
template <class T>
BasicMeasure<T> measure_at(const MixtureChart& chart, std::span<const T> theta) {
  const auto part = [&](int offset, int size) {
    const auto numbers = theta.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    return std::vector<T>(numbers.begin(), numbers.end());
  };
  BasicMeasure<T> measure;
  for (int i = 0; i < chart.num_gates(); ++i) {
    const int bias = chart.gate_offset(i) + chart.num_gate_coordinates();
    BasicAtom<T> atom{
        theta[static_cast<std::size_t>(bias)], part(chart.gate_offset(i), chart.num_gate_coordinates()), {}};
    if (i < chart.num_experts()) {
      atom.expert = part(chart.expert_offset(i), chart.num_expert_parameters());
    }
    (i < chart.num_experts() ? measure.atoms : measure.groups).push_back(std::move(atom));
  }
  return measure;
}
template <class T>
T factor_at(const MixtureChart& chart, std::span<const T> theta) {
  return chart.factor_offset() >= 0 ? theta[static_cast<std::size_t>(chart.factor_offset())]
                                    : T(1 / Real{chart.spec().gate.temperature.value});
}

/// All numbers of the atoms and groups: of each its bias, gate and expert. And back, with the lengths of
/// `like`.
std::vector<Real> flattened(const RealMeasure& measure);
template <class T>
BasicMeasure<T> unflattened(std::span<const T> numbers, const RealMeasure& like) {
  const auto take = [&](std::size_t size) {
    const auto first = numbers.first(size);
    numbers = numbers.subspan(size);
    return std::vector<T>(first.begin(), first.end());
  };
  const auto take_all = [&](const std::vector<RealAtom>& like_atoms) {
    std::vector<BasicAtom<T>> atoms;
    for (const RealAtom& atom : like_atoms) {
      BasicAtom<T> next{take(1).front(), {}, {}};
      next.gate = take(atom.gate.size());
      next.expert = take(atom.expert.size());
      atoms.push_back(std::move(next));
    }
    return atoms;
  };
  BasicMeasure<T> measure{take_all(like.atoms), {}};
  measure.groups = take_all(like.groups);
  return measure;
}

/// Kernel, mixture_value<double> and mixture_value<long double> against the reference, at raw atoms.
Worst value_discrepancy(const HarnessPoint& point);

/// What is checked by derivative_discrepancy, so that a test can plant an error.
using Linearise = std::function<void(const MixtureChart&, const SampleBlocks&, const Eigen::VectorXd& theta,
                                     NormalEquations& in_kernel, NormalEquations& in_theta)>;
void linearise(const MixtureChart& chart, const SampleBlocks& samples, const Eigen::VectorXd& theta,
               NormalEquations& in_kernel, NormalEquations& in_theta);

/// RSS, J'e and J'J of every row alone (e = 1, so that J'e is the row) and of sums over n = 1, 255, 256, 257
/// and 1000 samples, in kernel coordinates and in theta, against the automatic derivatives of
/// mixture_value<long double>; and these against its fourth-order central differences. Their step is h = 2e-4
/// / Z: h^4/30 times a fifth derivative (below 32 H Z^5), and 3 eps_long (1 + S) H / h of rounding, are below
/// a tenth of derivative_tolerance(). The samples repeat the point's rows; the targets differ.
Worst derivative_discrepancy(const HarnessPoint& point, const Linearise& linearise);

/// Automatic derivatives of f by the raw parameters against central differences, at the first inputs. What
/// they are off by is that of the chart's coordinates, in units of |omega| and of the temperature where these
/// are small: h = 1e-4 / Z times that unit.
Worst raw_derivative_discrepancy(const HarnessPoint& point);

/// f under a common shift of theta's gauges, a permutation of atoms, and theta -> atoms -> theta: relative to
/// the larger of |f| and the experts' magnitude, 1e-13 per unit 1 + S.
Worst gauge_discrepancy(const HarnessPoint& point, Stream& stream);

/// predict() at inputs and parameters from 0 to 1e200, signs and sizes mixed, where every score and expert is
/// finite; the mean and experts against the reference, weights >= 0 and, where they must, summing to 1; no
/// NaN in the normal equations.
Worst extreme_discrepancy(const MixtureSpec& spec, Stream& stream);

}  // namespace moest
