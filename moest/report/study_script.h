// What gnuplot is told to draw of a study.
#pragma once

#include <string>
#include <vector>

#include "moest/report/figure.h"
#include "moest/report/study_curves.h"

namespace moest {

/// "regression error, L2": the metric on an axis.
std::string metric_title(const std::string& metric);
/// "mean", "median" or "0.9 quantile".
std::string statistic_title(const Statistic& statistic);

/// Axes and legend: everything of a script but terminals and the plot command.
std::string figure_settings(const Study& study, const std::string& metric,
                            const std::vector<StudyCurve>& curves);

/// Draws curves_csv() from the file METRIC.csv.
PlotCommand plot_command(const std::string& metric, const std::vector<StudyCurve>& curves, Tooltips tooltips);

}  // namespace moest
