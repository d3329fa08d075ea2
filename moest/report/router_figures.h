// Pictures of a comparison of routers.
#pragma once

#include <span>
#include <vector>

#include "moest/report/figure.h"
#include "moest/study/router_summary.h"

namespace moest {

/// `differences`: the contestants' differences to the reference with their intervals, where there are any;
/// then numbers of the evaluations over the steps, means over the seeds with bands of one standard error: the
/// value itself, and of the routing what is there of load_entropy, weight_entropy, change_rate and margin.
/// Throws EnvironmentError if gnuplot is missing.
std::vector<Figure> router_figures(const RouterComparison& comparison, std::span<const RunRow> rows,
                                   std::span<const ContestantSummary> summaries);

}  // namespace moest
