// Runs the moest program as a user does: in a folder of its own, with its output caught.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace moest {

/// How a run of a program ended.
struct RunResult {
  std::string out;  // standard output
  std::string err;  // standard error
  int status = -1;  // exit status; -1 - SIGNAL where a signal ended it
};

/// A fresh temporary folder that goes away with the object, and runs of programs in it.
class Workspace {
 public:
  Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();

  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& content) const;
  /// The whole file; empty if there is none.
  std::string read(const std::string& name) const;
  nlohmann::ordered_json read_json(const std::string& name) const;
  /// Names of the files that are there now, sorted.
  std::vector<std::string> files() const;

  /// Runs moest with these arguments and waits for its end.
  RunResult moest(const std::vector<std::string>& arguments, const std::string& standard_input = "") const;
  /// Runs any program, found in PATH.
  RunResult run(const std::vector<std::string>& command, const std::string& standard_input = "") const;

 private:
  std::filesystem::path folder_;
};

/// A moest that runs on its own until it is waited for.
class BackgroundRun {
 public:
  BackgroundRun(const Workspace& workspace, const std::vector<std::string>& arguments);
  BackgroundRun(const BackgroundRun&) = delete;
  BackgroundRun& operator=(const BackgroundRun&) = delete;
  ~BackgroundRun();

  void send(int signal) const;
  /// Waits for its end.
  RunResult result();

 private:
  const Workspace& workspace_;
  pid_t process_;
};

/// CSV text of a header and rows.
std::string csv(const std::string& header, const std::vector<std::vector<double>>& rows);

/// (x, f(x) + noise) for 150 values of x from -1.5 to 1.48, the noise between -0.1 and 0.1 and always the
/// same.
std::vector<std::vector<double>> noisy_rows(const std::function<double(double)>& f);

/// The fields of CSV text without quotes, line by line.
std::vector<std::vector<std::string>> fields_of(const std::string& csv_text);

}  // namespace moest
