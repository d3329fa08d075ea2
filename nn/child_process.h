// Another program, run beside this one.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace moest::nn {

/// What became of a process that has ended.
struct ChildEnd {
  int status = 0;  // of exit; -1 where a signal ended it
  int signal = 0;
};

/// A child process that reads nothing. One that still runs when its object goes is interrupted and waited
/// for. On Linux it is killed when the thread that started it ends, as by a kill of this process: it then
/// writes no more where a new start may write.
class ChildProcess {
 public:
  /// Starts `arguments` (the first is the program's path), its output in files. Throws EnvironmentError where
  /// that fails.
  ChildProcess(const std::vector<std::string>& arguments, const std::string& output,
               const std::string& errors);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// How it ended, if it has; does not wait.
  std::optional<ChildEnd> poll();
  /// Asks it to end, as Ctrl-C does.
  void interrupt();

 private:
  pid_t process_ = -1;  // -1 once it has ended
};

}  // namespace moest::nn
