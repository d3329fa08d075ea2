// Mixtures whose identifiability can be asked: those of the catalogue, and others with a user's experts.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/model/mixture_value.h"
#include "moest/model/specification.h"
#include "moest/theory/expression.h"
#include "moest/theory/mixing_measure.h"

namespace moest {

/// How the names of gate parameters begin that multiply products of inputs, A_1_2 say.
inline constexpr std::string_view kMatrixPrefix = "A_";

/// A gate of the catalogue with experts of the catalogue, with a formula in place of their link, or with a
/// formula in place of the whole expert.
struct MixtureFamily {
  MixtureSpec spec;
  std::optional<Expression> activation = {};  // phi(t), of the variable t
  std::optional<Expression> formula = {};     // h(x; eta), of x1..xd and then the parameters; one output

  int num_expert_parameters() const;
  /// "a_1", "b", "c", .., as models have them with inputs called 1..d.
  std::vector<std::string> expert_names() const;
  std::vector<std::string> gate_names() const;
  /// Whether second derivatives at sample points miss what happens at a kink of the expert.
  bool expert_has_kink() const;
  /// "tanh", "expr: t/(1+exp(-t))".
  std::string expert_title() const;
};

/// An output of h(x; eta).
template <class T>
T family_expert(const MixtureFamily& family, std::span<const T> expert, std::span<const T> x, int output) {
  if (family.formula) {
    std::vector<T> values(x.begin(), x.end());
    values.insert(values.end(), expert.begin(), expert.end());
    return (*family.formula)(std::span<const T>(values));
  }
  if (family.activation) {
    return expert_value<T>(family.spec, expert, x, output,
                           [&](const T& t) { return (*family.activation)(std::span<const T>(&t, 1)); });
  }
  return expert_value<T>(family.spec, expert, x, output);
}

/// Whether the chart's slopes lie on a sphere, or in a ball, in place of a box.
bool is_on_sphere(const GateSpec& gate);
bool is_in_ball(const GateSpec& gate);

/// Whether the temperature is learned and only the unit of other parameters: reduced coordinates forget it.
bool temperature_is_unit(const GateSpec& gate);

/// Whether the gate divides the bias by the temperature, too.
bool bias_is_divided(const MixtureSpec& spec);

/// Whether scores have kinks at the gates' own places, which derivatives at sample points miss: |omega - x|
/// with one input.
bool has_gate_kink(const MixtureSpec& spec);

/// The score of a raw gate at the features z = gate_features(spec, x), with a temperature of the same type.
template <class T>
T gate_score(const MixtureSpec& spec, const std::vector<T>& gate, const T& bias, const T& temperature,
             std::span<const T> z) {
  MixtureSpec unit = spec;
  unit.gate.temperature = {1.0, false};
  if (!has_masses(spec.gate)) {
    return score_in_chart<T>(unit, atom_in_chart<T>(unit, {bias, gate, {}}), z, T(1));
  }
  const T score = score_in_chart<T>(unit, atom_in_chart<T>(unit, {T(0), gate, {}}), z, T(1)) / temperature;
  return score + (bias_is_divided(spec) ? bias / temperature : bias);
}

/// An output of f(x) for a raw measure.
template <class T>
T family_value(const MixtureFamily& family, const BasicMeasure<T>& measure, const T& temperature,
               std::span<const T> x, int output) {
  const std::vector<T> z = gate_features<T>(family.spec, x);
  const auto scores_of = [&](const std::vector<BasicAtom<T>>& atoms) {
    std::vector<T> scores;
    scores.reserve(atoms.size());
    for (const BasicAtom<T>& atom : atoms) {
      scores.push_back(gate_score<T>(family.spec, atom.gate, atom.bias, temperature, z));
    }
    return scores;
  };
  const std::vector<T> weights =
      weights_of_scores<T>(family.spec, scores_of(measure.atoms), scores_of(measure.groups));
  T value = T(0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    value = value + weights[i] * family_expert<T>(family, measure.atoms[i].expert, x, output);
  }
  return value;
}

}  // namespace moest
