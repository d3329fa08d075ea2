#include "moest/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "moest/base/error.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (descriptor_ > STDERR_FILENO) {
      ::close(descriptor_);
    }
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

InputError unreadable(const std::string& path, int error) {
  return {fmt::format("cannot read {}", path), std::strerror(error),
          "Check the path and its permissions; `-` reads standard input."};
}

EnvironmentError unwritable(const std::string& path, int error) {
  return {fmt::format("cannot write {}", path), std::strerror(error),
          "Check the folder, its permissions and the free space on the disk."};
}

void write_all(int descriptor, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw unwritable(path, errno);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string read_all(int descriptor, std::size_t size_hint, const std::string& path) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::string content;
  std::size_t used = 0;
  content.resize(size_hint + 1);
  while (true) {
    if (content.size() == used) {
      content.resize(used + std::max(kChunk, used / 2));
    }
    const ssize_t got = ::read(descriptor, content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw unreadable(path, errno);
    }
    if (got == 0) {
      content.resize(used);
      return content;
    }
    used += static_cast<std::size_t>(got);
  }
}

bool is_gzip(std::string_view content) {
  return content.size() > 2 && content[0] == '\x1f' && content[1] == '\x8b';
}

std::string decompressed(const std::string& content, const std::string& path) {
  constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, gzip framing
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    throw EnvironmentError(fmt::format("cannot decompress {}", path), "zlib did not start",
                           "Free some memory and try again.");
  }
  std::string text;
  std::array<char, std::size_t{1} << 16> buffer{};
  std::size_t consumed = 0;
  int status = Z_OK;
  while (consumed < content.size() || status == Z_OK) {
    const std::size_t piece = std::min(content.size() - consumed, std::size_t{1} << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data() + consumed));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = inflate(&stream, Z_NO_FLUSH);
    consumed += piece - stream.avail_in;
    text.append(buffer.data(), buffer.size() - stream.avail_out);
    if (status == Z_STREAM_END && consumed < content.size()) {
      status = inflateReset(&stream);  // a file of several gzip members
    } else if (status != Z_OK) {
      break;
    }
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END) {
    throw InputError(fmt::format("cannot decompress {}", path), "the gzip data is damaged or cut short",
                     "Check the file with `gzip -t` and fetch or make it again.");
  }
  return text;
}

fs::path folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

bool is_written_in_place(const std::string& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

}  // namespace

std::string read_input(const std::string& path) {
  const FileDescriptor file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    throw unreadable(path, errno);
  }
  struct stat status {};
  ::fstat(file.get(), &status);
  const bool regular = S_ISREG(status.st_mode);
  std::string content = read_all(file.get(), regular ? static_cast<std::size_t>(status.st_size) : 0, path);
  return is_gzip(content) ? decompressed(content, path) : content;
}

void write_output(const std::string& path, std::string_view content) {
  if (path == "-") {
    write_all(STDOUT_FILENO, content, "standard output");
    return;
  }
  if (is_written_in_place(path)) {
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0) {
      throw unwritable(path, errno);
    }
    write_all(file.get(), content, path);
    return;
  }
  // A link keeps pointing to the same place: the file behind it is replaced.
  std::error_code ignored;
  const fs::path target = fs::is_symlink(path, ignored) ? fs::weakly_canonical(path) : fs::path(path);
  std::string temporary = fmt::format("{}.tmp-XXXXXX", target.string());
  const FileDescriptor file(::mkstemp(temporary.data()));
  if (file.get() < 0) {
    throw unwritable(path, errno);
  }
  try {
    write_all(file.get(), content, path);
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(file.get(), 0666 & ~mask) != 0 || ::fsync(file.get()) != 0 ||
        ::rename(temporary.c_str(), target.c_str()) != 0) {
      throw unwritable(path, errno);
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void check_output(const std::string& path) {
  if (path == "-" || path.empty()) {
    return;
  }
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw InputError(fmt::format("cannot write {}", path), "it is a folder", "Name a file inside it.");
  }
  const fs::path folder = folder_of(path);
  if (!fs::is_directory(folder, ignored)) {
    throw InputError(fmt::format("cannot write {}", path),
                     fmt::format("there is no folder {}", folder.string()),
                     "Make the folder first or name another.");
  }
  if (!is_written_in_place(path) && ::access(folder.c_str(), W_OK) != 0) {
    throw InputError(fmt::format("cannot write {}", path),
                     fmt::format("the folder {} is not writable", folder.string()),
                     "Name a folder that you may write to.");
  }
}

}  // namespace moest
