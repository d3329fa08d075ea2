#include "moest/model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {

int num_gate_parameters(const MixtureSpec& spec) {
  const std::vector<std::string> inputs(static_cast<std::size_t>(spec.num_inputs));
  return static_cast<int>(gate_parameter_names(spec, inputs).size());
}

std::vector<std::string> gate_parameter_names(const MixtureSpec& spec,
                                              const std::vector<std::string>& inputs) {
  return visit_gate(spec.gate.kind, [&](auto gate) { return gate.raw_names(inputs); });
}

int num_expert_parameters(const MixtureSpec& spec) { return expert_form(spec.expert).size(spec.num_inputs); }

std::vector<std::string> expert_parameter_names(const MixtureSpec& spec,
                                                const std::vector<std::string>& inputs) {
  const ExpertForm form = expert_form(spec.expert);
  const bool is_network = expert_kind(spec.expert.kind).is_network;
  std::vector<std::string> names;
  for (int m = 1; m <= form.num_neurons; ++m) {
    const std::string number = is_network ? std::to_string(m) : "";
    for (std::size_t j = 0; form.uses_inputs && j < inputs.size(); ++j) {
      names.push_back(fmt::format("a{}_{}", number, inputs[j]));
    }
    if (form.bias) {
      names.push_back("b" + number);
    }
    if (form.weight) {
      names.push_back("c" + number);
    }
  }
  if (form.offset) {
    names.emplace_back("c_0");
  }
  return names;
}

void check(const Model& model) {
  check(model.spec);
  const auto expect_length = [](const std::string& path, std::size_t given, int wanted,
                                std::string_view what = "numbers") {
    if (given != static_cast<std::size_t>(wanted)) {
      throw InputError(fmt::format("{} has {} {}", path, given, what),
                       fmt::format("this gate, expert and number of inputs need {}", wanted),
                       "Correct the list or the gate, expert and inputs fields.");
    }
  };
  const auto expect_finite = [](const std::string& path, std::span<const double> numbers) {
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      if (!std::isfinite(numbers[j])) {
        throw InputError(fmt::format("{}[{}] = {} cannot be used", path, j, numbers[j]),
                         "it must be a finite number", "Correct the number.");
      }
    }
  };
  expect_length("inputs", model.inputs.size(), model.spec.num_inputs, "entries");
  expect_length("atoms", model.atoms.size(), model.spec.num_experts, "entries");
  expect_length("groups", model.groups.size(), static_cast<int>(group_sizes(model.spec).size()), "entries");
  const auto check_atom = [&](const std::string& path, const Atom& atom, int num_expert_parameters) {
    expect_length(path + ".gate", atom.gate.size(), num_gate_parameters(model.spec));
    expect_length(path + ".expert", atom.expert.size(), num_expert_parameters);
    expect_finite(path + ".bias", {&atom.bias, 1});
    expect_finite(path + ".gate", atom.gate);
    expect_finite(path + ".expert", atom.expert);
  };
  for (std::size_t i = 0; i < model.atoms.size(); ++i) {
    check_atom(fmt::format("atoms[{}]", i), model.atoms[i], num_expert_parameters(model.spec));
  }
  for (std::size_t g = 0; g < model.groups.size(); ++g) {
    check_atom(fmt::format("groups[{}]", g), model.groups[g], 0);
  }
  const bool needs_directions =
      visit_gate(model.spec.gate.kind, [](auto gate) { return decltype(gate)::kNeedsDirections; });
  for (std::size_t i = 0; needs_directions && i < model.atoms.size(); ++i) {
    const std::vector<double>& gate = model.atoms[i].gate;
    if (std::all_of(gate.begin(), gate.end(), [](double value) { return value == 0; })) {
      throw InputError(
          fmt::format("atoms[{}].gate cannot be used", i),
          fmt::format("all its numbers are 0, and the {} gate needs a direction", model.spec.gate.kind),
          "Give one of them another value.");
    }
  }
  if (model.scaling) {
    expect_length("scaling.inputs", model.scaling->inputs.size(), model.spec.num_inputs, "entries");
    expect_length("scaling.targets", model.scaling->targets.size(), 1, "entries");
  }
}

}  // namespace moest
