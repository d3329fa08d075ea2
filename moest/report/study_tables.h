// The numbers of a study as files for other programs.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "moest/study/rates.h"

namespace moest {

/// One field of a CSV file, in quotes where it needs them.
std::string csv_field(std::string_view text);

/// A line per rate with the fields of to_json(RateRow) but for the points; numbers exact, null as nothing.
std::string rates_csv(std::span<const RateRow> rates);

/// A line per rate and size: arm, atom, metric, and the fields of its point.
std::string points_csv(std::span<const RateRow> rates);

/// `text` in LaTeX, whatever it holds: no character is a command.
std::string latex_text(std::string_view text);

/// A tabular environment that needs no package: the rates of which something is expected or, if there are
/// none, all of them.
std::string rates_tex(std::span<const RateRow> rates);

}  // namespace moest
