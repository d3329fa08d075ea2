// Families whose experts may be written as formulas.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "moest/theory/mixture_family.h"

namespace moest {

/// Throws InputError for more inputs or true experts than an analysis takes: 8 and 16.
void check_size(const MixtureSpec& spec);

/// What begins a formula in place of a name.
inline constexpr std::string_view kFormulaPrefix = "expr:";
bool is_formula(const std::string& text);

/// How an expert may be written: a kind of the catalogue, or a formula of x1..xd and of `parameters`; and an
/// activation, a kind of neuron for an ffn expert or, as a formula of t, the link of any neuron.
struct ExpertText {
  std::optional<std::string> kind = {};  // absent: linear or, with a formula for the link, a neuron
  std::optional<std::string> activation = {};
  std::vector<std::string> parameters = {};
};

/// The family of `spec`, which need not be legal (see check()) but must pass check_size(), and whose expert
/// gets its kind and activation from the text. Throws InputError for a formula that goes wrong, with the
/// character; for one without parameters or with one that it does not use; for a name that is taken; for an
/// activation of an expert that has a link of its own.
MixtureFamily family_with(MixtureSpec spec, const ExpertText& text);

}  // namespace moest
