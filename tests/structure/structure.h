// Rules about the shape of the repository, each a function from a source folder to the list of its
// violations, so that a test can also feed it a folder that breaks the rule.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace moest {

using Violations = std::vector<std::string>;

/// The rooms that `root`/moest/README.md lists under "Rooms in dependency order", in that order.
std::vector<std::string> listed_rooms(const std::filesystem::path& root);

/// Every folder under moest/ is listed, every listed room exists, every source file lies in a room.
Violations folder_map_violations(const std::filesystem::path& root);

/// A file of a room includes, in quotes, only existing "moest/..." headers of its own room or of one listed
/// before it; app/ may include any room and its own headers, nn/ those of app/ too; nobody writes
/// <moest/...>.
Violations include_order_violations(const std::filesystem::path& root);

/// Every header says #pragma once, and every moest/x/y.cc has its moest/x/y.h.
Violations header_violations(const std::filesystem::path& root);

/// No source file holds a tab or a note about unfinished work.
Violations forbidden_text_violations(const std::filesystem::path& root);

/// Every room with sources has tests, and every folder of tests mirrors a room or a folder of the repository.
Violations test_mirror_violations(const std::filesystem::path& root);

/// CITATION.cff, and CHANGELOG.md where it exists, name the version that VERSION holds.
Violations version_violations(const std::filesystem::path& root);

}  // namespace moest
