#include "nn/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "moest/base/error.h"

namespace moest::nn {
namespace {

/// Opens the file as one of the standard streams.
bool redirect(const char* path, int flags, int stream) {
  constexpr mode_t kMode = 0666;
  const int file = ::open(path, flags, kMode);
  return file >= 0 && (file == stream || (::dup2(file, stream) >= 0 && ::close(file) == 0));
}

/// The child's part after fork(), of calls that are safe where the parent has threads. What hinders it goes
/// as `errno` into the pipe, which closes where the program begins.
[[noreturn]] void become(char* const* arguments, const char* output, const char* errors,
                         [[maybe_unused]] pid_t parent, int pipe) {
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {  // which ended before the call
    ::_exit(EXIT_FAILURE);
  }
#endif
  constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC;
  if (redirect("/dev/null", O_RDONLY, STDIN_FILENO) && redirect(output, kNewFile, STDOUT_FILENO) &&
      redirect(errors, kNewFile, STDERR_FILENO)) {
    ::execv(arguments[0], arguments);
  }
  const int problem = errno;
  [[maybe_unused]] const ssize_t written = ::write(pipe, &problem, sizeof(problem));
  ::_exit(EXIT_FAILURE);
}

ChildEnd end_of(int status) {
  return WIFEXITED(status) ? ChildEnd{WEXITSTATUS(status), 0} : ChildEnd{-1, WTERMSIG(status)};
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::string& output,
                           const std::string& errors) {
  std::vector<std::string> words = arguments;
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  const auto fail = [&](int problem) {
    throw EnvironmentError(fmt::format("cannot run {}", arguments.front()), std::strerror(problem),
                           "Check the program, and the folder that its output goes to.");
  };
  std::array<int, 2> ends{};  // to read, to write
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail(errno);
  }
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    become(pointers.data(), output.c_str(), errors.c_str(), parent, ends[1]);
  }
  int problem = process_ < 0 ? errno : 0;
  ::close(ends[1]);
  while (process_ > 0 && ::read(ends[0], &problem, sizeof(problem)) < 0 && errno == EINTR) {
  }
  ::close(ends[0]);
  if (problem != 0) {
    if (process_ > 0) {
      ::waitpid(process_, nullptr, 0);
    }
    process_ = -1;
    fail(problem);
  }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : process_(std::exchange(other.process_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(process_, other.process_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (process_ >= 0) {
    interrupt();
    ::waitpid(process_, nullptr, 0);
  }
}

std::optional<ChildEnd> ChildProcess::poll() {
  int status = 0;
  if (process_ < 0 || ::waitpid(process_, &status, WNOHANG) != process_) {
    return std::nullopt;
  }
  process_ = -1;
  return end_of(status);
}

void ChildProcess::interrupt() {
  if (process_ >= 0) {
    ::kill(process_, SIGINT);
  }
}

}  // namespace moest::nn
