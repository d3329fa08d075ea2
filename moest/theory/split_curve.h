// What happens to the function where atoms of a truth are split and moved apart.
#pragma once

#include <vector>

#include "moest/base/random.h"
#include "moest/theory/displaced_truth.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/wide.h"

namespace moest {

/// Whether f stays exactly as it is while cells of the truth are split and all other parameters make up for
/// it: |f - f*| <= 1e-25 at points that the search did not see. The search is least squares over random
/// points of the box |x_j| <= half_width with 36 digits, from the splits of sizes 0.2 and 0.1, which are held
/// as displaced_truth() says.
bool is_exact_split(const LocalFunctions<Wide>& functions, const Truth& truth,
                    const std::vector<CellSplit>& splits, double half_width, Stream& stream);

/// For a split that is not exact, the power m in |f - f*| = O(s^m) as the other parameters make up for it,
/// measured at two sizes s; 2 for a direction that is identified at once.
double split_order(const LocalFunctions<Wide>& functions, const Truth& truth,
                   const std::vector<CellSplit>& splits, double half_width, Stream& stream);

}  // namespace moest
