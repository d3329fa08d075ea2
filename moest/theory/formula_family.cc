#include "moest/theory/formula_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"

namespace moest {
namespace {

/// What follows "expr:".
std::string formula_of(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ', kFormulaPrefix.size());
  return begin == std::string::npos ? "" : text.substr(begin);
}

/// x1..xd and then the parameters.
std::vector<std::string> formula_names(int num_inputs, const std::vector<std::string>& parameters) {
  std::vector<std::string> names;
  for (int j = 1; j <= num_inputs; ++j) {
    names.push_back("x" + std::to_string(j));
  }
  if (parameters.empty()) {
    throw InputError("--expert has a formula without --parameters",
                     "the names in it that are not inputs x1, x2, .. must be declared",
                     "For example --expert \"expr: c*tanh(a*x1 + b)\" --parameters a,b,c.");
  }
  for (const std::string& name : parameters) {
    const bool is_name =
        !name.empty() && std::isalpha(static_cast<unsigned char>(name.front())) != 0 &&
        std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    const bool is_taken = std::ranges::find(names, name) != names.end() ||
                          std::ranges::find(Expression::kFunctions, name) != Expression::kFunctions.end();
    if (!is_name || is_taken) {
      throw InputError(fmt::format("--parameters: `{}` cannot be a name", name),
                       is_taken ? "it is an input, a function or another parameter"
                                : "names are letters, digits and _, and begin with a letter",
                       "For example --parameters a,b,c.");
    }
    names.push_back(name);
  }
  return names;
}

Expression expert_formula(int num_inputs, const ExpertText& text) {
  const std::vector<std::string> names = formula_names(num_inputs, text.parameters);
  Expression formula("--expert", formula_of(*text.kind), names);
  for (auto p = static_cast<std::size_t>(num_inputs); p < names.size(); ++p) {
    if (!formula.uses(p)) {
      throw InputError(fmt::format("--parameters: the formula does not use `{}`", names[p]),
                       "a parameter without effect is never identified",
                       "Leave it out, or write it into --expert.");
    }
  }
  return formula;
}

}  // namespace

void check_size(const MixtureSpec& spec) {
  constexpr int kMostInputs = 8;
  constexpr int kMostExperts = 16;
  check_range("dim", spec.num_inputs, 1, kMostInputs);
  check_range("true_experts", spec.num_experts, 1, kMostExperts);
}

bool is_formula(const std::string& text) { return text.starts_with(kFormulaPrefix); }

MixtureFamily family_with(MixtureSpec spec, const ExpertText& text) {
  check_size(spec);
  MixtureFamily family;
  const bool own_activation = text.activation && is_formula(*text.activation);
  if (text.kind && is_formula(*text.kind)) {
    family.formula = expert_formula(spec.num_inputs, text);
    spec.expert = ExpertSpec{};
  } else if (!text.parameters.empty()) {
    throw InputError("--parameters belongs to a formula", "--expert is a kind of the catalogue",
                     "Give --expert \"expr: ...\", or leave it out.");
  } else if (text.kind) {
    spec.expert.kind = *text.kind;
  }
  if (own_activation) {
    family.activation = Expression("--activation", formula_of(*text.activation), {"t"});
    if (!text.kind) {
      spec.expert.kind = "tanh";  // a neuron: its link is the formula
    } else if (!expert_form(spec.expert).is_network) {
      throw InputError(fmt::format("--activation does not belong to the {} expert", spec.expert.kind),
                       "the expert has a link of its own", "Leave out --expert, or take --expert ffn.");
    }
  } else if (text.activation) {
    spec.expert.activation = *text.activation;
  }
  family.spec = std::move(spec);
  return family;
}

}  // namespace moest
