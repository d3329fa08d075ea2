#include "moest/theory/random_truth.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// Of a size in [low, high], and of either sign.
double of_size(double low, double high, Stream& stream) {
  const double size = stream.uniform(low, high);
  return stream.uniform() < 0.5 ? -size : size;
}

std::vector<double> random_input(int num_inputs, double half_width, Stream& stream) {
  std::vector<double> x(static_cast<std::size_t>(num_inputs));
  for (double& value : x) {
    value = stream.uniform(-half_width, half_width);
  }
  return x;
}

std::vector<double> gate_numbers(const MixtureSpec& spec, Stream& stream) {
  std::vector<double> numbers(static_cast<std::size_t>(num_gate_parameters(spec)));
  const std::size_t matrix = spec.gate.kind == "quadratic" || spec.gate.kind == "monomial"
                                 ? static_cast<std::size_t>(spec.num_inputs * (spec.num_inputs + 1) / 2)
                                 : 0;
  for (std::size_t j = 0; j < numbers.size(); ++j) {
    numbers[j] = j < matrix ? of_size(0.1, 0.5, stream) : of_size(0.5, 1.5, stream);
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
std::vector<double> new_gate(const MixtureSpec& spec, const std::vector<Atom>& atoms, Stream& stream) {
  constexpr int kTries = 50;
  std::vector<double> gate = gate_numbers(spec, stream);
  for (int i = 0; i < kTries && !is_apart(gate, atoms); ++i) {
    gate = gate_numbers(spec, stream);
  }
  return gate;
}

bool is_finite_over_box(const Truth& truth, double half_width, Stream& stream) {
  constexpr int kPoints = 200;
  const Truth& t = truth;
  for (int m = 0; m < kPoints; ++m) {
    const std::vector<double> x = random_input(t.family.spec.num_inputs, half_width, stream);
    for (const Atom& atom : t.measure.atoms) {
      if (!std::isfinite(family_expert<double>(t.family, atom.expert, x, 0))) {
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
  for (int m = 0; m < kPoints; ++m) {
    const std::vector<double> x = random_input(family.spec.num_inputs, half_width, stream);
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
    Atom atom{stream.uniform(-0.5, 0.5), new_gate(spec, truth.measure.atoms, stream), {}};
    atom.expert = new_expert(family, half_width, stream);
    truth.measure.atoms.push_back(atom);
  }
  for (std::size_t g = 0; g < group_sizes(spec).size(); ++g) {
    truth.measure.groups.push_back(
        {stream.uniform(-0.5, 0.5), new_gate(spec, truth.measure.groups, stream), {}});
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
