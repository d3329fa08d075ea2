// A file of lines that grows while work is done, and from which the work goes on after a crash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// Lines that are appended whole and reach the disk before append() returns. A last line that a kill cut short
/// is not there when the journal is opened again.
class Journal {
 public:
  /// Opens the file, or makes it. Throws InputError if it cannot be read, EnvironmentError if it cannot be
  /// written.
  explicit Journal(std::string path);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  /// What it held when it was opened.
  const std::vector<std::string>& lines() const { return lines_; }
  /// line: without a line break. Throws EnvironmentError. Not for two threads at once.
  void append(std::string_view line);

 private:
  std::string path_;
  std::vector<std::string> lines_;
  int file_ = -1;
};

}  // namespace moest
