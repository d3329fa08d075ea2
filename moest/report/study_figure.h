// Pictures of a study: a metric of all arms over the sizes.
#pragma once

#include <span>
#include <vector>

#include "moest/report/figure.h"
#include "moest/study/rates.h"
#include "moest/study/specification.h"

namespace moest {

/// One figure for each metric that can be drawn, in the order of metrics(), on log-log axes (chi_square: over
/// log n). Points are means or quantiles over replicates with bars of one standard error; solid lines are
/// fitted, and dashed ones have the expected slope and go through the middle of the points. A curve for each
/// arm and, of metrics of atoms, for each atom of which something is expected. The data are CSV with a line
/// per size and six columns per curve. Throws EnvironmentError if gnuplot is missing.
std::vector<Figure> study_figures(const Study& study, std::span<const RateRow> rates);

}  // namespace moest
