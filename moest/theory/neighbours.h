// Which change would make a mixture identified.
#pragma once

#include <string>
#include <vector>

#include "moest/theory/identifiability.h"

namespace moest {

/// A change of one or two options, and what the analysis says of the result.
struct Neighbour {
  std::string change;   // "another gate: perturbed_cosine"
  std::string options;  // "--gate perturbed_cosine"
  Verdict over = Verdict::undecided;
};

/// Tries changes of the gate, of the expert and then of both, and returns those that make the over-specified
/// setting regular. They are tried on a small mixture of the kind, with two true experts, one extra and at
/// most two inputs: which kind is regular does not depend on how many there are. Empty where nothing has to
/// change.
std::vector<Neighbour> regular_neighbours(const Identifiability& result, std::uint64_t seed);

}  // namespace moest
