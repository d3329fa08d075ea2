// A mixture of experts with its parameters, as saved, described and used for prediction.
#pragma once

#include <Eigen/Core>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/data/scaling.h"
#include "moest/model/specification.h"

namespace moest {

/// One atom of the mixing measure: an expert and its gate, in raw parameters of the arithmetic type T.
template <class T>
struct BasicAtom {
  T bias = T(0);          // b_i of the gate
  std::vector<T> gate;    // omega_i, d numbers
  std::vector<T> expert;  // a_1..a_d, b, output weight, output offset: those that the kind has; by output
};
using Atom = BasicAtom<double>;

/// The mixing measure: atoms and, where they come in groups, the gates of the groups, which are atoms without
/// an expert.
template <class T>
struct BasicMeasure {
  std::vector<BasicAtom<T>> atoms;   // k
  std::vector<BasicAtom<T>> groups;  // as many as group_sizes() has
};
using Measure = BasicMeasure<double>;

/// How sure the parameters of a fitted model are.
struct ParameterCovariance {
  Eigen::MatrixXd matrix;         // of the kernel's parameters (MixtureChart::kernel_parameters), symmetric
  double degrees_of_freedom = 0;  // of the residuals, by target
};

/// Where a target may lie, in its units; low <= high.
struct TargetRange {
  double low = 0;
  double high = 0;
};

/// A mixture of experts. The atoms act on scaled inputs and give the scaled targets when `scaling` is
/// present; everything a user sees is in the data's units.
struct Model {
  MixtureSpec spec;
  std::vector<std::string> inputs;     // d names, categorical levels as `column=level`
  std::vector<std::string> targets;    // as many as outputs
  std::vector<Atom> atoms;             // k
  std::vector<double> noise_variance;  // by target, in its squared units; empty where it is not known
  std::optional<Scaling> scaling;
  Categories categories;                      // levels of the categorical columns behind the inputs
  std::optional<nlohmann::ordered_json> fit;  // how the model was fitted, for the record
  std::vector<Atom> groups = {};              // the gates of groups of atoms, where there are any
  std::optional<ParameterCovariance> covariance = {};
  // By target: predictions beyond are taken as the nearest end (lines go on where the data end). Empty where
  // they are taken as they come.
  std::vector<TargetRange> target_ranges = {};

  Measure measure() const { return {atoms, groups}; }
};

/// Models of the same inputs and targets, whose predictions are averaged; at least one.
struct Ensemble {
  std::vector<Model> members;
  std::vector<double> weights = {};  // positive, one for each member; empty where all count the same
};

/// Length of Atom::gate and Atom::expert.
int num_gate_parameters(const MixtureSpec& spec);
int num_expert_parameters(const MixtureSpec& spec);

/// Names of a gate's parameters in the order of Atom::gate: "omega_<input>".
std::vector<std::string> gate_parameter_names(const MixtureSpec& spec,
                                              const std::vector<std::string>& inputs);
/// Names of an expert's parameters in the order of Atom::expert: "a_<input>", "b", "c", "c_0", with several
/// targets followed by " of <target>".
std::vector<std::string> expert_parameter_names(const MixtureSpec& spec,
                                                const std::vector<std::string>& inputs,
                                                const std::vector<std::string>& targets);

/// Throws InputError unless the specification is legal, every length fits it and every atom is finite.
void check(const Model& model);

}  // namespace moest
