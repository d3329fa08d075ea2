// Comparisons of models as text and as a picture for people.
#pragma once

#include <string>

#include "moest/selection/comparison.h"

namespace moest {

/// A row for each gate, expert and number of experts, the baselines, and what follows. `command` is the
/// beginning of the command that fits the best: "moest fit data.csv --target y".
std::string comparison_report(const Comparison& comparison, const std::string& source,
                              const std::string& command);

/// Error against the number of experts, a line for each gate and expert, with the baselines. Throws as
/// run_gnuplot.
void plot_comparison(const Comparison& comparison, const std::string& path);

}  // namespace moest
