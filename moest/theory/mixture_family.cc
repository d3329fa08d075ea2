#include "moest/theory/mixture_family.h"

#include <algorithm>

#include "moest/model/catalogue.h"
#include "moest/model/model.h"

namespace moest {
namespace {

std::vector<std::string> numbered(int count) {
  std::vector<std::string> names;
  for (int j = 1; j <= count; ++j) {
    names.push_back(std::to_string(j));
  }
  return names;
}

Region::Shape region_shape(const GateSpec& gate) {
  return visit_gate(gate.kind, [&](auto kind) { return decltype(kind)::region(gate, 1).shape; });
}

}  // namespace

int MixtureFamily::num_expert_parameters() const {
  return formula ? static_cast<int>(formula->names().size()) - spec.num_inputs
                 : moest::num_expert_parameters(spec);
}

std::vector<std::string> MixtureFamily::expert_names() const {
  if (formula) {
    return {formula->names().begin() + spec.num_inputs, formula->names().end()};
  }
  return expert_parameter_names(spec, numbered(spec.num_inputs), numbered(spec.num_outputs));
}

std::vector<std::string> MixtureFamily::gate_names() const {
  return gate_parameter_names(spec, numbered(spec.num_inputs));
}

bool MixtureFamily::expert_has_kink() const {
  if (formula) {
    return formula->has_kink();
  }
  return activation ? activation->has_kink() : expert_form(spec.expert).shape.link == Link::relu;
}

std::string MixtureFamily::expert_title() const {
  if (formula) {
    return "expr: " + formula->text();
  }
  const std::string activation_title = activation ? "expr: " + activation->text() : "";
  if (expert_form(spec.expert).is_network) {
    return "ffn of " + (activation ? activation_title : spec.expert.activation);
  }
  return activation ? activation_title : spec.expert.kind;
}

bool is_on_sphere(const GateSpec& gate) { return region_shape(gate) == Region::Shape::sphere; }

bool is_in_ball(const GateSpec& gate) { return region_shape(gate) == Region::Shape::ball; }

bool temperature_is_unit(const GateSpec& gate) {
  return learns_temperature(gate) && !gate_bias_is_outside(gate);
}

bool has_gate_kink(const MixtureSpec& spec) {
  return spec.num_inputs == 1 && gate_link(spec.gate) == Link::negative_distance;
}

bool bias_is_divided(const MixtureSpec& spec) {
  return visit_gate(spec.gate.kind, [](auto gate) { return decltype(gate)::kBiasIsDivided; });
}

}  // namespace moest
