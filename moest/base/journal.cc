#include "moest/base/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/file.h"

namespace moest {
namespace {

EnvironmentError write_error(const std::string& path) {
  return {fmt::format("{} cannot be written", path), std::strerror(errno),
          "Choose another file, or make room."};
}

}  // namespace

Journal::Journal(std::string path) : path_(std::move(path)) {
  check_output(path_);
  if (std::filesystem::exists(path_)) {
    if (!std::filesystem::is_regular_file(path_)) {
      throw InputError(fmt::format("{} cannot be gone on with", path_), "it is no regular file",
                       "Choose another file.");
    }
    const std::string content = read_input(path_);
    for (std::size_t end = content.find('\n'); end != std::string::npos; end = content.find('\n', whole_)) {
      lines_.push_back(content.substr(whole_, end - whole_));
      whole_ = end + 1;
    }
  }
}

void Journal::open() {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  const auto at = static_cast<off_t>(whole_);
  if (file_ < 0 || ::ftruncate(file_, at) != 0 || ::lseek(file_, at, SEEK_SET) != at) {
    throw write_error(path_);
  }
}

Journal::~Journal() {
  if (file_ >= 0) {
    ::close(file_);
  }
}

void Journal::append(std::string_view line) {
  MOEST_EXPECT(line.find('\n') == std::string_view::npos);
  if (file_ < 0) {
    open();
  }
  const std::string text = std::string(line) + '\n';
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(file_, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) {
      throw write_error(path_);
    }
    done += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  if (::fsync(file_) != 0 && errno != EINVAL) {
    throw write_error(path_);
  }
}

}  // namespace moest
