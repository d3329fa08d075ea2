#include "moest/report/gnuplot.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/number.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

// Okabe and Ito's colours.
constexpr std::array<std::string_view, 7> kColours{"#0072B2", "#E69F00", "#009E73", "#CC79A7",
                                                   "#56B4E9", "#D55E00", "#F0E442"};

/// A file of the system's temporary folder that goes away with its object.
class TemporaryFile {
 public:
  TemporaryFile() : path_((fs::temp_directory_path() / "moest-plot-XXXXXX").string()) {
    const int descriptor = ::mkstemp(path_.data());
    if (descriptor < 0) {
      throw EnvironmentError("cannot make a temporary file", path_,
                             "Check TMPDIR and the free space on its disk.");
    }
    ::close(descriptor);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string terminal(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (ending == ".svg") {
    return "svg size 900,680 dynamic background '#ffffff' font 'Helvetica,14' noenhanced";
  }
  if (ending == ".pdf") {
    return "pdfcairo size 6.5in,4.9in font 'Helvetica,11' noenhanced";
  }
  if (ending == ".png") {
    return "pngcairo size 1350,1020 font 'Helvetica,20' noenhanced";
  }
  throw InputError(fmt::format("cannot draw {}", path),
                   ending.empty() ? "the name has no ending that tells the format"
                                  : fmt::format("the ending `{}` is no known format", ending),
                   "Use .svg, .pdf or .png.");
}

}  // namespace

void check_picture(const std::string& path) { static_cast<void>(terminal(path)); }

// In single quotes, where gnuplot expands nothing: in double ones it would run what stands between backquotes
// as a shell command. Line ends and other control characters have no place in a label.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    result += is_control ? ' ' : c;
    if (c == '\'') {
      result += c;
    }
  }
  return result + "'";
}

std::string in_shell_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    result += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return result + "'";
}

std::string data_block(std::string_view name, const Eigen::MatrixXd& rows) {
  std::string text = fmt::format("${} << EOD\n", name);
  for (Eigen::Index row = 0; row < rows.rows(); ++row) {
    for (Eigen::Index column = 0; column < rows.cols(); ++column) {
      const double value = rows(row, column);
      text += std::isfinite(value) ? exact_text(value) : "NaN";
      text += column + 1 < rows.cols() ? ' ' : '\n';
    }
  }
  return text + "EOD\n";
}

std::string colour(Eigen::Index index) {
  return std::string(kColours[static_cast<std::size_t>(index) % kColours.size()]);
}

void run_gnuplot(const std::string& script, const std::string& path) {
  const TemporaryFile script_file;
  const TemporaryFile picture;
  write_output(script_file.path(), fmt::format("set terminal {}\nset output {}\n{}", terminal(path),
                                               in_quotes(picture.path()), script));
  // -d: no start-up files of the user.
  const std::string command = fmt::format("gnuplot -d {} 2>&1", in_shell_quotes(script_file.path()));
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::string messages;
  std::array<char, 512> buffer{};
  while (pipe != nullptr && std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
    messages += buffer.data();
  }
  const int status = pipe == nullptr ? -1 : ::pclose(pipe);
  const std::string content = read_input(picture.path());
  if (status != 0 || content.empty()) {
    const auto end = messages.find_last_not_of(" \n");
    messages.resize(end == std::string::npos ? 0 : end + 1);
    throw EnvironmentError(fmt::format("cannot draw {}", path), fmt::format("gnuplot says: {}", messages),
                           "Install gnuplot (Debian: gnuplot-nox) if it is missing.");
  }
  write_output(path, content);
}

}  // namespace moest
