#include "moest/base/database.h"

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

namespace moest {

using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kChooseAnother = "Choose another file; a new one is made if there is none.";

}  // namespace

Statement::Statement(sqlite3* database, const std::string& sql) : database_(database) {
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
    fail();
  }
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(const std::string& text) {
  return bound(sqlite3_bind_text(statement_, ++parameter_, text.data(), static_cast<int>(text.size()),
                                 SQLITE_TRANSIENT));
}

Statement& Statement::bind(std::int64_t number) {
  return bound(sqlite3_bind_int64(statement_, ++parameter_, number));
}

Statement& Statement::bind(std::optional<double> number) {
  ++parameter_;
  return bound(number && std::isfinite(*number) ? sqlite3_bind_double(statement_, parameter_, *number)
                                                : sqlite3_bind_null(statement_, parameter_));
}

Statement& Statement::bind(const Json& json) {
  return json.is_null() ? bound(sqlite3_bind_null(statement_, ++parameter_)) : bind(json.dump());
}

bool Statement::step() {
  column_ = 0;
  const int result = sqlite3_step(statement_);
  if (result != SQLITE_ROW && result != SQLITE_DONE) {
    fail();
  }
  return result == SQLITE_ROW;
}

void Statement::reset() {
  sqlite3_reset(statement_);
  parameter_ = 0;
}

std::string Statement::text() {
  const int column = column_++;
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? ""
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::int64_t Statement::whole() { return sqlite3_column_int64(statement_, column_++); }

std::optional<double> Statement::number() {
  const int column = column_++;
  return sqlite3_column_type(statement_, column) == SQLITE_NULL
             ? std::nullopt
             : std::optional(sqlite3_column_double(statement_, column));
}

Json Statement::json() {
  const std::string content = text();
  return content.empty() ? Json() : Json::parse(content);
}

Statement& Statement::bound(int result) {
  if (result != SQLITE_OK) {
    fail();
  }
  return *this;
}

void Statement::fail() const {
  throw EnvironmentError(fmt::format("{} cannot be used", sqlite3_db_filename(database_, nullptr)),
                         sqlite3_errmsg(database_), "Check its permissions and the free space on the disk.");
}

bool has_mark(const std::string& path, const DatabaseMark& mark) {
  sqlite3* database = nullptr;
  bool has = false;
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
    try {
      Statement statement(database, "PRAGMA application_id");
      has = statement.step() && statement.whole() == mark.application_id;
    } catch (const EnvironmentError&) {
      has = false;  // no database
    }
  }
  sqlite3_close_v2(database);
  return has;
}

Database::Database(const std::string& path, Access access, const DatabaseKind& kind) : path_(path) {
  if (access == Access::write) {
    check_output(path);
    lock(kind);
  } else if (!std::filesystem::is_regular_file(path)) {
    throw InputError(fmt::format("cannot read {}", path), "there is no such file",
                     fmt::format("`{}` makes one.", kind.maker));
  }
  const int flags =
      access == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
  if (sqlite3_open_v2(path.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
    refuse(kind, sqlite3_errmsg(database_), kChooseAnother);
  }
  constexpr int kWaitMilliseconds = 10'000;
  sqlite3_busy_timeout(database_, kWaitMilliseconds);
  try {
    const bool is_new = value_of("SELECT count(*) FROM sqlite_master") == 0;
    if (is_new && access == Access::write) {
      make(kind);
    } else if (is_new) {
      refuse(kind, "it is empty", kChooseAnother);
    } else if (const auto id = value_of("PRAGMA application_id"); id != kind.mark.application_id) {
      refuse_other(kind, static_cast<int>(id));
    } else if (const auto version = value_of("PRAGMA user_version"); version != kind.version) {
      refuse(kind, fmt::format("it has version {} of the format, and this program {}", version, kind.version),
             kChooseAnother);
    }
  } catch (const EnvironmentError&) {
    refuse(kind, sqlite3_errmsg(database_), kChooseAnother);
  }
}

Database::~Database() { close(); }

std::int64_t Database::value_of(const std::string& sql) {
  Statement statement(database_, sql);
  return statement.step() ? statement.whole() : 0;
}

void Database::make(const DatabaseKind& kind) {
  execute("PRAGMA journal_mode = WAL");
  execute("PRAGMA synchronous = NORMAL");
  execute("BEGIN IMMEDIATE");
  execute(fmt::format("PRAGMA application_id = {}", kind.mark.application_id));
  execute(fmt::format("PRAGMA user_version = {}", kind.version));
  for (const std::string& table : kind.tables) {
    execute(table);
  }
  execute("COMMIT");
}

// The lock belongs to the open file, so that it goes with the process. It must not be closed before SQLite
// has closed the file: that would release SQLite's own locks.
void Database::lock(const DatabaseKind& kind) {
  lock_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) {
    throw EnvironmentError(fmt::format("{} cannot be written", path_), std::strerror(errno),
                           "Choose another file, or make room.");
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(std::exchange(lock_, -1));
    throw InputError(fmt::format("{} is in use", path_), fmt::format("another process is {}", kind.work),
                     "Wait until it has ended, or choose another store.");
  }
}

void Database::close() {
  sqlite3_close_v2(database_);
  if (lock_ >= 0) {
    ::close(lock_);
  }
}

// Those who mix up two files of the project are told what the one that they have is.
void Database::refuse_other(const DatabaseKind& kind, int application_id) {
  for (const DatabaseMark& mark : {kStudyMark, kRouterComparisonMark}) {
    if (mark.application_id == application_id) {
      refuse(kind, fmt::format("it is a {}", mark.name),
             fmt::format("`{} {}` shows it.", mark.reader, path_));
    }
  }
  refuse(kind, "it is a database of another kind", kChooseAnother);
}

void Database::refuse(const DatabaseKind& kind, const std::string& why, const std::string& suggestion) {
  const InputError error(fmt::format("{} is no {}", path_, kind.mark.name), why, suggestion);
  close();
  throw InputError(error);
}

}  // namespace moest
