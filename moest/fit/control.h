// How a running fit is watched and ended from outside.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

namespace moest {

/// Why a fit or a start ended.
enum class FitStatus {
  converged,
  iteration_limit,
  time_limit,
  interrupted,
  abandoned,  // of a start: it could not have reached the best one any more
  failed,     // the objective was not finite where the start began
};

/// The name of a status in JSON.
std::string_view name_of(FitStatus status);

struct FitProgress {
  int starts_done = 0;
  int starts_planned = 0;       // may grow while the fit runs
  double share_done = 0;        // of the planned starts, those that have found their valley counted half
  std::int64_t iterations = 0;  // of all starts so far
  // Once a start is done; in squared units of the target or, with several, summed over the scaled targets.
  std::optional<double> best_rss;
  double seconds = 0;
};

/// How a fit may be ended early, and who wants to hear of it. `progress` is called by one thread at a time,
/// at the end of each search for a valley and each start, and a few times a second in between.
struct FitControl {
  const std::atomic<bool>* interrupt = nullptr;
  std::function<void(const FitProgress&)> progress;
};

/// Watches one fit: its time, its progress, and whether it must end now. Shared by all threads of the fit.
class Monitor {
 public:
  Monitor(const FitControl& control, std::optional<double> max_seconds);

  double seconds() const;
  /// The status with which to end now, if any.
  std::optional<FitStatus> exhausted() const;
  /// As exhausted(), at the beginning of an iteration: counts it and reports now and then.
  std::optional<FitStatus> next_iteration();

  void plan_starts(int starts);
  /// A start has found its valley; it has ended.
  void end_search();
  void end_start(double rss);

 private:
  using Clock = std::chrono::steady_clock;

  void report();

  const FitControl& control_;
  std::optional<double> max_seconds_;
  Clock::time_point begin_ = Clock::now();
  std::mutex mutex_;  // guards what follows
  FitProgress progress_;
  int searches_done_ = 0;
  double reported_seconds_ = 0;
};

}  // namespace moest
