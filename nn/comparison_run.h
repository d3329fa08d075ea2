// Runs the trainings of a comparison: each as a process of its own, so that one that dies takes no other with
// it.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "moest/study/router_comparison.h"
#include "moest/study/router_store.h"

namespace moest::nn {

/// How runs are made.
struct RunOptions {
  std::string program;  // moest-nn
  std::string folder;   // where runs have their checkpoints until they are in the store
  int jobs = 1;         // at a time
  int threads = 1;      // of each
};

struct RunProgress {
  int num_done = 0, num_missing = 0;
  double seconds = 0;
};

/// What came of all of them.
struct ComparisonRun {
  int num_run = 0;      // that came into the store
  int num_missing = 0;  // that did not: interrupted, or their process died
  std::string last_problem;
};

/// The runs at a time where nobody says how many: as many as cores, but one where a run's --device means a
/// GPU, of which the machine has num_gpus.
int default_jobs(const RouterComparison& comparison, int cores, int num_gpus);

/// Runs what is missing, as the command that the design says, each into the store as it ends. A run that was
/// ended from outside goes on from its checkpoint the next time; one that diverged is a row with its status.
/// Throws InputError with the message of a run that refuses its arguments, and for one whose
/// `data_fingerprint` is not that of the runs in the store, which stay as they are; EnvironmentError where no
/// process can be made. The other runs are interrupted then.
ComparisonRun run_missing(const RouterComparison& comparison, RouterStore& store, const RunOptions& options,
                          const std::atomic<bool>* interrupt,
                          const std::function<void(const RunProgress&)>& progress);

}  // namespace moest::nn
