#include "moest/model/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "moest/base/error.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

template <class... Gates>
std::vector<const KindInfo*> infos_of(std::tuple<Gates...>*) {
  return {&Gates::kInfo...};
}

const std::vector<const KindInfo*>& gate_infos() {
  static const std::vector<const KindInfo*> kInfos = infos_of(static_cast<GateKinds*>(nullptr));
  return kInfos;
}

[[noreturn]] void refuse_kind(std::string_view what, std::string_view kind,
                              const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(kind, known);
  throw InputError(
      fmt::format("unknown {} `{}`", what, kind), fmt::format("known: {}", listed(known)),
      nearest.empty() ? fmt::format("Choose a known {}.", what) : fmt::format("Did you mean `{}`?", nearest));
}

// An option that does not belong to the kind must be at its default: no model file would keep it.
template <class Owner>
void check_belonging(const KindInfo& info, const Owner& owner, std::span<const Option<Owner>> options) {
  for (const Option<Owner>& option : options) {
    const bool belongs = info.has(option.name);
    const bool is_default =
        std::visit([&](auto member) { return owner.*member == Owner{}.*member; }, option.member);
    if (!belongs && !is_default) {
      throw InputError(
          fmt::format("the option {} does not belong to `{}`", option.name, info.name),
          info.options.empty() ? "it has none" : fmt::format("it has {}", fmt::join(info.options, ", ")),
          fmt::format("Leave out {}.", flag_name(option.name)));
    }
  }
}

}  // namespace

std::vector<std::string> gate_names() {
  std::vector<std::string> names;
  for (const KindInfo* info : gate_infos()) {
    names.emplace_back(info->name);
  }
  return names;
}

std::vector<std::string> expert_names() {
  std::vector<std::string> names;
  names.reserve(kExpertKinds.size());
  for (const ExpertKind& kind : kExpertKinds) {
    names.emplace_back(kind.info.name);
  }
  return names;
}

void check_gate_kind(std::string_view kind) { gate_info(kind); }

const KindInfo& gate_info(std::string_view kind) {
  for (const KindInfo* info : gate_infos()) {
    if (info->name == kind) {
      return *info;
    }
  }
  refuse_kind("gate", kind, gate_names());
}

const ExpertKind& expert_kind(std::string_view kind) {
  const auto* found = std::find_if(kExpertKinds.begin(), kExpertKinds.end(),
                                   [&](const ExpertKind& known) { return known.info.name == kind; });
  if (found == kExpertKinds.end()) {
    refuse_kind("expert", kind, expert_names());
  }
  return *found;
}

bool learns_temperature(const GateSpec& gate) {
  return gate.temperature.learned.value_or(
      visit_gate(gate.kind, [](auto kind) { return decltype(kind)::kLearnsUnlessGiven; }));
}

Link gate_link(const GateSpec& gate) {
  return visit_gate(gate.kind, [&](auto kind) { return kind.link(gate); });
}

bool gate_bias_is_outside(const GateSpec& gate) {
  return visit_gate(gate.kind, [&](auto kind) { return kind.bias_is_outside(gate); });
}

int num_gate_coordinates(const MixtureSpec& spec) {
  return visit_gate(spec.gate.kind, [&](auto gate) {
    if constexpr (decltype(gate)::kIsCurved) {
      return gate.num_coordinates(spec.num_inputs);
    } else {
      return gate.num_features(spec.num_inputs);
    }
  });
}

Combiner gate_combiner(const GateSpec& gate) {
  return visit_gate(gate.kind, [](auto kind) { return decltype(kind)::kCombiner; });
}

bool weights_sum_to_one(const GateSpec& gate) { return gate_combiner(gate) != Combiner::separate; }

bool gate_sees_inputs(const GateSpec& gate) {
  return gate.input_map == "identity" &&
         visit_gate(gate.kind, [](auto kind) { return decltype(kind)::kFeaturesAreInputs; });
}

void check_inputs(const MixtureSpec& spec, const MatrixView& inputs, const std::optional<Scaling>& scaling) {
  const bool needs_directions =
      visit_gate(spec.gate.kind, [](auto gate) { return decltype(gate)::kNeedsDirections; });
  if (!needs_directions) {
    return;
  }
  constexpr std::size_t kMostRows = 5;
  const auto is_zero = [&](Eigen::Index row) {
    for (Eigen::Index j = 0; j < inputs.cols(); ++j) {
      if (inputs(row, j) != (scaling ? scaling->inputs[static_cast<std::size_t>(j)].offset : 0.0)) {
        return false;
      }
    }
    return true;
  };
  std::vector<std::string> rows;
  for (Eigen::Index row = 0; row < inputs.rows() && rows.size() <= kMostRows; ++row) {
    if (is_zero(row)) {
      rows.push_back(rows.size() < kMostRows ? std::to_string(row + 1) : "..");
    }
  }
  if (!rows.empty()) {
    throw InputError(
        fmt::format("the {} gate cannot be used with these inputs", spec.gate.kind),
        fmt::format("all inputs are 0, after scaling if there is one, in sample {}", fmt::join(rows, ", ")),
        "Remove these samples, or take --gate perturbed_cosine, which is defined there.");
  }
}

ExpertShape network_shape(const ExpertSpec& spec) { return expert_kind(spec.activation).shape(spec); }

ExpertForm expert_form(const ExpertSpec& spec) {
  const ExpertKind& kind = expert_kind(spec.kind);
  if (kind.is_network) {
    return {kind.shape(spec), spec.hidden, kind.uses_inputs, true, true, true, true};
  }
  return {kind.shape(spec), 1, kind.uses_inputs, spec.bias, spec.output_weight, spec.output_offset};
}

ExpertPlaces expert_places(const MixtureSpec& spec) {
  return {expert_form(spec.expert), spec.num_inputs, spec.num_outputs};
}

void check(const MixtureSpec& spec) {
  const int min_inputs = visit_gate(spec.gate.kind, [](auto gate) { return decltype(gate)::kMinInputs; });
  check_belonging(expert_kind(spec.expert.kind).info, spec.expert, expert_options());
  if (spec.num_experts < 1) {
    throw InputError(fmt::format("a mixture of {} experts is not possible", spec.num_experts),
                     "the number of experts must be at least 1", "Give --experts a positive number.");
  }
  MOEST_EXPECT(spec.num_outputs >= 1);
  if (spec.num_inputs < min_inputs) {
    throw InputError(
        fmt::format("the {} gate cannot be used with {} input(s)", spec.gate.kind, spec.num_inputs),
        fmt::format("it needs at least {}", min_inputs), "Choose another gate or more inputs.");
  }
  check_options(spec.gate, gate_options());
  group_sizes(spec);
  if (spec.gate.top_k > spec.num_experts) {
    throw InputError(fmt::format("top_k = {} is out of range", spec.gate.top_k),
                     fmt::format("there are {} expert(s)", spec.num_experts),
                     "Give --top-k at most the number of experts, or 0 for all of them.");
  }
  const auto can_learn = [](const std::string& kind) {
    return visit_gate(kind, [](auto gate) { return decltype(gate)::kCanLearnTemperature; });
  };
  if (learns_temperature(spec.gate) && !can_learn(spec.gate.kind)) {
    std::vector<std::string> learners = gate_names();
    std::erase_if(learners, [&](const std::string& kind) { return !can_learn(kind); });
    throw InputError(fmt::format("the temperature of the {} gate cannot be learned", spec.gate.kind),
                     fmt::format("gates that learn it: {}", listed(learners)),
                     "Give --temperature a number.");
  }
  check_options(spec.expert, expert_options());
}

}  // namespace moest
