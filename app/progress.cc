#include "app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace moest::app {
namespace {

constexpr double kSilentSeconds = 2;
constexpr double kTerminalInterval = 0.2;
constexpr double kLogInterval = 10;

// Written by the signal handler: must be static and lock-free.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int signal) {
  interrupted.store(true, std::memory_order_relaxed);
  std::signal(signal, SIG_DFL);
}

std::string duration(double seconds) {
  return seconds < 100 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && shown_) {
    fmt::print(stderr, "\r\033[K");
  }
}

void ProgressLine::show(const FitProgress& progress) {
  const double interval = terminal_ ? kTerminalInterval : kLogInterval;
  if (progress.seconds < kSilentSeconds || (shown_ && progress.seconds < last_seconds_ + interval)) {
    return;
  }
  const int starts_left = progress.starts_planned - progress.starts_done;
  const std::string left =
      progress.starts_done == 0
          ? "time left not known yet"
          : "about " + duration(progress.seconds / progress.starts_done * starts_left) + " left";
  const std::string best =
      progress.best_rss ? fmt::format("best residual sum of squares {:.8g}, ", *progress.best_rss) : "";
  fmt::print(stderr, "{}{} of {} starts, {} iterations, {}{} so far, {}{}", terminal_ ? "\r\033[K" : "",
             progress.starts_done, progress.starts_planned, progress.iterations, best,
             duration(progress.seconds), left, terminal_ ? "" : "\n");
  std::fflush(stderr);
  shown_ = true;
  last_seconds_ = progress.seconds;
}

InterruptGuard::InterruptGuard() {
  interrupted.store(false);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

const std::atomic<bool>* InterruptGuard::flag() const { return &interrupted; }

}  // namespace moest::app
