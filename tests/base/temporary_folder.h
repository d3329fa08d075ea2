// A folder of a test's own that is gone with it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace moest {

class TemporaryFolder {
 public:
  TemporaryFolder() { std::filesystem::create_directories(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string path() const { return path_.string(); }
  /// The path of a name in it.
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  /// Writes a file, makes the folders above it, and returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path(name);
  }

 private:
  static std::string unique_name() {
    static int count = 0;
    return "moest_test_" + std::to_string(::getpid()) + "_" + std::to_string(count++);
  }

  std::filesystem::path path_ = std::filesystem::temp_directory_path() / unique_name();
};

}  // namespace moest
