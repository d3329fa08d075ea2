#include "moest/study/store.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "moest/base/error.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Access = StudyStore::Access;

class StudyStoreFile : public testing::Test {
 protected:
  StudyStoreFile() { fs::create_directory(folder_); }
  ~StudyStoreFile() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("moest_store_test_" + std::to_string(::getpid()));
};

TrialRow row_of(int replicate) {
  TrialRow row;
  row.key = {"exact", 200, replicate};
  row.seed = 5;
  row.status = "converged";
  row.values.resize(metrics().size());
  row.values[0] = {0.1 + 1e-17 * replicate};
  row.values[4] = {std::nullopt, 1.0 / 3};
  row.rss = 1.0 / 7;
  row.iterations = 5'000'000'000;
  row.num_starts = 3;
  row.agreeing_starts = 2;
  row.active_bounds = 1;
  row.estimates = {{"atoms", {1.5, "ä\"'"}}};
  row.fit_seconds = 0.25;
  row.by = {"0.1", "host", 2, 3};
  return row;
}

TEST_F(StudyStoreFile, GivesBackWhatWasAdded) {
  {
    StudyStore store(path("a.db"), Access::write);
    EXPECT_FALSE(store.study().has_value());
    store.set_study(small_study());
    store.add(std::vector{row_of(1), row_of(0)});
  }
  const StudyStore store(path("a.db"), Access::read);
  EXPECT_EQ(store.study()->document, small_study().document);
  EXPECT_EQ(store.keys(), (std::set<TrialKey>{{"exact", 200, 0}, {"exact", 200, 1}}));
  const std::vector<TrialRow> rows = store.rows();
  ASSERT_EQ(rows.size(), 2U);
  for (int i = 0; i < 2; ++i) {
    const TrialRow expected = row_of(i);
    const TrialRow& row = rows[static_cast<std::size_t>(i)];
    EXPECT_EQ(row.key, expected.key);
    EXPECT_EQ(row.seed, 5U);
    EXPECT_EQ(row.status, expected.status);
    EXPECT_EQ(row.values, expected.values);
    EXPECT_EQ(row.rss, expected.rss);
    EXPECT_EQ(row.iterations, expected.iterations);
    EXPECT_EQ(row.num_starts, 3);
    EXPECT_EQ(row.agreeing_starts, 2);
    EXPECT_EQ(row.active_bounds, 1);
    EXPECT_EQ(row.estimates, expected.estimates);
    EXPECT_TRUE(row.truth.is_null());
    EXPECT_EQ(row.fit_seconds, 0.25);
    EXPECT_EQ(row.by.version, "0.1");
    EXPECT_EQ(row.by.host, "host");
    EXPECT_EQ(row.by.threads, 2);
    EXPECT_EQ(row.by.rank, 3);
  }
  EXPECT_EQ(store.row({"exact", 200, 1})->rss, 1.0 / 7);
  EXPECT_FALSE(store.row({"exact", 200, 2}).has_value());
}

TEST_F(StudyStoreFile, KeepsTheFirstOfTwoRowsOfAKey) {
  StudyStore store(path("a.db"), Access::write);
  store.set_study(small_study());
  store.add(std::vector{row_of(0)});
  TrialRow other = row_of(0);
  other.rss = 2;
  store.add(std::vector{other});
  ASSERT_EQ(store.rows().size(), 1U);
  EXPECT_EQ(store.rows()[0].rss, 1.0 / 7);
}

TEST_F(StudyStoreFile, HasOnlyColumnsThatTheNameSaysMayDiffer) {
  StudyStore(path("a.db"), Access::write).set_study(small_study());
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path("a.db").c_str(), &database), SQLITE_OK);
  std::string columns;
  const auto collect = [](void* all, int, char** values, char**) {
    *static_cast<std::string*>(all) += std::string(values[0]) + " ";
    return 0;
  };
  sqlite3_exec(database, "SELECT name FROM pragma_table_info('trials')", collect, &columns, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(
      columns,
      "key arm size replicate seed status message regression_l2 voronoi_raw voronoi_reduced l2r split_rms "
      "largest_error mass_error chi_square regression_l2_se rss iterations starts agreeing_starts "
      "active_bounds "
      "estimates truth simulate_seconds fit_seconds measure_seconds version host threads rank ");
}

TEST_F(StudyStoreFile, IsRefusedWhereItIsNone) {
  EXPECT_THAT([&] { StudyStore(path("none.db"), Access::read); },
              ThrowsMessage<InputError>(HasSubstr("no such file")));
  EXPECT_FALSE(fs::exists(path("none.db")));
  std::ofstream(path("text.db")) << std::string(5000, 'x');
  for (const Access access : {Access::read, Access::write}) {
    EXPECT_THAT([&] { StudyStore(path("text.db"), access); },
                ThrowsMessage<InputError>(HasSubstr("text.db is no store of a study")));
  }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path("other.db").c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "CREATE TABLE t (x)", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  EXPECT_THAT([&] { StudyStore(path("other.db"), Access::write); },
              ThrowsMessage<InputError>(HasSubstr("database of another kind")));
  ASSERT_EQ(sqlite3_open(path("routers.db").c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "CREATE TABLE t (x); PRAGMA application_id = 0x6d6f656e", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  EXPECT_TRUE(has_mark(path("routers.db"), kRouterComparisonMark));
  for (const char* name : {"other.db", "text.db", "none.db", ""}) {
    EXPECT_FALSE(has_mark(path(name), kRouterComparisonMark)) << name;
  }
  EXPECT_FALSE(fs::exists(path("none.db")));
  EXPECT_THAT([&] { StudyStore(path("routers.db"), Access::read); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("it is a store of a comparison of routers"),
                                              HasSubstr("moest study status"))));
  EXPECT_THAT([&] { StudyStore(path("no/folder.db"), Access::write); },
              ThrowsMessage<InputError>(HasSubstr("folder")));
}

TEST_F(StudyStoreFile, IsReadWhileAnotherWritesButWrittenByOne) {
  StudyStore writer(path("a.db"), Access::write);
  writer.set_study(small_study());
  writer.add(std::vector{row_of(0)});
  EXPECT_EQ(StudyStore(path("a.db"), Access::read).rows().size(), 1U);
  EXPECT_THAT([&] { StudyStore(path("a.db"), Access::write); },
              ThrowsMessage<InputError>(HasSubstr("is in use")));
}

/// What a process wrote before it was killed is there, and its lock is not.
TEST_F(StudyStoreFile, SurvivesItsWriter) {
  const pid_t child = ::fork();
  if (child == 0) {
    StudyStore store(path("a.db"), Access::write);
    store.set_study(small_study());
    store.add(std::vector{row_of(0)});
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  StudyStore store(path("a.db"), Access::write);
  EXPECT_EQ(store.rows().size(), 1U);
  store.add(std::vector{row_of(1)});
  EXPECT_EQ(store.rows().size(), 2U);
}

}  // namespace
}  // namespace moest
