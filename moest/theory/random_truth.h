// Truths drawn at random: points at which nothing special happens.
#pragma once

#include "moest/base/random.h"
#include "moest/theory/local_functions.h"

namespace moest {

/// A truth of the family with k = family.spec.num_experts atoms: slopes of size 0.5 to 1.5 with random signs,
/// biases, offsets and masses of order one, and so scores that differ by about 3 over the box |x_j| <= 2.5
/// where the gate allows it. Of a formula the parameters are of size 0.4 to 1.4; if it is not finite over the
/// box, positive ones are tried. Throws InputError if that does not help either.
Truth random_truth(const MixtureFamily& family, double half_width, Stream& stream);

}  // namespace moest
