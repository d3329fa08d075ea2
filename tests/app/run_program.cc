#include "tests/app/run_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace moest {
namespace {

namespace fs = std::filesystem;

// What a run reads and writes, by names that no test uses; they are not counted among the workspace's files.
constexpr const char* kIn = ".stdin";
constexpr const char* kOut = ".stdout";
constexpr const char* kErr = ".stderr";

void redirect(const fs::path& path, int flags, int descriptor) {
  const int file = ::open(path.c_str(), flags, 0600);
  if (file < 0 || ::dup2(file, descriptor) < 0) {
    ::_exit(127);
  }
  ::close(file);
}

pid_t spawn(const Workspace& workspace, const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t process = ::fork();
  if (process < 0) {
    throw std::runtime_error("fork failed");
  }
  if (process == 0) {
    redirect(workspace.path(kIn), O_RDONLY, STDIN_FILENO);
    redirect(workspace.path(kOut), O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    redirect(workspace.path(kErr), O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);
    if (::chdir(workspace.path("").c_str()) == 0) {
      ::execvp(arguments[0], arguments.data());
    }
    ::_exit(127);
  }
  return process;
}

RunResult wait_for(const Workspace& workspace, pid_t process) {
  int status = 0;
  if (::waitpid(process, &status, 0) != process) {
    throw std::runtime_error("waitpid failed");
  }
  return {workspace.read(kOut), workspace.read(kErr),
          WIFEXITED(status) ? WEXITSTATUS(status) : -1 - WTERMSIG(status)};
}

std::vector<std::string> with_program(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{MOEST_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace

Workspace::Workspace() {
  std::string name = (fs::temp_directory_path() / "moest-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary folder");
  }
  folder_ = name;
}

Workspace::~Workspace() {
  std::error_code ignored;
  fs::permissions(folder_, fs::perms::owner_all, ignored);
  fs::remove_all(folder_, ignored);
}

void Workspace::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name), std::ios::binary) << content;
}

std::string Workspace::read(const std::string& name) const {
  std::ifstream stream(path(name), std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

nlohmann::ordered_json Workspace::read_json(const std::string& name) const {
  return nlohmann::ordered_json::parse(read(name));
}

std::vector<std::string> Workspace::files() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name != kIn && name != kOut && name != kErr) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

RunResult Workspace::moest(const std::vector<std::string>& arguments,
                           const std::string& standard_input) const {
  return run(with_program(arguments), standard_input);
}

RunResult Workspace::run(const std::vector<std::string>& command, const std::string& standard_input) const {
  write(kIn, standard_input);
  return wait_for(*this, spawn(*this, command));
}

BackgroundRun::BackgroundRun(const Workspace& workspace, const std::vector<std::string>& arguments)
    : workspace_(workspace) {
  workspace.write(kIn, "");
  process_ = spawn(workspace, with_program(arguments));
}

BackgroundRun::~BackgroundRun() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
}

void BackgroundRun::send(int signal) const { ::kill(process_, signal); }

RunResult BackgroundRun::result() { return wait_for(workspace_, std::exchange(process_, 0)); }

std::string csv(const std::string& header, const std::vector<std::vector<double>>& rows) {
  std::ostringstream text;
  text.precision(17);
  text << header << "\n";
  for (const std::vector<double>& row : rows) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      text << (j > 0 ? "," : "") << row[j];
    }
    text << "\n";
  }
  return text.str();
}

std::vector<std::vector<double>> noisy_rows(const std::function<double(double)>& f) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 150; ++i) {
    const double x = 0.02 * i - 1.5;
    rows.push_back({x, f(x) + 0.1 * std::sin(12.9898 * i * i)});
  }
  return rows;
}

std::vector<std::vector<std::string>> fields_of(const std::string& csv_text) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream stream(csv_text);
  for (std::string line; std::getline(stream, line);) {
    std::vector<std::string>& fields = lines.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      fields.push_back(cell);
    }
  }
  return lines;
}

}  // namespace moest
