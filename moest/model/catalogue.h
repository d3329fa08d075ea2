// The catalogue of gates and experts: the one list that the fit, the files, the command line and the tests
// read.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "moest/data/array_dataset.h"
#include "moest/data/scaling.h"
#include "moest/model/cosine_gate.h"
#include "moest/model/dense_to_sparse_gate.h"
#include "moest/model/experts.h"
#include "moest/model/hierarchical_gate.h"
#include "moest/model/laplace_gate.h"
#include "moest/model/model.h"
#include "moest/model/perturbed_cosine_gate.h"
#include "moest/model/quadratic_gates.h"
#include "moest/model/sigmoid_gates.h"
#include "moest/model/softmax_gate.h"

namespace moest {

/// Every gate, a line each.
using GateKinds = std::tuple<  //
    SoftmaxGate,               //
    DenseToSparseGate,         //
    HierarchicalGate,          //
    CosineGate,                //
    PerturbedCosineGate,       //
    QuadraticGate,             //
    MonomialGate,              //
    SigmoidGate,               //
    NormalizedSigmoidGate,     //
    LaplaceGate>;

/// Every expert, a line each.
inline constexpr std::array kExpertKinds{
    kConstantExpert,    //
    kLinearExpert,      //
    kPolynomialExpert,  //
    kSigmoidExpert,     //
    kTanhExpert,        //
    kGeluExpert,        //
    kSiluExpert,        //
    kSoftplusExpert,    //
    kReluExpert,        //
    kFfnExpert,         //
};

/// Throws InputError for a kind that the catalogue lacks, with the list of those it has.
void check_gate_kind(std::string_view kind);
const ExpertKind& expert_kind(std::string_view kind);

/// What a legal specification's experts are made of.
ExpertForm expert_form(const ExpertSpec& spec);
ExpertPlaces expert_places(const MixtureSpec& spec);

std::vector<std::string> gate_names();
std::vector<std::string> expert_names();
const KindInfo& gate_info(std::string_view kind);

/// Calls f(Gate{}) with the type of the named gate. Throws InputError for an unknown kind.
template <std::size_t index = 0, class F>
auto visit_gate(std::string_view kind, F&& f) {
  using Gate = std::tuple_element_t<index, GateKinds>;
  if constexpr (index + 1 < std::tuple_size_v<GateKinds>) {
    if (kind != Gate::kInfo.name) {
      return visit_gate<index + 1>(kind, std::forward<F>(f));
    }
  } else {
    check_gate_kind(kind);
  }
  return std::forward<F>(f)(Gate{});
}

/// Whether the data determine the temperature: as the options say, or as the kind does where they are silent.
bool learns_temperature(const GateSpec& gate);

/// The link of the gate's scores, and what makes weights of them.
Link gate_link(const GateSpec& gate);
Combiner gate_combiner(const GateSpec& gate);
bool weights_sum_to_one(const GateSpec& gate);

/// Whether the score is r(v . z) / temperature + b, r the link or the identity, and not r(v . z + b).
bool gate_bias_is_outside(const GateSpec& gate);

/// Whether the gate's features are the inputs as they are.
bool gate_sees_inputs(const GateSpec& gate);

/// Numbers of a gate in the chart: as many as features, or fewer where v is a curved function of them.
int num_gate_coordinates(const MixtureSpec& spec);

/// v of a gate in the chart's coordinates.
template <class T>
std::vector<T> gate_slopes(const MixtureSpec& spec, const std::vector<T>& coordinates) {
  return visit_gate(spec.gate.kind, [&](auto gate) {
    if constexpr (!decltype(gate)::kIsCurved) {
      return coordinates;
    } else {
      std::vector<T> v(static_cast<std::size_t>(gate.num_features(spec.num_inputs)));
      gate.template slopes<T>(coordinates, v);
      return v;
    }
  });
}

/// The features z of the gate at one input x of d numbers, after the input map.
template <class T>
std::vector<T> gate_features(const MixtureSpec& spec, std::span<const T> x) {
  using std::tanh;
  std::vector<T> seen(x.begin(), x.end());
  if (spec.gate.input_map == "tanh") {
    for (T& value : seen) {
      value = tanh(value);
    }
  }
  return visit_gate(spec.gate.kind, [&](auto gate) {
    std::vector<T> z(static_cast<std::size_t>(gate.num_features(spec.num_inputs)));
    gate.template features<T>(spec.gate, seen, z);
    return z;
  });
}

/// A raw atom with its gate in the chart's coordinates, and the bias that stands beside v . z.
template <class T>
BasicAtom<T> atom_in_chart(const MixtureSpec& spec, const BasicAtom<T>& raw) {
  return visit_gate(spec.gate.kind, [&](auto gate) {
    BasicAtom<T> atom{raw.bias, std::vector<T>(static_cast<std::size_t>(num_gate_coordinates(spec))),
                      raw.expert};
    gate.template to_chart<T>(spec.gate, raw.gate, atom.gate);
    if (decltype(gate)::kBiasIsDivided) {
      atom.bias = atom.bias / T(spec.gate.temperature.value);
    }
    return atom;
  });
}

template <class T>
BasicMeasure<T> measure_in_chart(const MixtureSpec& spec, const BasicMeasure<T>& raw) {
  BasicMeasure<T> measure;
  for (const BasicAtom<T>& atom : raw.atoms) {
    measure.atoms.push_back(atom_in_chart(spec, atom));
  }
  for (const BasicAtom<T>& group : raw.groups) {
    measure.groups.push_back(atom_in_chart(spec, group));
  }
  return measure;
}

/// The raw atom of an atom in the chart's coordinates.
template <class T>
BasicAtom<T> atom_from_chart(const MixtureSpec& spec, const BasicAtom<T>& in_chart) {
  return visit_gate(spec.gate.kind, [&](auto gate) {
    BasicAtom<T> atom{in_chart.bias, std::vector<T>(static_cast<std::size_t>(num_gate_parameters(spec))),
                      in_chart.expert};
    gate.template to_raw<T>(spec.gate, in_chart.gate, atom.gate);
    if (decltype(gate)::kBiasIsDivided) {
      atom.bias = atom.bias * T(spec.gate.temperature.value);
    }
    return atom;
  });
}

/// Throws InputError for inputs (n x d) that, scaled, the gate has no score for, with their rows.
void check_inputs(const MixtureSpec& spec, const MatrixView& inputs, const std::optional<Scaling>& scaling);

/// Throws InputError when the specification is not a legal mixture: unknown kinds, k < 1, fewer inputs than
/// the gate needs, an option out of range, an option of another expert.
void check(const MixtureSpec& spec);

}  // namespace moest
