#include "moest/base/file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "moest/base/error.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class File : public testing::Test {
 protected:
  File() { fs::create_directories(folder_); }
  ~File() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string folder() const { return folder_.string(); }

  std::string written(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

  std::size_t num_files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("moest_file_test_" + std::to_string(::getpid()));
};

std::string content_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// One member of a gzip file.
std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 200000; ++i) {
    text += std::to_string(i * 7919 % 100003) + "\n";
  }
  return text;
}

// --- reading

TEST_F(File, IsReadWhole) {
  const std::string text = long_text() + std::string("\0\r\n", 3);
  EXPECT_EQ(read_input(written("a", text)), text);
  EXPECT_EQ(read_input(written("empty", "")), "");
}

TEST_F(File, IsReadFromAPipe) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const std::string text = long_text();
  std::thread writer([&] { std::ofstream(path("pipe")) << text; });
  EXPECT_EQ(read_input(path("pipe")), text);
  writer.join();
}

TEST_F(File, IsDecompressed) {
  const std::string text = long_text();
  EXPECT_EQ(read_input(written("a.csv", gzipped(text))), text);
  EXPECT_EQ(read_input(written("empty.gz", gzipped(""))), "");
}

TEST_F(File, IsDecompressedInAllItsMembers) {
  EXPECT_EQ(read_input(written("a.gz", gzipped("one\n") + gzipped("") + gzipped("two\n"))), "one\ntwo\n");
}

TEST_F(File, IsRefusedIfItsGzipDataAreCutShort) {
  const std::string whole = gzipped(long_text().substr(0, 2000));
  for (std::size_t size = 3; size < whole.size(); size += 1 + size / 8) {
    EXPECT_THAT([&] { read_input(written("a.gz", whole.substr(0, size))); },
                ThrowsMessage<InputError>(AllOf(HasSubstr("a.gz"), HasSubstr("damaged or cut short"))))
        << size;
  }
  EXPECT_THROW(read_input(written("a.gz", whole.substr(0, whole.size() - 1))), InputError);
}

TEST_F(File, IsRefusedIfItsGzipDataAreDamaged) {
  std::string content = gzipped(long_text());
  content[content.size() / 2] ^= 0x10;
  EXPECT_THROW(read_input(written("a.gz", content)), InputError);
  EXPECT_THROW(read_input(written("b.gz", gzipped("one") + "trailing text")), InputError);
}

TEST_F(File, IsRefusedIfMissingOrAFolder) {
  EXPECT_THAT([&] { read_input(path("none")); },
              ThrowsMessage<InputError>(AllOf(HasSubstr(path("none")), HasSubstr("No such file"))));
  EXPECT_THAT([&] { read_input(folder()); }, ThrowsMessage<InputError>(HasSubstr("directory")));
}

// --- writing

TEST_F(File, IsWrittenWhole) {
  const std::string text = long_text() + std::string(1, '\0');
  write_output(path("a"), text);
  EXPECT_EQ(content_of(path("a")), text);
  EXPECT_EQ(num_files(), 1u);
}

TEST_F(File, IsReplacedAndNotWrittenInto) {
  written("a", "old");
  fs::create_hard_link(path("a"), path("witness"));
  write_output(path("a"), "new");
  EXPECT_EQ(content_of(path("a")), "new");
  EXPECT_EQ(content_of(path("witness")), "old");
  EXPECT_EQ(num_files(), 2u);
}

TEST_F(File, HasTheUsualPermissions) {
  const mode_t mask = ::umask(022);
  write_output(path("a"), "text");
  ::umask(mask);
  EXPECT_EQ(fs::status(path("a")).permissions() & fs::perms::all, static_cast<fs::perms>(0644));
}

TEST_F(File, IsReplacedBehindALink) {
  written("target", "old");
  fs::create_symlink("target", path("link"));
  write_output(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(content_of(path("target")), "new");
}

TEST_F(File, LeavesNoTemporaryFileAfterAFailure) {
  fs::create_directory(path("a"));
  EXPECT_THROW(write_output(path("a"), "text"), EnvironmentError);
  EXPECT_THROW(write_output(path("none/a"), "text"), EnvironmentError);
  EXPECT_EQ(num_files(), 1u);
}

TEST_F(File, ThatIsADeviceIsWrittenInPlace) {
  EXPECT_NO_THROW(write_output("/dev/null", "text"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  if (fs::exists("/dev/full")) {
    EXPECT_THAT([] { write_output("/dev/full", "text"); },
                ThrowsMessage<EnvironmentError>(AllOf(HasSubstr("/dev/full"), HasSubstr("No space"))));
  }
}

// --- checking before a long job

TEST_F(File, IsCheckedBeforeALongJob) {
  EXPECT_NO_THROW(check_output("-"));
  EXPECT_NO_THROW(check_output(path("new")));
  EXPECT_NO_THROW(check_output("/dev/null"));
  EXPECT_THAT([&] { check_output(folder()); }, ThrowsMessage<InputError>(HasSubstr("it is a folder")));
  EXPECT_THAT([&] { check_output(path("none/a")); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("no folder"), HasSubstr(path("none")))));
  EXPECT_EQ(num_files(), 0u);
}

TEST_F(File, IsRefusedInAFolderThatIsNotWritable) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may write everywhere";
  }
  fs::permissions(folder(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT([&] { check_output(path("a")); }, ThrowsMessage<InputError>(HasSubstr("not writable")));
}

}  // namespace
}  // namespace moest
