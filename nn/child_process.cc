#include "nn/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "moest/base/error.h"

namespace moest::nn {
namespace {

/// Where a child's standard streams go.
class Redirections {
 public:
  Redirections(const std::string& output, const std::string& errors) {
    constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC;
    constexpr mode_t kMode = 0666;
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, output.c_str(), kNewFile, kMode);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, errors.c_str(), kNewFile, kMode);
  }
  Redirections(const Redirections&) = delete;
  Redirections& operator=(const Redirections&) = delete;
  ~Redirections() { posix_spawn_file_actions_destroy(&actions_); }

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

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
  const Redirections redirections(output, errors);
  const int problem =
      ::posix_spawn(&process_, pointers.front(), redirections.get(), nullptr, pointers.data(), environ);
  if (problem != 0) {
    process_ = -1;
    throw EnvironmentError(fmt::format("cannot run {}", arguments.front()), std::strerror(problem),
                           "Check the program, and the folder that its output goes to.");
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
