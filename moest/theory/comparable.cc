#include "moest/theory/comparable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/theory/mixing_measure.h"

namespace moest {
namespace {

constexpr std::string_view kProblem = "the models cannot be compared";

[[noreturn]] void refuse(std::string_view field, std::string_view of_fit, std::string_view of_truth,
                         std::string_view suggestion) {
  throw InputError(kProblem, fmt::format("{} is {} of the fit and {} of the truth", field, of_fit, of_truth),
                   suggestion);
}

void check_kind(std::string_view part, std::string_view of_fit, std::string_view of_truth) {
  if (of_fit != of_truth) {
    refuse(fmt::format("{}.kind", part), of_fit, of_truth,
           fmt::format("Fit with --{} {}, or take another truth.", part, of_truth));
  }
}

/// The options that belong to the kind, but for those that have rules of their own.
template <class Owner>
void check_options_equal(std::string_view part, const KindInfo& info, std::span<const Option<Owner>> options,
                         const Owner& fitted, const Owner& truth) {
  static constexpr std::array<std::string_view, 3> kOwnRules{"top_k", "groups", "temperature"};
  for (const Option<Owner>& option : options) {
    const bool has_own_rule = std::find(kOwnRules.begin(), kOwnRules.end(), option.name) != kOwnRules.end();
    const bool is_equal =
        std::visit([&](auto member) { return fitted.*member == truth.*member; }, option.member);
    if (info.has(option.name) && !has_own_rule && !is_equal) {
      refuse(fmt::format("{}.{}", part, option.name), option_json(option, fitted).dump(),
             option_json(option, truth).dump(),
             fmt::format("Fit with {} as in the truth.", flag_name(option.name)));
    }
  }
}

void check_temperature(const GateSpec& fitted, const GateSpec& truth) {
  if (gate_info(fitted.kind).has("temperature") && !learns_temperature(fitted) &&
      fitted.temperature.value != truth.temperature.value) {
    refuse("gate.temperature", fmt::format("{}", fitted.temperature.value),
           fmt::format("{}", truth.temperature.value),
           "Fit with --temperature learned, or with that of the truth.");
  }
}

void check_numbers(const MixtureSpec& fitted, const MixtureSpec& truth) {
  if (!has_masses(fitted.gate) && fitted.num_experts != truth.num_experts) {
    throw InputError(
        kProblem,
        fmt::format("atoms has {} entries of the fit and {} of the truth, and atoms of the {} gate "
                    "have no masses: two copies of one would be twice it",
                    fitted.num_experts, truth.num_experts, fitted.gate.kind),
        fmt::format("Fit with --experts {}.", truth.num_experts));
  }
  const bool has_more = fitted.num_experts > truth.num_experts;
  const bool all_active = num_active(fitted) == fitted.num_experts && num_active(truth) == truth.num_experts;
  if (!has_more && !all_active && num_active(fitted) != num_active(truth)) {
    refuse("gate.top_k", fmt::format("{}", fitted.gate.top_k), fmt::format("{}", truth.gate.top_k),
           "Fit with --top-k as in the truth.");
  }
}

std::string scaling_text(const std::optional<Scaling>& scaling) {
  return scaling ? "a change of units" : "none";
}

bool are_equal(const std::vector<Affine>& a, const std::vector<Affine>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Affine& one, const Affine& other) {
    return one.offset == other.offset && one.scale == other.scale;
  });
}

void check_units(const Model& fitted, const Model& truth) {
  constexpr std::string_view kSuggestion = "Fit with --no-scaling, and write the truth in the data's units.";
  if (fitted.scaling.has_value() != truth.scaling.has_value()) {
    refuse("scaling", scaling_text(fitted.scaling), scaling_text(truth.scaling), kSuggestion);
  }
  if (fitted.scaling && !(are_equal(fitted.scaling->inputs, truth.scaling->inputs) &&
                          are_equal(fitted.scaling->targets, truth.scaling->targets))) {
    refuse("scaling", "one change of units", "another one", kSuggestion);
  }
}

}  // namespace

int num_active(const MixtureSpec& spec) { return spec.gate.top_k > 0 ? spec.gate.top_k : spec.num_experts; }

void check_comparable(const Model& fitted, const Model& truth) {
  check_kind("gate", fitted.spec.gate.kind, truth.spec.gate.kind);
  check_options_equal("gate", gate_info(truth.spec.gate.kind), gate_options(), fitted.spec.gate,
                      truth.spec.gate);
  check_temperature(fitted.spec.gate, truth.spec.gate);
  check_kind("expert", fitted.spec.expert.kind, truth.spec.expert.kind);
  check_options_equal("expert", expert_kind(truth.spec.expert.kind).info, expert_options(),
                      fitted.spec.expert, truth.spec.expert);
  if (fitted.inputs != truth.inputs) {
    refuse("inputs", listed(fitted.inputs), listed(truth.inputs), "Name the inputs alike, in one order.");
  }
  if (fitted.targets != truth.targets) {
    refuse("target", listed(fitted.targets), listed(truth.targets), "Name the targets alike, in one order.");
  }
  check_units(fitted, truth);
  check_numbers(fitted.spec, truth.spec);
}

}  // namespace moest
