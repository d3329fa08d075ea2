#include "moest/study/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/json_text.h"
#include "moest/study/trial_json.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

/// "moes" as a number: what the header of the file says that it is.
constexpr int kApplicationId = 0x6d6f6573;

constexpr const char* kColumnsBeforeMetrics =
    "key TEXT PRIMARY KEY, arm TEXT NOT NULL, size INTEGER NOT NULL, replicate INTEGER NOT NULL, "
    "seed INTEGER NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, ";
constexpr const char* kColumnsAfterMetrics =
    "regression_l2_se REAL, rss REAL, iterations INTEGER, starts INTEGER, agreeing_starts INTEGER, "
    "active_bounds INTEGER, estimates TEXT, truth TEXT, simulate_seconds REAL, fit_seconds REAL, "
    "measure_seconds REAL, version TEXT, host TEXT, threads INTEGER, rank INTEGER";

/// A prepared statement whose parameters are bound, and whose columns are read, one after the other.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql) : database_(database) {
    if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
      fail();
    }
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& bind(const std::string& text) {
    return bound(sqlite3_bind_text(statement_, ++parameter_, text.data(), static_cast<int>(text.size()),
                                   SQLITE_TRANSIENT));
  }
  Statement& bind(std::int64_t number) { return bound(sqlite3_bind_int64(statement_, ++parameter_, number)); }
  Statement& bind(int number) { return bind(std::int64_t{number}); }
  Statement& bind(std::optional<double> number) {
    ++parameter_;
    return bound(number && std::isfinite(*number) ? sqlite3_bind_double(statement_, parameter_, *number)
                                                  : sqlite3_bind_null(statement_, parameter_));
  }
  Statement& bind(const Json& json) {
    return json.is_null() ? bound(sqlite3_bind_null(statement_, ++parameter_)) : bind(json.dump());
  }

  /// Whether there is a row (one more).
  bool step() {
    column_ = 0;
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
      fail();
    }
    return result == SQLITE_ROW;
  }
  void reset() {
    sqlite3_reset(statement_);
    parameter_ = 0;
  }

  std::string text() {
    const int column = column_++;
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr
               ? ""
               : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  std::int64_t whole() { return sqlite3_column_int64(statement_, column_++); }
  std::optional<double> number() {
    const int column = column_++;
    return sqlite3_column_type(statement_, column) == SQLITE_NULL
               ? std::nullopt
               : std::optional(sqlite3_column_double(statement_, column));
  }
  Json json() {
    const std::string content = text();
    return content.empty() ? Json() : Json::parse(content);
  }

 private:
  Statement& bound(int result) {
    if (result != SQLITE_OK) {
      fail();
    }
    return *this;
  }
  [[noreturn]] void fail() const {
    throw EnvironmentError(fmt::format("{} cannot be used", sqlite3_db_filename(database_, nullptr)),
                           sqlite3_errmsg(database_),
                           "Check its permissions and the free space on the disk.");
  }

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
  int column_ = 0;
};

std::string metric_columns(const char* separator, bool with_types) {
  std::string columns;
  for (const Metric& metric : metrics()) {
    columns += metric.name + (with_types ? (metric.is_of_atoms ? " TEXT" : " REAL") : "") + separator;
  }
  return columns;
}

std::string selection() {
  return "SELECT arm, size, replicate, seed, status, message, " + metric_columns(", ", false) +
         "regression_l2_se, rss, iterations, starts, agreeing_starts, active_bounds, estimates, truth, "
         "simulate_seconds, fit_seconds, measure_seconds, version, host, threads, rank FROM trials ";
}

TrialRow next_row(Statement& statement) {
  TrialRow row;
  row.key.arm = statement.text();
  row.key.size = statement.whole();
  row.key.replicate = static_cast<int>(statement.whole());
  row.seed = static_cast<std::uint64_t>(statement.whole());
  row.status = statement.text();
  row.message = statement.text();
  for (const Metric& metric : metrics()) {
    if (metric.is_of_atoms) {
      row.values.push_back(values_from_json(statement.json()));
    } else {
      const std::optional<double> value = statement.number();
      row.values.push_back(value ? TrialRow::Values{value} : TrialRow::Values{});
    }
  }
  row.regression_l2_se = statement.number();
  row.rss = statement.number().value_or(0);
  row.iterations = statement.whole();
  row.num_starts = static_cast<int>(statement.whole());
  row.agreeing_starts = static_cast<int>(statement.whole());
  row.active_bounds = static_cast<int>(statement.whole());
  row.estimates = statement.json();
  row.truth = statement.json();
  row.simulate_seconds = statement.number().value_or(0);
  row.fit_seconds = statement.number().value_or(0);
  row.measure_seconds = statement.number().value_or(0);
  row.by.version = statement.text();
  row.by.host = statement.text();
  row.by.threads = static_cast<int>(statement.whole());
  row.by.rank = static_cast<int>(statement.whole());
  return row;
}

}  // namespace

