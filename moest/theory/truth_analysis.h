// The identifiability analysis at one truth.
#pragma once

#include <optional>
#include <vector>

#include "moest/base/random.h"
#include "moest/theory/criterion.h"
#include "moest/theory/identifiability.h"
#include "moest/theory/local_functions.h"

namespace moest {

/// What one truth says, with what is needed to write it down.
struct TruthFindings {
  TruthRecord record;
  int min_extra_experts = 0;
  std::optional<HarmfulRelation> relation;  // of the over-specified setting, the worst that was found
};

/// First the null space of the Jacobian in reduced coordinates, then the sets of cells that the extra atoms
/// can split.
TruthFindings analyze_truth(const Truth& truth, const IdentifiabilityOptions& options, Stream& stream);

/// The coefficients of F (with masses) and its derivative_terms() in the relation of a single cell, with the
/// second derivatives on one side: empty where other cells take part.
std::optional<DenseVector<Wide>> relation_coefficients(const LocalFunctions<Wide>& functions,
                                                       const SampledFunctions<Wide>& samples,
                                                       const CellSplit& split);

}  // namespace moest
