// Whether parameters are identified: the possible answers, and those that are known without a computation.
#pragma once

#include <span>
#include <string>

#include "moest/model/specification.h"

namespace moest {

enum class Verdict {
  regular,      // identified: n^-1/2, and n^-1/4 in split cells
  scale_gauge,  // the same, but only in reduced coordinates: raw ones have a free scale
  slow,         // identified, but a split only changes f at a higher order
  flat,         // not identified: other parameters give exactly the same f
  undecided,    // the numbers prove nothing
  refused,      // the question does not apply
};
std::string verdict_name(Verdict verdict);

/// That on which all agree that decide anything; undecided where they do not, or none does.
Verdict common_verdict(std::span<const Verdict> verdicts);

/// The verdict on a fit with one expert more than a generic truth of this kind has: that of analyze(), as
/// docs/identifiability.md tabulates it, without its work.
Verdict known_verdict(const MixtureSpec& spec);

}  // namespace moest
