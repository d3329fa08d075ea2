// Progress of a fit on standard error, and its interruption by Ctrl-C.
#pragma once

#include <atomic>
#include <string>

#include "moest/fit/control.h"

namespace moest::app {

/// Writes the state of a fit that takes longer than two seconds: on a terminal one line that is rewritten, in
/// a log file a plain line every ten seconds, with an estimate of the time left.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  void show(const FitProgress& progress);
  /// What was done so far, as text, in so many seconds, and which share of the whole it is.
  void show(const std::string& done, double seconds, double share);

 private:
  bool terminal_;
  bool shown_ = false;
  double last_seconds_ = 0;
};

/// While it lives, the first Ctrl-C (or SIGTERM) sets a flag instead of ending the program; a second one, at
/// least half a second later, ends it.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  const std::atomic<bool>* flag() const;
};

}  // namespace moest::app
