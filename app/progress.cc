#include "app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace moest::app {
namespace {

constexpr double kSilentSeconds = 2;
constexpr double kTerminalInterval = 0.2;
constexpr double kLogInterval = 10;

// Written by the signal handler: must be static and lock-free.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// When the first signal came, in milliseconds of the monotonic clock.
std::atomic<std::int64_t> interrupted_at{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void on_signal(int signal) {
  // Some senders signal a process and then its group: what comes at once is the same wish, not a second one.
  constexpr std::int64_t kSameWish = 500;
  if (!interrupted.exchange(true)) {
    interrupted_at.store(now_ms());
  } else if (now_ms() - interrupted_at.load() > kSameWish) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

// A signal that is ignored, as that of a job in the background of a script, stays ignored.
void listen_to(int signal) {
  if (std::signal(signal, SIG_IGN) != SIG_IGN) {
    std::signal(signal, on_signal);
  }
}

void stop_listening_to(int signal) {
  if (std::signal(signal, SIG_IGN) != SIG_IGN) {
    std::signal(signal, SIG_DFL);
  }
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

void ProgressLine::show(const std::string& done, double seconds, double share) {
  const double interval = terminal_ ? kTerminalInterval : kLogInterval;
  if (seconds < kSilentSeconds || (shown_ && seconds < last_seconds_ + interval)) {
    return;
  }
  const std::string left =
      share > 0 ? "about " + duration(seconds * (1 - share) / share) + " left" : "time left not known yet";
  fmt::print(stderr, "{}{}, {} so far, {}{}", terminal_ ? "\r\033[K" : "", done, duration(seconds), left,
             terminal_ ? "" : "\n");
  std::fflush(stderr);
  shown_ = true;
  last_seconds_ = seconds;
}

void ProgressLine::show(const FitProgress& progress) {
  const std::string best =
      progress.best_rss ? fmt::format(", best residual sum of squares {:.8g}", *progress.best_rss) : "";
  show(fmt::format("{} of {} starts, {} iterations{}", progress.starts_done, progress.starts_planned,
                   progress.iterations, best),
       progress.seconds, progress.share_done);
}

InterruptGuard::InterruptGuard() {
  interrupted.store(false);
  listen_to(SIGINT);
  listen_to(SIGTERM);
}

InterruptGuard::~InterruptGuard() {
  stop_listening_to(SIGINT);
  stop_listening_to(SIGTERM);
}

const std::atomic<bool>* InterruptGuard::flag() const { return &interrupted; }

}  // namespace moest::app
