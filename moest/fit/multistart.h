// Many starts, in parallel, in an order that does not depend on the threads.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string_view>
#include <vector>

#include "moest/fit/control.h"
#include "moest/fit/levenberg_marquardt.h"
#include "moest/fit/options.h"
#include "moest/fit/problem.h"

namespace moest {

enum class StartKind {
  greedy,  // one expert, split again and again
  random,
  given,  // by the user
};

std::string_view name_of(StartKind kind);

/// One start and where it ended; a start that was never run (time was up) has a theta of size 0.
struct StartResult {
  StartKind kind = StartKind::random;
  LocalFit fit;
};

/// All starts in the order of their index. Start i draws from the stream (seed, i) alone, and decisions are
/// taken between rounds of starts and between the two phases of a round, never by who finished first: the
/// same bits for any number of threads.
struct MultistartResult {
  std::vector<StartResult> starts;
  int best = -1;                     // index of the lowest objective; -1 if there is none
  std::optional<FitStatus> stopped;  // the monitor ended it before the plan did
};

/// Fits `spec` to the samples from `given` (if any) and from options.starts starts, half greedy, half random;
/// without a number, in rounds of kStartsPerRound until kEnoughAgreeing starts ended within one noise
/// variance of the best or kMostRounds rounds were run. options.threads tasks at once.
///
/// In the first phase of a round each start searches for its valley; in the second it descends to the bottom,
/// unless options.abandoning (and no ensemble is wanted) and it can hardly reach the lowest objective that
/// the first phase or an earlier round knows.
MultistartResult run_starts(const MixtureSpec& spec, const SampleBlocks& samples,
                            const std::optional<Eigen::VectorXd>& given, const FitOptions& options,
                            Monitor& monitor);

/// Starts within one noise variance of the best, that variance being best objective / (n - num_parameters).
int count_agreeing(const std::vector<StartResult>& starts, double best_objective, double noise_variance);

}  // namespace moest
