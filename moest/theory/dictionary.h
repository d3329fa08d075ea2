// All derivatives of local functions up to order 2, and the relations between them.
#pragma once

#include <vector>

#include "moest/base/random.h"
#include "moest/theory/identifiability.h"
#include "moest/theory/truth_analysis.h"

namespace moest {

/// The null space of the whole dictionary {d^gamma Phi_j : |gamma| <= 2}, confirmed in both precisions; not
/// counted where it has more than kMostDictionaryColumns columns.
inline constexpr int kMostDictionaryColumns = 160;
Dictionary count_dictionary(const Truth& truth, const IdentifiabilityOptions& options, Stream& stream);

/// Adds to the settings what relations explain their verdicts, and to result.harmless those of a single atom
/// that do no harm, with names for their coefficients where three truths agree.
void write_relations(const std::vector<Truth>& truths, const std::vector<TruthFindings>& findings,
                     Identifiability& result);

}  // namespace moest
