#include "moest/base/journal.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "moest/base/error.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class JournalFile : public testing::Test {
 protected:
  JournalFile() { fs::remove(path_); }
  ~JournalFile() override { fs::remove(path_); }

  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::string path_ = fs::temp_directory_path() / ("moest_journal_test_" + std::to_string(::getpid()));
};

TEST_F(JournalFile, KeepsItsLines) {
  {
    Journal journal(path_);
    EXPECT_THAT(journal.lines(), IsEmpty());
    journal.append("first");
    EXPECT_EQ(content(), "first\n");
    journal.append("");
  }
  Journal again(path_);
  EXPECT_THAT(again.lines(), ElementsAre("first", ""));
  again.append("third");
  EXPECT_EQ(content(), "first\n\nthird\n");
}

TEST_F(JournalFile, ForgetsALineThatWasCutShort) {
  std::ofstream(path_) << "whole\ncut sho";
  Journal journal(path_);
  EXPECT_THAT(journal.lines(), ElementsAre("whole"));
  journal.append("next");
  EXPECT_EQ(content(), "whole\nnext\n");
}

TEST_F(JournalFile, RefusesWhatIsNoFileToGoOnWith) {
  EXPECT_THROW(Journal("/no/such/folder/journal"), InputError);
  EXPECT_THROW(Journal("/dev/full"), InputError);
}

// As on a full disk: no file may grow beyond 20 bytes.
TEST_F(JournalFile, SaysThatALineCouldNotBeWrittenAndForgetsIt) {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{20, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  {
    Journal journal(path_);
    journal.append("ten bytes");
    ::setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_THROW(journal.append("more than ten bytes"), EnvironmentError);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  Journal again(path_);
  EXPECT_THAT(again.lines(), ElementsAre("ten bytes"));
}

}  // namespace
}  // namespace moest
