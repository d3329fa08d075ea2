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

int num_expert_parameters(const MixtureSpec& spec) { return expert_places(spec).size(); }

std::vector<std::string> expert_parameter_names(const MixtureSpec& spec,
                                                const std::vector<std::string>& inputs,
                                                const std::vector<std::string>& targets) {
  const ExpertForm form = expert_form(spec.expert);
  const ExpertPlaces places = expert_places(spec);
  std::vector<std::string> names(static_cast<std::size_t>(places.size()));
  const auto set = [&](int place, const std::string& name) {
    if (place >= 0) {
      names[static_cast<std::size_t>(place)] = name;
    }
  };
  for (int output = 0; output < spec.num_outputs; ++output) {
    const std::string of_target =
        spec.num_outputs > 1 ? " of " + targets[static_cast<std::size_t>(output)] : "";
    const std::string of_neuron = places.shares_neurons() ? "" : of_target;
    for (int m = 0; m < form.num_neurons; ++m) {
      const std::string number = form.is_network ? std::to_string(m + 1) : "";
      int next = places.inner(output, m);
      for (std::size_t j = 0; form.uses_inputs && j < inputs.size(); ++j) {
        set(next++, fmt::format("a{}_{}{}", number, inputs[j], of_neuron));
      }
      set(form.bias ? next : -1, "b" + number + of_neuron);
      set(places.weight(output, m), "c" + number + of_target);
    }
    set(places.offset(output), "c_0" + of_target);
  }
  return names;
}

void check(const Model& model) {
  check(model.spec);
  const auto expect_length = [](const std::string& path, std::size_t given, int wanted,
                                std::string_view what = "numbers") {
    if (given != static_cast<std::size_t>(wanted)) {
      throw InputError(fmt::format("{} has {} {}", path, given, what),
                       fmt::format("the rest of the model needs {}", wanted),
                       "Correct the list, or the gate, expert, inputs and target fields.");
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
  expect_length("target", model.targets.size(), model.spec.num_outputs, "entries");
  if (!model.noise_variance.empty()) {
    expect_length("noise_variance", model.noise_variance.size(), model.spec.num_outputs);
  }
  if (!model.target_ranges.empty()) {
    expect_length("target_ranges", model.target_ranges.size(), model.spec.num_outputs, "entries");
  }
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
    expect_length("scaling.targets", model.scaling->targets.size(), model.spec.num_outputs, "entries");
  }
}

}  // namespace moest
