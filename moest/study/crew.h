// The threads of one process that run trials.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "moest/study/specification.h"
#include "moest/study/trial.h"

namespace moest {

/// A trial that is over: without a row if it was interrupted.
struct FinishedTrial {
  TrialKey key;
  std::optional<TrialRow> row;
};

/// Runs trials in the background, in the order in which they are given; ends, when it is destroyed, with the
/// trials that it is at.
class Crew {
 public:
  /// Rows say that this rank ran them.
  Crew(const Study& study, int threads, int rank, const std::atomic<bool>* interrupt);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  int num_threads() const { return by_.threads; }
  void give(const std::vector<TrialKey>& keys);
  /// What is over since the last call; if nothing is, waits for it up to `seconds`.
  std::vector<FinishedTrial> take(double seconds);

 private:
  void work();
  std::optional<TrialKey> next_key();

  const Laboratory laboratory_;
  const Provenance by_;
  const std::atomic<bool>* interrupt_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool is_closed_ = false;
  std::deque<TrialKey> keys_;
  std::vector<FinishedTrial> finished_;
  std::thread leader_;
};

}  // namespace moest
