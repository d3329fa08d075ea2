// The choice of the number of experts as text and as a picture.
#pragma once

#include <string>

#include "moest/selection/selection.h"

namespace moest {

/// A row for each number of experts, and what each criterion chooses.
std::string selection_report(const Selection& selection, const std::string& title);

/// The dendrogram, with the height of each merge, and below it the criteria against the number of experts.
/// Throws as run_gnuplot.
void plot_selection(const Selection& selection, const std::string& path);

}  // namespace moest
