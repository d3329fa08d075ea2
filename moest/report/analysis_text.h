// The identifiability analysis as text.
#pragma once

#include <string>

#include "moest/theory/identifiability_record.h"

namespace moest {

/// Verdicts, reasons, relations (as text or LaTeX), advice, predicted errors and the merging sequence.
std::string analysis_report(const Analysis& analysis, bool as_latex);

}  // namespace moest
