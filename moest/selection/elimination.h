// Who drops out of a contest after a fold, and how many optima of a fit are averaged.
#pragma once

#include <vector>

#include "moest/selection/contest.h"

namespace moest {

/// Sets `ensemble`, `num_final` and `takes_all` of all rows with scores. A fit in a fold keeps most_known
/// optima at most, a last one has final_starts starts.
void choose_ensembles(int most_known, int final_starts, std::vector<ContestRow>& rows);

/// Of each run of neighbours that differ in their ridge only, the two best are left after three folds, and
/// the best after six.
void drop_ridges(int num_folds, std::vector<ContestRow>& rows);

/// Of one gate and kind, those of more than eight experts where a smaller number of them has a larger error
/// than one smaller still (after one fold by more than a tenth): they cost much.
void drop_growth(int num_folds, std::vector<ContestRow>& rows);

/// Those whose mean squared error is clearly above that of the best, num_judged samples having been predicted
/// (see run_contest). Single experts stay.
void drop_the_worse(double num_judged, std::vector<ContestRow>& rows);

}  // namespace moest
