// A comparison of routers as a folder: a page as that of a study, figures, tables.
#pragma once

#include <span>
#include <string>

#include "nn/comparison.h"

namespace moest::nn {

/// Writes index.html, figures (learning curves with bands of one standard error, differences with their
/// intervals, the routing over the steps) and tables/{contestants,runs}.csv into `folder`. Throws as
/// write_report() of moest/report/page.h.
void write_comparison_report(const RouterComparison& comparison, std::span<const RunRow> rows,
                             const std::string& folder);

}  // namespace moest::nn
