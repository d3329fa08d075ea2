// Where the optimisation starts: at random, or from a fit with one expert less.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/base/random.h"
#include "moest/fit/problem.h"
#include "moest/kernel/sample_blocks.h"
#include "moest/model/groups.h"

namespace moest {

/// Location and spread of the columns that the starts are drawn to match.
struct SampleStatistics {
  explicit SampleStatistics(const SampleBlocks& samples);

  Eigen::VectorXd feature_sd;              // per column; 1 for a constant column
  Eigen::VectorXd target_mean, target_sd;  // per target; sd 1 for a constant one
};

/// A random point of the regions. Each gate is a random hyperplane through a random sample whose
/// score is neither flat nor hard over the data; expert parameters are normal at the scale of inputs and
/// target.
Eigen::VectorXd random_start(const Problem& problem, const SampleStatistics& statistics, Stream& stream);

/// A point of `larger` (k + 1 experts) made from theta of `smaller` (k experts) by splitting the region of
/// the expert that grows along a random hyperplane through a random sample of it. One side keeps the expert;
/// the other, the new atom, gets a random one: two equal experts are a saddle that is slow to leave, for
/// bounded gates hardly at all.
Eigen::VectorXd split_expert(Problem& smaller, const Problem& larger, const Eigen::VectorXd& theta,
                             const Growth& growth, const SampleStatistics& statistics, Stream& stream);

/// The same with the expert's copy as the new one, whose gate is that of the expert: both have half its mass
/// where weights are masses, so that the function stays as it is but for gates of another kind.
Eigen::VectorXd copy_expert(Problem& smaller, const Problem& larger, const Eigen::VectorXd& theta,
                            const Growth& growth);

}  // namespace moest
