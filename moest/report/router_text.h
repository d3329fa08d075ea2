// What a comparison says, as text.
#pragma once

#include <span>
#include <string>

#include "moest/study/router_summary.h"

namespace moest {

/// "0.95 of the time all these intervals hold together": how to read the differences, in sentences of one
/// paragraph: who is better, who is not distinguishable, whose runs failed, what was chosen at the edge of
/// the tuning, what differs in size or budget.
std::string reading_of(const RouterComparison& comparison, std::span<const ContestantSummary> summaries);

/// The table of the contestants, and the reading below it.
std::string router_text(const RouterComparison& comparison, std::span<const ContestantSummary> summaries);

}  // namespace moest