/// The open database, and the lock of the one that writes.
class StudyStore::File {
 public:
  File(const std::string& path, Access access) : path_(path) {
    if (access == Access::write) {
      check_output(path);
      lock();
    } else if (!std::filesystem::is_regular_file(path)) {
      throw InputError(fmt::format("cannot read {}", path), "there is no such file",
                       "`moest study run STUDY.toml --store FILE` makes one.");
    }
    const int flags =
        access == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(path.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
      refuse(sqlite3_errmsg(database_));
    }
    constexpr int kWaitMilliseconds = 10'000;
    sqlite3_busy_timeout(database_, kWaitMilliseconds);
    try {
      const bool is_new = value_of("SELECT count(*) FROM sqlite_master") == 0;
      if (is_new && access == Access::write) {
        make();
      } else if (value_of("PRAGMA application_id") != kApplicationId) {
        refuse(is_new ? "it is empty" : "it is a database of another kind");
      } else if (value_of("PRAGMA user_version") != kStudyFormat) {
        refuse(fmt::format("it has version {} of the format, and this program {}",
                           value_of("PRAGMA user_version"), kStudyFormat));
      }
    } catch (const EnvironmentError&) {
      refuse(sqlite3_errmsg(database_));
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(); }

  void execute(const std::string& sql) { Statement(database_, sql).step(); }
  sqlite3* database() { return database_; }

 private:
  std::int64_t value_of(const std::string& sql) {
    Statement statement(database_, sql);
    return statement.step() ? statement.whole() : 0;
  }

  void make() {
    Statement(database_, "PRAGMA journal_mode = WAL").step();
    execute("PRAGMA synchronous = NORMAL");
    execute("BEGIN IMMEDIATE");
    execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
    execute(fmt::format("PRAGMA user_version = {}", kStudyFormat));
    execute("CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    execute(fmt::format("CREATE TABLE trials ({}{}{}) WITHOUT ROWID", kColumnsBeforeMetrics,
                        metric_columns(", ", true), kColumnsAfterMetrics));
    execute("COMMIT");
  }

  /// The lock belongs to the open file, so that it goes with the process. It must not be closed before SQLite
  /// has closed the file: that would release SQLite's own locks.
  void lock() {
    lock_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock_ < 0) {
      throw EnvironmentError(fmt::format("{} cannot be written", path_), std::strerror(errno),
                             "Choose another file, or make room.");
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      ::close(std::exchange(lock_, -1));
      throw InputError(fmt::format("{} is in use", path_), "another process is running a study in it",
                       "Wait until it has ended, or choose another store.");
    }
  }

  void close() {
    sqlite3_close_v2(database_);
    if (lock_ >= 0) {
      ::close(lock_);
    }
  }

  [[noreturn]] void refuse(const std::string& why) {
    const InputError error(fmt::format("{} is no store of a study", path_), why,
                           "Choose another file; a new one is made if there is none.");
    close();
    throw InputError(error);
  }

  std::string path_;
  int lock_ = -1;
  sqlite3* database_ = nullptr;
};

StudyStore::StudyStore(const std::string& path, Access access)
    : file_(std::make_unique<File>(path, access)) {}
StudyStore::~StudyStore() = default;
StudyStore::StudyStore(StudyStore&&) noexcept = default;
StudyStore& StudyStore::operator=(StudyStore&&) noexcept = default;

std::optional<Study> StudyStore::study() const {
  Statement statement(file_->database(), "SELECT value FROM study WHERE name = 'specification'");
  return statement.step() ? std::optional(study_of(statement.json())) : std::nullopt;
}

void StudyStore::set_study(const Study& study) {
  Statement(file_->database(), "INSERT OR REPLACE INTO study VALUES ('specification', ?)")
      .bind(readable_text(study.document))
      .step();
}

std::set<TrialKey> StudyStore::keys() const {
  Statement statement(file_->database(), "SELECT arm, size, replicate FROM trials");
  std::set<TrialKey> keys;
  while (statement.step()) {
    std::string arm = statement.text();
    const std::int64_t size = statement.whole();
    keys.insert({std::move(arm), size, static_cast<int>(statement.whole())});
  }
  return keys;
}

std::vector<TrialRow> StudyStore::rows() const {
  Statement statement(file_->database(), selection() + "ORDER BY arm, size, replicate");
  std::vector<TrialRow> rows;
  while (statement.step()) {
    rows.push_back(next_row(statement));
  }
  return rows;
}

std::optional<TrialRow> StudyStore::row(const TrialKey& key) const {
  Statement statement(file_->database(), selection() + "WHERE key = ?");
  statement.bind(key.text());
  return statement.step() ? std::optional(next_row(statement)) : std::nullopt;
}

void StudyStore::add(std::span<const TrialRow> rows) {
  file_->execute("BEGIN IMMEDIATE");
  std::string marks = "?";
  constexpr int kOtherColumns = 22;
  for (std::size_t i = 1; i < kOtherColumns + metrics().size(); ++i) {
    marks += ", ?";
  }
  Statement statement(file_->database(), fmt::format("INSERT OR IGNORE INTO trials VALUES ({})", marks));
  for (const TrialRow& row : rows) {
    statement.bind(row.key.text()).bind(row.key.arm).bind(row.key.size).bind(row.key.replicate);
    statement.bind(static_cast<std::int64_t>(row.seed)).bind(row.status).bind(row.message);
    for (std::size_t m = 0; m < row.values.size(); ++m) {
      const TrialRow::Values& values = row.values[m];
      if (metrics()[m].is_of_atoms) {
        statement.bind(values.empty() ? Json() : to_json(values));
      } else {
        statement.bind(values.empty() ? std::nullopt : values.front());
      }
    }
    statement.bind(row.regression_l2_se).bind(std::optional(row.rss)).bind(row.iterations);
    statement.bind(row.num_starts).bind(row.agreeing_starts).bind(row.active_bounds);
    statement.bind(row.estimates).bind(row.truth);
    statement.bind(std::optional(row.simulate_seconds)).bind(std::optional(row.fit_seconds));
    statement.bind(std::optional(row.measure_seconds));
    statement.bind(row.by.version).bind(row.by.host).bind(row.by.threads).bind(row.by.rank);
    statement.step();
    statement.reset();
  }
  file_->execute("COMMIT");
}

}  // namespace moest
