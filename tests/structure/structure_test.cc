#include "tests/structure/structure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Repository, KeepsToItsFolderMap) { EXPECT_THAT(folder_map_violations(MOEST_SOURCE_DIR), IsEmpty()); }
TEST(Repository, KeepsToItsIncludeOrder) {
  EXPECT_THAT(include_order_violations(MOEST_SOURCE_DIR), IsEmpty());
}
TEST(Repository, HasProperHeaders) { EXPECT_THAT(header_violations(MOEST_SOURCE_DIR), IsEmpty()); }
TEST(Repository, HoldsNoForbiddenText) {
  EXPECT_THAT(forbidden_text_violations(MOEST_SOURCE_DIR), IsEmpty());
}
TEST(Repository, TestsMirrorTheRooms) { EXPECT_THAT(test_mirror_violations(MOEST_SOURCE_DIR), IsEmpty()); }
TEST(Repository, NamesOneVersion) { EXPECT_THAT(version_violations(MOEST_SOURCE_DIR), IsEmpty()); }

/// A small repository that keeps all rules, in a temporary folder, for a test to break one of them.
class PlantedRepository : public testing::Test {
 protected:
  PlantedRepository() {
    root_ = fs::path(testing::TempDir()) / ("moest_structure_" + std::to_string(::getpid()));
    fs::remove_all(root_);
    write("moest/README.md",
          "# Map\n\n1. `outside`: not in the section.\n\n## Rooms in dependency order\n\n"
          "1. `low`: first.\n2. `high`: second.\n\n## Notes\n\n1. `later`: not in the section.\n");
    write("moest/low/a.h", "#pragma once\n");
    write("moest/low/a.cc", "#include \"moest/low/a.h\"\n\n#include <vector>\n");
    write("moest/high/b.h", "#pragma once\n#include \"moest/low/a.h\"\n");
    write("app/main.cc", "#include \"moest/high/b.h\"\n");
    write("app/help.h", "#pragma once\n");
    write("nn/main.cc", "#include \"app/help.h\"\n#include \"moest/low/a.h\"\n#include \"nn/router.h\"\n");
    write("nn/router.h", "#pragma once\n");
    write("tests/low/a_test.cc", "\n");
    write("tests/high/b_test.cc", "\n");
    write("VERSION", "1.2.3\n");
    write("CITATION.cff", "cff-version: 1.2.0\nversion: 1.2.3\n");
    write("CHANGELOG.md", "# Changes\n\n## Unreleased\n\n## 1.2.3 - today\n\n## 1.0.0\n");
  }
  ~PlantedRepository() override { fs::remove_all(root_); }

  void write(const fs::path& file, std::string_view content) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << content;
  }

  fs::path root_;
};

TEST_F(PlantedRepository, PassesEveryRuleBeforeItIsBroken) {
  EXPECT_THAT(listed_rooms(root_), ElementsAre("low", "high"));
  EXPECT_THAT(folder_map_violations(root_), IsEmpty());
  EXPECT_THAT(include_order_violations(root_), IsEmpty());
  EXPECT_THAT(header_violations(root_), IsEmpty());
  EXPECT_THAT(forbidden_text_violations(root_), IsEmpty());
  EXPECT_THAT(test_mirror_violations(root_), IsEmpty());
  EXPECT_THAT(version_violations(root_), IsEmpty());
}

TEST_F(PlantedRepository, ReportsAFolderThatIsNotListed) {
  write("moest/secret/c.h", "#pragma once\n");
  EXPECT_THAT(folder_map_violations(root_), ElementsAre(HasSubstr("moest/secret is not listed")));
}

TEST_F(PlantedRepository, ReportsAListedRoomThatIsMissing) {
  fs::remove_all(root_ / "moest/high");
  EXPECT_THAT(folder_map_violations(root_), ElementsAre(HasSubstr("there is no folder moest/high")));
}

TEST_F(PlantedRepository, ReportsASourceOutsideTheRooms) {
  write("moest/stray.h", "#pragma once\n");
  EXPECT_THAT(folder_map_violations(root_), ElementsAre("moest/stray.h lies in no room"));
}

TEST_F(PlantedRepository, ReportsAMissingMap) {
  fs::remove(root_ / "moest/README.md");
  EXPECT_THAT(folder_map_violations(root_), testing::Contains(HasSubstr("lists no rooms")));
}

