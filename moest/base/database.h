// SQLite files of results: one writer at a time, and what was committed survives a kill.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace moest {

/// A prepared statement whose parameters are bound, and whose columns are read, one after the other. Throws
/// EnvironmentError for what SQLite refuses.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(const std::string& text);
  Statement& bind(std::int64_t number);
  Statement& bind(int number) { return bind(std::int64_t{number}); }
  /// NULL for none and for what is not finite.
  Statement& bind(std::optional<double> number);
  /// As text; NULL for null.
  Statement& bind(const nlohmann::ordered_json& json);

  /// Whether there is a row (one more).
  bool step();
  /// Ready for other parameters.
  void reset();

  std::string text();
  std::int64_t whole();
  std::optional<double> number();
  nlohmann::ordered_json json();

 private:
  Statement& bound(int result);
  [[noreturn]] void fail() const;

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
  int column_ = 0;
};

/// What the header of a file says that it is.
struct DatabaseMark {
  int application_id = 0;  // four letters, in `PRAGMA application_id`
  std::string_view name;
  std::string_view reader;  // the command that shows it
};

inline constexpr DatabaseMark kStudyMark{0x6d6f6573, "store of a study", "moest study rates"};
inline constexpr DatabaseMark kRouterComparisonMark{0x6d6f656e, "store of a comparison of routers",
                                                    "moest study status"};

/// Whether the file is there and has this mark.
bool has_mark(const std::string& path, const DatabaseMark& mark);

/// What a file is: the numbers in its header, its tables, and the words of messages about it.
struct DatabaseKind {
  DatabaseMark mark;
  int version = 1;
  std::vector<std::string> tables;  // CREATE TABLE ..
  std::string work;                 // that a writer does: "running a study in it"
  std::string maker;                // the command that makes one
};

/// The open database and, where it is written, its lock, which goes with the process that holds it, however
/// it ends. In WAL mode: what was committed survives a kill.
class Database {
 public:
  enum class Access { read, write };

  /// `write` makes the file if it is not there. Throws InputError for a file of another kind or version, one
  /// that another process writes to, or none to read; EnvironmentError if it cannot be written.
  Database(const std::string& path, Access access, const DatabaseKind& kind);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  void execute(const std::string& sql) { Statement(database_, sql).step(); }
  Statement statement(const std::string& sql) { return {database_, sql}; }

 private:
  std::int64_t value_of(const std::string& sql);
  void make(const DatabaseKind& kind);
  void lock(const DatabaseKind& kind);
  void close();
  [[noreturn]] void refuse_other(const DatabaseKind& kind, int application_id);
  [[noreturn]] void refuse(const DatabaseKind& kind, const std::string& why, const std::string& suggestion);

  std::string path_;
  int lock_ = -1;
  sqlite3* database_ = nullptr;
};

}  // namespace moest
