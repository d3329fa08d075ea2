// A file of lines that grows while work is done, and from which the work goes on after a crash.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// Lines that are appended whole and reach the disk before append() returns. A last line that a kill cut
/// short is not there when the journal is opened again.
class Journal {
 public:
  /// Reads the file, if there is one; it is made when the first line is appended. Throws InputError if it
  /// cannot be read or clearly not be written.
  explicit Journal(std::string path);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  /// What it held when it was opened.
  const std::vector<std::string>& lines() const { return lines_; }
  /// line: without a line break. Throws EnvironmentError. Not for two threads at once.
  void append(std::string_view line);

 private:
  void open();

  std::string path_;
  std::size_t whole_ = 0;  // bytes of the lines that it held
  std::vector<std::string> lines_;
  int file_ = -1;
};

}  // namespace moest
