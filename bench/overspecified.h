// 200 problems with more experts than the truth has: the data say little about the extra ones, and a fit
// needs many iterations to find that out.
#pragma once

#include <Eigen/Core>

#include "moest/kernel/sample_blocks.h"
#include "moest/model/specification.h"

namespace moest {

inline constexpr int kNumOverspecified = 200;

struct OverspecifiedProblem {
  MixtureSpec spec;  // k experts, of which the truth has k - 1 or k - 2
  double bound;
  SampleBlocks samples;
};

/// Problem 0 <= index < kNumOverspecified: gate, expert, d, k, n and the noise go through a grid, the truth
/// and the samples are drawn from the index.
OverspecifiedProblem overspecified_problem(int index);

}  // namespace moest
