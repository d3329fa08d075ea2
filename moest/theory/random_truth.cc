#include "moest/theory/random_truth.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/theory/input_box.h"

namespace moest {
namespace {

/// Of a size in [low, high], and of either sign.
double of_size(double low, double high, Stream& stream) {
  const double size = stream.uniform(low, high);
  return stream.uniform() < 0.5 ? -size : size;
}

/// Numbers of a gate; those that multiply products of inputs are smaller.
std::vector<double> gate_numbers(const MixtureFamily& family, Stream& stream) {
  std::vector<double> numbers;
  for (const std::string& name : family.gate_names()) {
    const bool is_of_products = name.starts_with(kMatrixPrefix);
    numbers.push_back(is_of_products ? of_size(0.1, 0.5, stream) : of_size(0.5, 1.5, stream));
  }
  return numbers;
}

/// Whether a gate differs from those before it by more than sampling could miss.
bool is_apart(const std::vector<double>& gate, const std::vector<Atom>& atoms) {
  constexpr double kLeastDistance = 0.3;
  return std::ranges::all_of(atoms, [&](const Atom& other) {
    double distance = 0;
    for (std::size_t j = 0; j < gate.size(); ++j) {
      distance = std::max(distance, std::abs(gate[j] - other.gate[j]));
    }
    return distance > kLeastDistance;
  });
}

/// A gate that is apart from others, if a few tries find one.
std::vector<double> new_gate(const MixtureFamily& family, const std::vector<Atom>& atoms, Stream& stream) {
  constexpr int kTries = 50;
  std::vector<double> gate = gate_numbers(family, stream);
  for (int i = 0; i < kTries && !is_apart(gate, atoms); ++i) {
    gate = gate_numbers(family, stream);
  }
  return gate;
}

bool is_finite_over_box(const Truth& truth, double half_width, Stream& stream) {
  constexpr int kPoints = 200;
  const Eigen::MatrixXd inputs = inputs_in_box(kPoints, truth.family.spec.num_inputs, half_width, stream);
  for (const auto& row : inputs.rowwise()) {
    const std::vector<double> x(row.begin(), row.end());
    for (const Atom& atom : truth.measure.atoms) {
      if (!std::isfinite(family_expert<double>(truth.family, atom.expert, x, 0))) {
        return false;
      }
    }
  }
  return true;
}

/// Whether each half of a hinge is a good part of the box; all other experts are well drawn.
bool is_well_drawn(const MixtureFamily& family, const std::vector<double>& expert, double half_width,
                   Stream& stream) {
  if (family.formula || family.activation || expert_form(family.spec.expert).is_network ||
      !family.expert_has_kink()) {
    return true;
  }
  constexpr int kPoints = 100;
  std::vector<double> values;
  const Eigen::MatrixXd inputs = inputs_in_box(kPoints, family.spec.num_inputs, half_width, stream);
  for (const auto& row : inputs.rowwise()) {
    const std::vector<double> x(row.begin(), row.end());
    values.push_back(family_expert<double>(family, expert, x, 0));
  }
  constexpr int kLeastShare = kPoints / 5;
  const auto [low, high] = std::ranges::minmax(values);
  const auto flat = std::max(std::ranges::count(values, low), std::ranges::count(values, high));
  return kLeastShare <= flat && flat <= kPoints - kLeastShare;
}

std::vector<double> new_expert(const MixtureFamily& family, double half_width, Stream& stream) {
  constexpr int kTries = 50;
  std::vector<double> expert;
  for (int i = 0; i < kTries && (i == 0 || !is_well_drawn(family, expert, half_width, stream)); ++i) {
    expert.clear();
    for (int p = 0; p < family.num_expert_parameters(); ++p) {
      expert.push_back(of_size(0.4, 1.4, stream));
    }
  }
  return expert;
}

}  // namespace

Truth random_truth(const MixtureFamily& family, double half_width, Stream& stream) {
  Truth truth{family, {}};
  const MixtureSpec& spec = family.spec;
  if (learns_temperature(spec.gate)) {
    truth.family.spec.gate.temperature.value = stream.uniform(0.6, 0.9);
  }
  for (int i = 0; i < spec.num_experts; ++i) {
    Atom atom{stream.uniform(-0.5, 0.5), new_gate(family, truth.measure.atoms, stream), {}};
    atom.expert = new_expert(family, half_width, stream);
    truth.measure.atoms.push_back(atom);
  }
  for (std::size_t g = 0; g < group_sizes(spec).size(); ++g) {
    truth.measure.groups.push_back(
        {stream.uniform(-0.5, 0.5), new_gate(family, truth.measure.groups, stream), {}});
  }
  if (family.formula && !is_finite_over_box(truth, half_width, stream)) {
    for (Atom& atom : truth.measure.atoms) {
      for (double& value : atom.expert) {
        value = std::abs(value);
      }
    }
    if (!is_finite_over_box(truth, half_width, stream)) {
      throw InputError(
          "the expert's formula is not finite over the box of inputs",
          "its parameters were drawn between 0.4 and 1.4",
          "Choose another --half-width, or write the formula so that its logarithms and roots exist.");
    }
  }
  return truth;
}

}  // namespace moest
