#include "moest/fit/control.h"

#include <algorithm>

namespace moest {

std::string_view name_of(FitStatus status) {
  switch (status) {
    case FitStatus::converged:
      return "converged";
    case FitStatus::iteration_limit:
      return "iteration_limit";
    case FitStatus::time_limit:
      return "time_limit";
    case FitStatus::interrupted:
      return "interrupted";
    case FitStatus::abandoned:
      return "abandoned";
    case FitStatus::failed:
      break;
  }
  return "failed";
}

Monitor::Monitor(const FitControl& control, std::optional<double> max_seconds)
    : control_(control), max_seconds_(max_seconds) {}

double Monitor::seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

std::optional<FitStatus> Monitor::exhausted() const {
  if (control_.interrupt != nullptr && control_.interrupt->load(std::memory_order_relaxed)) {
    return FitStatus::interrupted;
  }
  if (max_seconds_ && seconds() > *max_seconds_) {
    return FitStatus::time_limit;
  }
  return std::nullopt;
}

std::optional<FitStatus> Monitor::next_iteration() {
  constexpr double kReportInterval = 0.2;
  const std::lock_guard lock(mutex_);
  ++progress_.iterations;
  if (control_.progress && seconds() > reported_seconds_ + kReportInterval) {
    report();
  }
  return exhausted();
}

void Monitor::plan_starts(int starts) {
  const std::lock_guard lock(mutex_);
  progress_.starts_planned = starts;
}

void Monitor::end_search() {
  const std::lock_guard lock(mutex_);
  ++searches_done_;
  if (control_.progress) {
    report();
  }
}

void Monitor::end_start(double rss) {
  const std::lock_guard lock(mutex_);
  ++progress_.starts_done;
  progress_.best_rss = std::min(rss, progress_.best_rss.value_or(rss));
  if (control_.progress) {
    report();
  }
}

void Monitor::report() {
  progress_.seconds = reported_seconds_ = seconds();
  progress_.share_done =
      0.5 * (searches_done_ + progress_.starts_done) / std::max(1, progress_.starts_planned);
  control_.progress(progress_);
}

}  // namespace moest
