#include "moest/fit/control.h"

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
    case FitStatus::failed:
      break;
  }
  return "failed";
}

Budget::Budget(const std::atomic<bool>* interrupt, std::optional<double> max_seconds)
    : interrupt_(interrupt), max_seconds_(max_seconds) {}

double Budget::seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

std::optional<FitStatus> Budget::exhausted() const {
  if (interrupt_ != nullptr && interrupt_->load(std::memory_order_relaxed)) {
    return FitStatus::interrupted;
  }
  if (max_seconds_ && seconds() > *max_seconds_) {
    return FitStatus::time_limit;
  }
  return std::nullopt;
}

}  // namespace moest