TEST_F(PlantedRepository, ReportsAnIncludeOfALaterRoom) {
  write("moest/low/a.cc", "#include \"moest/high/b.h\"\n");
  EXPECT_THAT(
      include_order_violations(root_),
      ElementsAre("moest/low/a.cc includes moest/high/b.h, which belongs to a room that is not above low"));
}

TEST_F(PlantedRepository, ReportsAnIncludeThatIsNotByItsFullName) {
  write("moest/low/a.cc", "  #  include \"a.h\"  // short\n");
  EXPECT_THAT(include_order_violations(root_), ElementsAre(HasSubstr("is not moest/...")));
}

TEST_F(PlantedRepository, ReportsAnIncludeOfTheProgramByTheLibrary) {
  write("app/options.h", "#pragma once\n");
  write("moest/high/b.h", "#pragma once\n#include \"app/options.h\"\n");
  EXPECT_THAT(include_order_violations(root_),
              ElementsAre(HasSubstr("moest/high/b.h includes app/options.h")));
}

TEST_F(PlantedRepository, ReportsAnIncludeOfTheNetworksByOthers) {
  write("app/main.cc", "#include \"nn/router.h\"\n");
  write("nn/router.h", "#pragma once\n#include \"python/binding.h\"\n");
  EXPECT_THAT(include_order_violations(root_),
              ElementsAre(HasSubstr("app/main.cc includes nn/router.h, which is neither"),
                          HasSubstr("nn/router.h includes python/binding.h, which is none of")));
}

TEST_F(PlantedRepository, ReportsAnOwnHeaderInAngleBrackets) {
  write("moest/high/b.h", "#pragma once\n#include <moest/low/a.h>\n");
  EXPECT_THAT(include_order_violations(root_), ElementsAre(HasSubstr("must be included with quotes")));
}

TEST_F(PlantedRepository, ReportsAnIncludeThatDoesNotExist) {
  write("app/main.cc", "#include \"moest/high/gone.h\"\n");
  EXPECT_THAT(include_order_violations(root_), ElementsAre(HasSubstr("does not exist")));
}

TEST_F(PlantedRepository, ReportsAHeaderWithoutPragmaOnce) {
  write("moest/low/a.h", "int f();\n");
  EXPECT_THAT(header_violations(root_), ElementsAre("moest/low/a.h lacks #pragma once"));
}

TEST_F(PlantedRepository, ReportsASourceWithoutItsHeader) {
  write("moest/low/lone.cc", "\n");
  EXPECT_THAT(header_violations(root_), ElementsAre("moest/low/lone.cc has no header beside it"));
}

TEST_F(PlantedRepository, ReportsUnfinishedWork) {
  write("moest/low/a.cc", std::string("// TO") + "DO: later\n");
  write("tools/script", std::string("# FIX") + "ME\n");
  EXPECT_THAT(forbidden_text_violations(root_), ElementsAre(HasSubstr("moest/low/a.cc holds the word"),
                                                            HasSubstr("tools/script holds the word")));
}

TEST_F(PlantedRepository, ReportsATab) {
  write("app/main.cc", "int main() {\n\treturn 0;\n}\n");
  EXPECT_THAT(forbidden_text_violations(root_), ElementsAre("app/main.cc holds a tab"));
}

TEST_F(PlantedRepository, ReportsARoomWithoutTests) {
  fs::remove(root_ / "tests/high/b_test.cc");
  EXPECT_THAT(test_mirror_violations(root_), ElementsAre(HasSubstr("moest/high has no test")));
}

TEST_F(PlantedRepository, ReportsTestsThatMirrorNothing) {
  write("tests/attic/old_test.cc", "\n");
  EXPECT_THAT(test_mirror_violations(root_), ElementsAre(HasSubstr("tests/attic mirrors neither")));
}

TEST_F(PlantedRepository, ReportsAVersionThatDiffers) {
  write("CITATION.cff", "version: 1.2.4\n");
  write("CHANGELOG.md", "## 1.0.0\n");
  EXPECT_THAT(version_violations(root_), ElementsAre("CITATION.cff says 1.2.4, VERSION says 1.2.3",
                                                     "CHANGELOG.md says 1.0.0, VERSION says 1.2.3"));
}

TEST_F(PlantedRepository, ReportsACitationWithoutAVersion) {
  write("CITATION.cff", "title: x\n");
  EXPECT_THAT(version_violations(root_), ElementsAre("CITATION.cff names no version"));
}

}  // namespace
}  // namespace moest
