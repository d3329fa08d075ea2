// All trials of a study that its store lacks, on the threads of one process or of many.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "moest/study/communicator.h"
#include "moest/study/specification.h"
#include "moest/study/store.h"
#include "moest/study/trial.h"

namespace moest {

struct StudyProgress {
  std::int64_t num_done = 0;     // of the study, those that were there included
  std::int64_t num_planned = 0;  // trials of the study
  std::int64_t num_failed = 0;   // in this run
  int num_lost_ranks = 0;
  double share_done = 0;  // of the work of this run: a trial counts by its size
  double seconds = 0;
};

/// A rank that is not heard of for so long is lost; they speak every second.
inline constexpr double kSilentSeconds = 15;

struct RunOptions {
  int threads = 0;  // of each process
  const std::atomic<bool>* interrupt = nullptr;
  std::function<void(const StudyProgress&)> progress;
  double silent_seconds = kSilentSeconds;
};

/// How a run ended.
struct StudyRun {
  std::int64_t num_run = 0, num_failed = 0;
  std::int64_t num_missing = 0;  // still, because it was interrupted
  int num_lost_ranks = 0;
  double seconds = 0;
};

enum class Extension { refuse, allow };

/// Puts the study into the store if that is new, and checks otherwise that it is the one that is there, or,
/// if that is allowed, one that keeps all its rows. Throws InputError.
void adopt_study(const Study& study, StudyStore& store, Extension extension);

/// All trials of the study of which the store has no row.
std::vector<TrialKey> missing_keys(const Study& study, const StudyStore& store);

/// Runs those of the trials that are missing, each once, and writes them about once a second: a kill loses
/// that much. The store holds the study. Called by rank 0, which hands trials out to the ranks that have
/// called work_for_study(), and runs its share. The trials of a rank that has not been heard of for
/// `silent_seconds` are handed out again. Throws EnvironmentError where the store cannot be written.
StudyRun run_trials(const Study& study, StudyStore& store, const std::vector<TrialKey>& keys,
                    const RunOptions& options, Communicator& ranks);

/// What the other ranks do until end_study(): they run what rank 0 hands out. Returns whether all ranks are
/// still there in the end.
bool work_for_study(const RunOptions& options, Communicator& ranks);

/// Tells the other ranks that there is no more to do, waits for their goodbyes until none has come for so
/// long, and tells them whether all came. Returns how many are missing: those ranks are lost. Called by rank
/// 0, also after a failure.
int end_study(Communicator& ranks, double silent_seconds = kSilentSeconds);

}  // namespace moest
