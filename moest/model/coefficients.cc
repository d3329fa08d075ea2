#include "moest/model/coefficients.h"

#include <algorithm>
#include <span>

#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// a . z + b with z_j = (x_j - offset_j) / scale_j, as slopes and constant in x. `values`: a_1..a_d, then b.
void unscale_inputs(std::span<double> values, const std::vector<Affine>& inputs) {
  double& constant = values.back();
  for (std::size_t j = 0; j + 1 < values.size(); ++j) {
    values[j] /= inputs[j].scale;
    constant -= values[j] * inputs[j].offset;
  }
}

std::vector<Coefficient> named(const std::vector<std::string>& names, const std::vector<double>& values,
                               Coefficient::Part part, int index, bool is_scaled) {
  std::vector<Coefficient> result;
  result.reserve(names.size());
  for (std::size_t j = 0; j < names.size(); ++j) {
    result.push_back({part, index, names[j], values[j], is_scaled});
  }
  return result;
}

std::vector<Coefficient> of_gate(const Model& model, const Atom& atom, Coefficient::Part part, int index) {
  std::vector<std::string> names = gate_parameter_names(model.spec, model.inputs);
  names.emplace_back("bias");
  std::vector<double> values = atom.gate;
  values.push_back(atom.bias);
  const bool unscales = gate_unscales(model);
  if (model.scaling && unscales) {
    unscale_inputs(values, model.scaling->inputs);
  }
  return named(names, values, part, index, model.scaling && !unscales);
}

}  // namespace

bool gate_unscales(const Model& model) {
  return model.spec.gate.input_map == "identity" && !gate_bias_is_outside(model.spec.gate) &&
         visit_gate(model.spec.gate.kind, [](auto gate) { return decltype(gate)::kScoreIsAffine; });
}

bool expert_unscales(const Model& model) {
  const ExpertForm form = expert_form(model.spec.expert);
  return form.shape.link == Link::identity && form.bias &&
         (weights_sum_to_one(model.spec.gate) || !model.scaling ||
          std::all_of(model.scaling->targets.begin(), model.scaling->targets.end(),
                      [](const Affine& target) { return target.offset == 0; }));
}

std::string_view name_of(Coefficient::Part part) {
  switch (part) {
    case Coefficient::Part::gate:
      return "gate";
    case Coefficient::Part::group:
      return "group";
    case Coefficient::Part::expert:
      break;
  }
  return "expert";
}

std::vector<Coefficient> gate_coefficients(const Model& model, int atom) {
  return of_gate(model, model.atoms[static_cast<std::size_t>(atom)], Coefficient::Part::gate, atom);
}

std::vector<Coefficient> group_coefficients(const Model& model, int group) {
  return of_gate(model, model.groups[static_cast<std::size_t>(group)], Coefficient::Part::group, group);
}

std::vector<Coefficient> expert_coefficients(const Model& model, int atom) {
  std::vector<double> values = model.atoms[static_cast<std::size_t>(atom)].expert;
  const bool unscales = expert_unscales(model);
  if (model.scaling && unscales) {
    std::span<double> rest(values);
    for (const Affine& target : model.scaling->targets) {
      const std::span<double> own = rest.first(values.size() / model.targets.size());
      unscale_inputs(own, model.scaling->inputs);
      for (double& value : own) {
        value *= target.scale;
      }
      own.back() += target.offset;
      rest = rest.subspan(own.size());
    }
  }
  return named(expert_parameter_names(model.spec, model.inputs, model.targets), values,
               Coefficient::Part::expert, atom, model.scaling && !unscales);
}

std::vector<Coefficient> coefficients(const Model& model) {
  std::vector<Coefficient> all;
  const auto add = [&](const std::vector<Coefficient>& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
  const int k = model.spec.num_experts;
  std::vector<int> sizes = group_sizes(model.spec);
  const auto num_groups = static_cast<int>(sizes.size());
  if (sizes.empty()) {
    sizes.push_back(weights_sum_to_one(model.spec.gate) ? k : std::max(k, 2));
  }
  int atom = 0;
  for (const int size : sizes) {
    for (int last = std::min(k, atom + size); atom < last; ++atom) {
      if (size > 1) {
        add(gate_coefficients(model, atom));
      }
    }
  }
  for (int group = 0; num_groups > 1 && group < num_groups; ++group) {
    add(group_coefficients(model, group));
  }
  for (int i = 0; i < k; ++i) {
    add(expert_coefficients(model, i));
  }
  return all;
}

Eigen::VectorXd coefficient_values(const Model& model) {
  const std::vector<Coefficient> all = coefficients(model);
  Eigen::VectorXd values(static_cast<Eigen::Index>(all.size()));
  std::transform(all.begin(), all.end(), values.begin(), [](const Coefficient& c) { return c.value; });
  return values;
}

}  // namespace moest
