#include "app/mixture_options.h"

namespace moest::app {
namespace {

/// "perturbed_cosine": the kinds that have the option.
template <class Owner, class InfoOf>
std::string kinds_with(const Option<Owner>& option, std::vector<std::string> kinds, InfoOf info_of) {
  std::erase_if(kinds, [&](const std::string& kind) { return !info_of(kind).has(option.name); });
  return listed(kinds);
}

/// Refuses options that were given but do not belong to the kind.
template <class Owner>
void refuse_foreign_options(const CLI::App& parser, std::string_view what, const KindInfo& info,
                            std::span<const Option<Owner>> options, const std::string& excused) {
  std::vector<std::string> own;
  for (const Option<Owner>& option : options) {
    if (info.has(option.name)) {
      own.push_back(flag_of(option));
    }
  }
  for (const Option<Owner>& option : options) {
    const std::string flag = flag_of(option);
    if (!info.has(option.name) && flag != excused && parser.count(flag) > 0) {
      throw InputError(
          fmt::format("{} does not belong to the {} {}", flag, info.name, what),
          own.empty() ? std::string("it has no options") : fmt::format("its options: {}", listed(own)),
          "Leave it out or choose another kind.");
    }
  }
}

}  // namespace

void add_mixture_options(CLI::App& parser, MixtureSpec& spec) {
  const std::string group = "Model";
  parser.add_option("--gate", spec.gate.kind, "gate: " + listed(gate_names()) + " (default softmax)")
      ->type_name("KIND")
      ->group(group);
  parser.add_option("--expert", spec.expert.kind, "expert: " + listed(expert_names()) + " (default linear)")
      ->type_name("KIND")
      ->group(group);
  add_options<GateSpec>(parser, gate_options(), spec.gate, group, [](const Option<GateSpec>& option) {
    return kinds_with(option, gate_names(), [](const std::string& kind) { return gate_info(kind); });
  });
  add_options<ExpertSpec>(parser, expert_options(), spec.expert, group, [](const Option<ExpertSpec>& option) {
    return kinds_with(option, expert_names(), [](const std::string& kind) { return expert_kind(kind).info; });
  });
}

Choices mixture_choices() {
  Choices choices{{"--gate", gate_names()}, {"--expert", expert_names()}};
  for (const Option<GateSpec>& option : gate_options()) {
    const bool is_learnable = std::holds_alternative<Learnable GateSpec::*>(option.member);
    if (is_learnable || !option.choices.empty()) {
      choices[flag_of(option)] = is_learnable
                                     ? std::vector<std::string>{"learned"}
                                     : std::vector<std::string>(option.choices.begin(), option.choices.end());
    }
  }
  return choices;
}

void check_mixture_options(const CLI::App& parser, const MixtureSpec& spec, const std::string& excused) {
  refuse_foreign_options(parser, "gate", gate_info(spec.gate.kind), gate_options(), excused);
  refuse_foreign_options(parser, "expert", expert_kind(spec.expert.kind).info, expert_options(), excused);
  check_options(spec.gate, gate_options());
  check_options(spec.expert, expert_options());
}

}  // namespace moest::app
