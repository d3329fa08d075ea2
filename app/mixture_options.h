// The options that say which mixture: gate, expert and what belongs to them.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"
#include "moest/model/catalogue.h"

namespace moest::app {

/// Adds --gate, --expert and all their options to the group "Model".
void add_mixture_options(CLI::App& parser, MixtureSpec& spec);

/// What a shell can complete of these options.
Choices mixture_choices();

/// Throws InputError for options that were given but do not belong to the gate or expert (but for the flag
/// `excused`), and for values out of range.
void check_mixture_options(const CLI::App& parser, const MixtureSpec& spec, const std::string& excused = "");

}  // namespace moest::app
