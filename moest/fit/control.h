// How a running fit is watched and ended from outside.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace moest {

/// Why a fit or a start ended.
enum class FitStatus {
  converged,
  iteration_limit,
  time_limit,
  interrupted,
  failed,  // the objective was not finite where the start began
};

/// The name of a status in JSON.
std::string_view name_of(FitStatus status);

struct FitProgress {
  int starts_done = 0;
  int starts_planned = 0;  // may grow while the fit runs
  double best_rss = 0;     // in squared units of the target
  double seconds = 0;
};

/// Everything that may end a fit early, and who wants to hear of it. `progress` is called by one thread at a time.
struct FitControl {
  const std::atomic<bool>* interrupt = nullptr;
  std::function<void(const FitProgress&)> progress;
};

/// The time a fit has taken, and whether it must end now.
class Budget {
 public:
  using Clock = std::chrono::steady_clock;

  Budget(const std::atomic<bool>* interrupt, std::optional<double> max_seconds);

  double seconds() const;
  /// The status with which to end now, if any.
  std::optional<FitStatus> exhausted() const;

 private:
  Clock::time_point begin_ = Clock::now();
  const std::atomic<bool>* interrupt_;
  std::optional<double> max_seconds_;
};

}  // namespace moest
