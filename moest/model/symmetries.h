// Parameters of an expert that are different numbers for the same function.
#pragma once

#include <span>
#include <vector>

#include "moest/model/specification.h"

namespace moest {

/// The parameters of the same expert that lie nearest to `reference`, by the symmetries of its neurons:
///
///     (a, b) -> -(a, b)                                  phi even
///     (a, b, c) -> -(a, b, c)                            phi odd, with an output weight
///     (a, b, c, c_0) -> (-a, -b, -c, c_0 + c)            sigmoid, with a weight and an offset
///
/// and, in a network, the order of the neurons, which is that of the least sum of squared distances. The
/// distance is that of a, b and c; an output offset does not count. Both
/// lists are an atom's expert (BasicAtom::expert).
std::vector<double> nearest_equivalent(const MixtureSpec& spec, std::vector<double> expert,
                                       std::span<const double> reference);

}  // namespace moest
