// The truth of a trial, and a start beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "moest/base/random.h"
#include "moest/model/model.h"
#include "moest/study/specification.h"

namespace moest {

/// Names x1, .., xd and y, which truths have that are written without names.
Model unnamed_model(const MixtureSpec& spec);

/// The truth of all trials of this size and replicate: drawn from `stream` if it is random, moved if it
/// belongs to a sequence.
Model truth_at(const TruthSource& source, std::int64_t size, Stream& stream);

/// A mixture of `spec`, of the truth's kind, each parameter of which is drawn from N(theta*, 0.1^2) around
/// the truth's. Extra atoms share the masses of true ones, in their order. Requires no groups, or as many
/// atoms as the truth has.
Model near_start(const MixtureSpec& spec, const Model& truth, Stream& stream);

/// Why the atoms of an arm's fits cannot be compared to those of its truth; nothing if they can.
std::optional<std::string> why_not_comparable(const Arm& arm);

}  // namespace moest
