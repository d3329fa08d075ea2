#include "moest/theory/verdict.h"

#include <array>
#include <cstddef>

#include "moest/model/catalogue.h"
#include "moest/theory/gauges.h"
#include "moest/theory/mixture_family.h"

namespace moest {
namespace {

/// Whether copies of an expert can part without a change of the function: an output is linear in some of
/// its parameters, or homogeneous.
bool splits_are_flat(const ExpertSpec& expert) {
  return !expert_kind(expert.kind).is_strongly_identifiable || expert.output_weight || expert.output_offset;
}

/// Whether a split of the gate alone changes the function by less than its square.
bool gate_splits_slowly(const MixtureSpec& spec) {
  return spec.gate.kind == "quadratic" || has_gate_kink(spec);
}

}  // namespace

std::string verdict_name(Verdict verdict) {
  constexpr std::array kNames{"regular", "scale_gauge", "slow", "flat", "undecided", "refused"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

Verdict common_verdict(std::span<const Verdict> verdicts) {
  Verdict common = Verdict::undecided;
  for (const Verdict verdict : verdicts) {
    if (verdict == Verdict::undecided) {
      continue;
    }
    if (common != Verdict::undecided && common != verdict) {
      return Verdict::undecided;
    }
    common = verdict;
  }
  return common;
}

Verdict known_verdict(const MixtureSpec& spec) {
  if (!has_masses(spec.gate)) {
    return Verdict::refused;
  }
  if (splits_are_flat(spec.expert)) {
    return Verdict::flat;
  }
  if (gate_splits_slowly(spec)) {
    return Verdict::slow;
  }
  return has_scale_gauge(spec) ? Verdict::scale_gauge : Verdict::regular;
}

}  // namespace moest
