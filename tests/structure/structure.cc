#include "tests/structure/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string_view>

namespace moest {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

bool is_cpp(const fs::path& file) { return file.extension() == ".h" || file.extension() == ".cc"; }

/// Regular files under `root`/`folder`, sorted; none if there is no such folder.
std::vector<fs::path> files_under(const fs::path& root, std::string_view folder) {
  std::vector<fs::path> files;
  if (fs::is_directory(root / folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file()) {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_directory()) {
        names.push_back(entry.path().filename().string());
      }
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string shown(const fs::path& file, const fs::path& root) { return fs::relative(file, root).string(); }

/// The room of a path such as moest/fit/options.h, empty if the path has none.
std::string room_of(const fs::path& relative) {
  const std::vector<fs::path> parts(relative.begin(), relative.end());
  return parts.size() >= 3 && parts[0] == "moest" ? parts[1].string() : std::string();
}

/// What is wrong with `included`, included by `file`; empty if nothing is.
std::string include_problem(const fs::path& root, const fs::path& file, const std::string& included,
                            const std::vector<std::string>& rooms) {
  const std::string room = room_of(fs::relative(file, root));
  const std::string folder = fs::relative(file, root).begin()->string();
  const bool in_library = folder == "moest";
  const bool is_own = !in_library && included.starts_with(folder + "/");
  const bool is_of_command_line = folder == "nn" && included.starts_with("app/");
  if (!included.starts_with("moest/") && !is_own && !is_of_command_line) {
    return in_library       ? "is not moest/..."
           : folder == "nn" ? "is none of moest/..., app/... and nn/..."
                            : fmt::format("is neither moest/... nor {}/...", folder);
  }
  if (!fs::is_regular_file(root / included)) {
    return "does not exist";
  }
  if (!in_library) {
    return {};
  }
  const auto own = std::find(rooms.begin(), rooms.end(), room);
  if (own == rooms.end() || std::find(rooms.begin(), own + 1, room_of(included)) == own + 1) {
    return fmt::format("belongs to a room that is not above {}", room);
  }
  return {};
}

}  // namespace

std::vector<std::string> listed_rooms(const fs::path& root) {
  static const std::regex kItem("^[0-9]+\\. `([a-z_]+)`:.*");
  std::vector<std::string> rooms;
  bool in_map = false;
  for (const std::string& line : lines_of(root / "moest" / "README.md")) {
    std::smatch match;
    if (line.starts_with("## ")) {
      in_map = line == "## Rooms in dependency order";
    } else if (in_map && std::regex_match(line, match, kItem)) {
      rooms.push_back(match[1]);
    }
  }
  return rooms;
}

Violations folder_map_violations(const fs::path& root) {
  const std::vector<std::string> listed = listed_rooms(root);
  const std::vector<std::string> existing = folders_in(root / "moest");
  Violations violations;
  if (listed.empty()) {
    violations.push_back("moest/README.md lists no rooms under `## Rooms in dependency order`");
  }
  for (const std::string& room : existing) {
    if (!contains(listed, room)) {
      violations.push_back(fmt::format("moest/{} is not listed in moest/README.md", room));
    }
  }
  for (const std::string& room : listed) {
    if (!contains(existing, room)) {
      violations.push_back(
          fmt::format("moest/README.md lists {}, but there is no folder moest/{}", room, room));
    }
  }
  for (const fs::path& file : files_under(root, "moest")) {
    if (is_cpp(file) && room_of(fs::relative(file, root)).empty()) {
      violations.push_back(fmt::format("{} lies in no room", shown(file, root)));
    }
  }
  return violations;
}

Violations include_order_violations(const fs::path& root) {
  static const std::regex kInclude("^\\s*#\\s*include\\s*([\"<])([^\">]+)[\">].*");
  const std::vector<std::string> rooms = listed_rooms(root);
  Violations violations;
  for (const std::string_view folder : {"moest", "app", "nn", "python"}) {
    for (const fs::path& file : files_under(root, folder)) {
      if (!is_cpp(file)) {
        continue;
      }
      for (const std::string& line : lines_of(file)) {
        std::smatch match;
        if (!std::regex_match(line, match, kInclude)) {
          continue;
        }
        const std::string included = match[2];
        const bool quoted = match[1] == "\"";
        std::string problem;
        if (quoted) {
          problem = include_problem(root, file, included, rooms);
        } else if (included.starts_with("moest/") || included.starts_with("app/") ||
                   included.starts_with("nn/")) {
          problem = "must be included with quotes";
        }
        if (!problem.empty()) {
          violations.push_back(fmt::format("{} includes {}, which {}", shown(file, root), included, problem));
        }
      }
    }
  }
  return violations;
}

Violations header_violations(const fs::path& root) {
  constexpr std::string_view kTargetToggle =
      "#if defined(MOEST_KERNEL_VECTOR_MATH_H) == defined(HWY_TARGET_TOGGLE)";
  Violations violations;
  for (const std::string_view folder : {"moest", "app", "nn", "python", "tests", "tools", "bench"}) {
    for (const fs::path& file : files_under(root, folder)) {
      if (file.extension() == ".h") {
        const std::vector<std::string> lines = lines_of(file);
        // Read once per instruction set: without a guard, or with one that highway turns over.
        const bool repeats = file.filename().string().ends_with("-inl.h") || contains(lines, kTargetToggle);
        if (!repeats && !contains(lines, "#pragma once")) {
          violations.push_back(fmt::format("{} lacks #pragma once", shown(file, root)));
        }
      }
      if (folder == "moest" && file.extension() == ".cc" &&
          !fs::exists(fs::path(file).replace_extension(".h"))) {
        violations.push_back(fmt::format("{} has no header beside it", shown(file, root)));
      }
    }
  }
  return violations;
}

Violations forbidden_text_violations(const fs::path& root) {
  // The words are put together here so that this file does not hold them.
  static const std::regex kUnfinished(std::string("\\b(TO") + "DO|FIX" + "ME)\\b");
  static constexpr std::array kSourceExtensions{".h", ".cc", ".cmake", ".in", ""};
  Violations violations;
  for (const std::string_view folder :
       {"moest", "app", "nn", "python", "tools", "tests", "bench", "cmake", ".ci"}) {
    for (const fs::path& file : files_under(root, folder)) {
      const std::string extension = file.extension().string();
      const bool is_source =
          file.filename() == "CMakeLists.txt" ||
          std::find(kSourceExtensions.begin(), kSourceExtensions.end(), extension) != kSourceExtensions.end();
      if (!is_source) {
        continue;
      }
      const std::string content = content_of(file);
      if (content.find('\t') != std::string::npos) {
        violations.push_back(fmt::format("{} holds a tab", shown(file, root)));
      }
      std::smatch match;
      if (std::regex_search(content, match, kUnfinished)) {
        violations.push_back(fmt::format("{} holds the word {}", shown(file, root), match.str()));
      }
    }
  }
  return violations;
}

Violations test_mirror_violations(const fs::path& root) {
  // Tests of the repository itself rather than of one of its folders.
  static constexpr std::array kOwnFolders{"structure", "install", "sanitizer"};
  const std::vector<std::string> rooms = listed_rooms(root);
  Violations violations;
  for (const std::string& folder : folders_in(root / "tests")) {
    const bool is_own = std::find(kOwnFolders.begin(), kOwnFolders.end(), folder) != kOwnFolders.end();
    if (!is_own && !contains(rooms, folder) && !fs::is_directory(root / folder)) {
      violations.push_back(
          fmt::format("tests/{} mirrors neither a room nor a folder of the repository", folder));
    }
  }
  for (const std::string& room : rooms) {
    const std::vector<fs::path> sources = files_under(root, "moest/" + room);
    const std::vector<fs::path> tests = files_under(root, "tests/" + room);
    const bool has_tests = std::any_of(tests.begin(), tests.end(), [](const fs::path& file) {
      return file.filename().string().ends_with("_test.cc");
    });
    if (std::any_of(sources.begin(), sources.end(), is_cpp) && !has_tests) {
      violations.push_back(fmt::format("moest/{} has no test tests/{}/*_test.cc", room, room));
    }
  }
  return violations;
}

Violations version_violations(const fs::path& root) {
  static const std::regex kCitation("^version: *\"?([^\"]+)\"?$");
  static const std::regex kRelease("^## \\[?([0-9]+\\.[0-9]+\\.[0-9]+)\\]?.*");
  Violations violations;
  const std::vector<std::string> version_lines = lines_of(root / "VERSION");
  const std::string version = version_lines.empty() ? "" : version_lines.front();
  if (version.empty()) {
    return {"VERSION is missing or empty"};
  }
  const auto compare_first = [&](const std::string& file, const std::regex& pattern) {
    for (const std::string& line : lines_of(root / file)) {
      std::smatch match;
      if (std::regex_match(line, match, pattern)) {
        if (match[1] != version) {
          violations.push_back(fmt::format("{} says {}, VERSION says {}", file, match[1].str(), version));
        }
        return;
      }
    }
    violations.push_back(fmt::format("{} names no version", file));
  };
  compare_first("CITATION.cff", kCitation);
  if (fs::exists(root / "CHANGELOG.md")) {
    compare_first("CHANGELOG.md", kRelease);
  }
  return violations;
}

}  // namespace moest
