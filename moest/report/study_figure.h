// Pictures of a study: a metric of all arms over the sizes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "moest/report/study_script.h"
#include "moest/study/rates.h"
#include "moest/study/specification.h"

namespace moest {

/// One metric on log-log axes (chi_square: over log n). Points are means or quantiles over replicates with
/// bars of one standard error; solid lines are fitted, and dashed ones have the expected slope and go through
/// the middle of the points. A curve for each arm and, of metrics of atoms, for each atom of which something
/// is expected.
struct StudyFigure {
  std::string metric;
  std::string data;    // CSV: a line per size, six columns per curve
  std::string script;  // makes METRIC.svg and METRIC.pdf of METRIC.csv, all in the same folder
  std::string svg, pdf;
  std::string interactive;  // an SVG of its own with tooltips and a legend that switches curves
  int width = 0, height = 0;
  std::vector<LegendSwitch> switches;  // of the interactive one
};

/// Those of the metrics that can be drawn, in the order of metrics(). Throws EnvironmentError if gnuplot is
/// missing.
std::vector<StudyFigure> study_figures(const Study& study, std::span<const RateRow> rates);

}  // namespace moest
