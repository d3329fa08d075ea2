// The identifiability analysis as text.
#pragma once

#include <string>

#include "moest/theory/identifiability_record.h"

namespace moest {

/// How relations are written.
enum class Notation { text, latex };

/// Verdicts, reasons, relations, advice, predicted errors and the merging sequence.
std::string analysis_report(const Analysis& analysis, Notation notation);

}  // namespace moest
