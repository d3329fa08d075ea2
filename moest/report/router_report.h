// A comparison of routers as a folder: a page as that of a study, figures, tables.
#pragma once

#include <string>

#include "moest/study/router_store.h"

namespace moest {

/// Writes index.html, figures (learning curves with bands of one standard error, differences with their
/// intervals, the routing over the steps) and tables/{contestants,runs}.csv into `folder`. Throws as
/// write_report() of moest/report/page.h.
void write_router_report(const RouterResults& results, const std::string& folder);

}  // namespace moest
