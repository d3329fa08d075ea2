#include "moest/data/table.h"

#include <gmock/gmock.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "moest/base/error.h"
#include "moest/data/text.h"

namespace moest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class ReadTable : public testing::Test {
 protected:
  ReadTable() { std::filesystem::create_directories(folder_); }
  ~ReadTable() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string written(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("moest_table_test_" + std::to_string(::getpid()));
};

TEST_F(ReadTable, ReadsCsv) {
  const Table table = read_table(written("a.csv", "a,b\n1,2\n"));
  EXPECT_EQ(table.source, path("a.csv"));
  EXPECT_THAT(table.names(), ElementsAre("a", "b"));
}

TEST_F(ReadTable, ReadsCompressedCsvWhateverItsName) {
  const gzFile file = gzopen(path("a.csv").c_str(), "wb");
  gzputs(file, "a,b\n1,2\n3,4\n");
  gzclose(file);
  EXPECT_THAT(read_table(path("a.csv")).columns[1].values, ElementsAre(2, 4));
}

TEST_F(ReadTable, RecognisesNumpyByItsMagicString) {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), }";
  header.resize(117, ' ');
  header += '\n';
  const std::string content = std::string("\x93NUMPY\x01\0\x76\0", 10) + header + "\x05\x06";
  EXPECT_THAT(read_table(written("a.csv", content)).columns[0].values, ElementsAre(5, 6));
}

TEST_F(ReadTable, NamesTheFileThatIsMissing) {
  EXPECT_THAT([&] { read_table(path("none.csv")); }, ThrowsMessage<InputError>(HasSubstr("none.csv")));
}

TEST_F(ReadTable, PassesOnWhichColumnsAreCategorical) {
  const Table table = read_table(written("a.csv", "a,b\nx,2\n"), {.categorical = {"a"}});
  EXPECT_THAT(table.columns[0].labels, ElementsAre("x"));
}

TEST(TableText, TellsUtf8FromOtherBytes) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a \xC3\xB6 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  for (const std::string bad : {"\xF6", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
                                "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xE2\x82", "\xE2\x28\xAC"}) {
    EXPECT_FALSE(is_utf8("ok" + bad));
    EXPECT_FALSE(is_utf8(bad + "ok"));
  }
}

TEST(TableText, ShowsOnlyPrintableText) {
  EXPECT_EQ(shown("a\nb\x01\xF6\xC3\xB6"), "`a?b??\xC3\xB6`");
  EXPECT_EQ(shown(""), "``");
  EXPECT_LT(shown(std::string(1000, 'x')).size(), 70u);
}

TEST(TableText, CutsLongLists) {
  EXPECT_EQ(shown_list(std::vector<std::string>{"a", "b"}), "`a`, `b`");
  EXPECT_THAT(shown_list(std::vector<std::string>(50, "a")), HasSubstr("and 30 more"));
}

}  // namespace
}  // namespace moest
