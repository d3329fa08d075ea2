#include "tests/theory/theory_models.h"

#include <cmath>
#include <numbers>

#include "moest/model/groups.h"
#include "moest/model/predict.h"

namespace moest {

GateSpec gate_of(const std::string& kind) {
  GateSpec gate;
  gate.kind = kind;
  return gate;
}

ExpertSpec expert_of(const std::string& kind) {
  ExpertSpec expert;
  expert.kind = kind;
  return expert;
}

Model random_model(const GateSpec& gate, const ExpertSpec& expert, int num_inputs, int num_experts,
                   Stream& stream, int num_outputs) {
  Model model;
  model.spec = {gate, expert, num_inputs, num_experts, num_outputs};
  for (int j = 1; j <= num_inputs; ++j) {
    model.inputs.push_back("x" + std::to_string(j));
  }
  for (int output = 0; output < num_outputs; ++output) {
    model.targets.push_back("y" + std::to_string(output));
  }
  const auto numbers = [&](int count) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) {
      value = stream.normal();
    }
    return values;
  };
  const auto atom = [&](int num_expert_numbers) {
    return Atom{stream.normal(), numbers(num_gate_parameters(model.spec)), numbers(num_expert_numbers)};
  };
  for (int i = 0; i < num_experts; ++i) {
    model.atoms.push_back(atom(num_expert_parameters(model.spec)));
  }
  for (std::size_t g = 0; g < group_sizes(model.spec).size(); ++g) {
    model.groups.push_back(atom(0));
  }
  check(model);
  return model;
}

Model permuted(const Model& model, const std::vector<int>& order) {
  Model result = model;
  for (std::size_t i = 0; i < order.size(); ++i) {
    result.atoms[i] = model.atoms[static_cast<std::size_t>(order[i])];
  }
  return result;
}

Model shifted(Model model, const Eigen::VectorXd& shift, double bias_shift) {
  for (Atom& atom : model.atoms) {
    atom.bias += bias_shift;
    for (std::size_t j = 0; j < atom.gate.size(); ++j) {
      atom.gate[j] += shift[static_cast<Eigen::Index>(j)];
    }
  }
  return model;
}

double largest_difference(const Model& a, const Model& b) {
  Stream stream(77, 0, "inputs");
  Eigen::MatrixXd inputs(50, a.spec.num_inputs);
  for (double& value : inputs.reshaped()) {
    value = stream.normal();
  }
  return (predict(a, inputs, 1).mean - predict(b, inputs, 1).mean).cwiseAbs().maxCoeff();
}

Model two_lines(const std::string& expert_kind) {
  Model model;
  model.spec = {gate_of("softmax"), expert_of(expert_kind), 1, 2, 1};
  model.inputs = {"x1"};
  model.targets = {"y0"};
  model.atoms = {{0, {1}, {2, 0.8}}, {0, {-1}, {-1, -0.6}}};
  return model;
}

Model doubled(const Model& model, double s) {
  Model result = model;
  result.atoms.clear();
  for (const Atom& atom : model.atoms) {
    for (const double sign : {1.0, -1.0}) {
      Atom& half = result.atoms.emplace_back(atom);
      half.bias -= std::numbers::ln2;
      half.gate.front() += sign * s;
    }
  }
  result.spec.num_experts *= 2;
  return result;
}

}  // namespace moest
