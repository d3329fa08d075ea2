// Which models can be compared by their mixing measures.
#pragma once

#include "moest/model/model.h"

namespace moest {

/// Throws InputError, naming the field, unless the atoms of two legal models mean the same: kinds of gate and
/// experts, their options, inputs, targets and scaling are equal. Free are the number of experts (but with a
/// gate without masses, where two copies of an atom are twice it), the groups, and the temperature of a fit
/// that learned it. With top_k both must keep the same number of experts, or the fit has more experts than
/// the truth: whether it keeps enough of them depends on the cells (voronoi_loss).
void check_comparable(const Model& fitted, const Model& truth);

/// How many experts have a weight at one input.
int num_active(const MixtureSpec& spec);

}  // namespace moest
