#include "moest/theory/mixing_measure.h"

#include <cmath>
#include <numbers>
#include <span>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// The gates of atoms or groups in the columns, and the logarithms of their masses.
void set_gates(const MixtureSpec& spec, const std::vector<Atom>& atoms, Coordinates coordinates,
               Eigen::MatrixXd& gates, Eigen::VectorXd& log_masses) {
  const bool with_bias = !has_masses(spec.gate);
  visit_gate(spec.gate.kind, [&](auto gate) {
    using Gate = decltype(gate);
    const double temperature = spec.gate.temperature.value;
    // Where the chart leaves the factor 1 / tau of a linear score to the kernel.
    const bool divides = Gate::link(spec.gate) == Link::identity && Gate::bias_is_outside(spec.gate);
    const int num_parameters = coordinates == Coordinates::raw && !atoms.empty()
                                   ? static_cast<int>(atoms.front().gate.size())
                                   : num_gate_coordinates(spec);
    const auto num_atoms = static_cast<Eigen::Index>(atoms.size());
    gates.resize(num_parameters + (with_bias ? 1 : 0), num_atoms);
    log_masses.setZero(num_atoms);
    for (Eigen::Index i = 0; i < num_atoms; ++i) {
      const Atom& atom = atoms[static_cast<std::size_t>(i)];
      const std::span<double> column(gates.col(i).data(), static_cast<std::size_t>(num_parameters));
      if (coordinates == Coordinates::raw) {
        std::copy(atom.gate.begin(), atom.gate.end(), column.begin());
      } else {
        Gate::template to_chart<double>(spec.gate, atom.gate, column);
        gates.col(i) /= divides ? temperature : 1.0;
      }
      for (int j = 0; j < num_parameters; ++j) {
        gates(j, i) *= Gate::counts_twice(j, spec.num_inputs) ? std::numbers::sqrt2 : 1.0;
      }
      if (with_bias) {
        gates(num_parameters, i) = atom.bias;
      } else {
        log_masses[i] = Gate::kBiasIsDivided ? atom.bias / temperature : atom.bias;
      }
    }
  });
}

}  // namespace

MixingMeasure mixing_measure(const Model& model, Coordinates coordinates) {
  MixingMeasure measure;
  set_gates(model.spec, model.atoms, coordinates, measure.gates, measure.log_masses);
  measure.experts.resize(num_expert_parameters(model.spec), static_cast<Eigen::Index>(model.atoms.size()));
  for (Eigen::Index i = 0; i < measure.experts.cols(); ++i) {
    const std::vector<double>& expert = model.atoms[static_cast<std::size_t>(i)].expert;
    std::copy(expert.begin(), expert.end(), measure.experts.col(i).begin());
  }
  if (has_groups(model.spec.gate)) {
    set_gates(model.spec, model.groups, coordinates, measure.group_gates, measure.group_log_masses);
    measure.group_sizes = group_sizes(model.spec);
  }
  return measure;
}

bool has_masses(const GateSpec& gate) {
  const Link link = gate_link(gate);
  return gate_combiner(gate) != Combiner::separate && link != Link::log_sigmoid;
}

bool has_free_shift(const GateSpec& gate, Coordinates coordinates) {
  const bool is_linear = coordinates == Coordinates::reduced ||
                         visit_gate(gate.kind, [](auto kind) { return decltype(kind)::kChartIsLinear; });
  return has_masses(gate) && gate_link(gate) == Link::identity && is_linear;
}

bool has_mirror(const GateSpec& gate, Coordinates coordinates) {
  const Link link = gate_link(gate);
  const bool is_odd = link == Link::identity || link == Link::tanh || link == Link::sigmoid;
  return gate_combiner(gate) == Combiner::softmax && is_odd && !has_free_shift(gate, coordinates);
}

MixingMeasure mirrored(MixingMeasure measure) {
  MOEST_EXPECT(measure.gates.cols() == 2);
  measure.gates = -measure.gates.rowwise().reverse().eval();
  return measure;
}

}  // namespace moest
