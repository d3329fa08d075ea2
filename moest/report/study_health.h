// How the fits of a study went.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "moest/study/specification.h"
#include "moest/study/trial.h"

namespace moest {

/// The trials of one arm and size. Means are over the trials that have a fit, 0 without any.
struct SizeHealth {
  std::string arm;
  std::int64_t size = 0;
  int num_done = 0, num_failed = 0;
  int num_unconverged = 0;  // with a fit that ended in another way
  double mean_iterations = 0, mean_starts = 0, mean_agreeing_starts = 0;
  double share_at_bound = 0;  // of trials with an active bound
  double milliseconds = 0;    // per trial, on one thread
};

/// All arms and sizes of the study, also those without a trial.
std::vector<SizeHealth> study_health(const Study& study, std::span<const TrialRow> rows);

/// Trials of one arm that failed for the same reason.
struct FailureReason {
  std::string arm, reason;
  int num_trials = 0;
  TrialKey first;  // by which one of them can be repeated
};

/// By arm and reason.
std::vector<FailureReason> failure_reasons(std::span<const TrialRow> rows);

/// The trials that one host ran with one version of the program on so many threads.
struct RunShare {
  std::string host, version;
  int threads = 1;
  int num_trials = 0;
  double seconds = 0;  // on one thread
};

/// By host, version and threads.
std::vector<RunShare> run_shares(std::span<const TrialRow> rows);

}  // namespace moest
