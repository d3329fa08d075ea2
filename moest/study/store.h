// Where the rows of a study are kept: an SQLite file.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "moest/base/database.h"
#include "moest/study/specification.h"
#include "moest/study/trial.h"

namespace moest {

/// Table `study` holds the specification; table `trials` a row per trial with a column for each metric (those
/// of the truth's atoms are JSON lists), keyed by TrialKey::text(). Columns that may differ between two runs
/// of the same study end in _seconds or are called host, version, threads or rank; all others are the same,
/// and so is their order. The file is in WAL mode: what add() wrote survives a kill. A store is written by
/// one process at a time; the lock goes with the process that holds it, however it ends.
class StudyStore {
 public:
  using Access = Database::Access;

  /// Opens the file; `write` makes it if it is not there. Throws InputError for what is no store, one of
  /// another version, one that another process writes to, or none to read; EnvironmentError if it cannot be
  /// written.
  StudyStore(const std::string& path, Access access);

  /// The study that it holds; none if it is new.
  std::optional<Study> study() const;
  void set_study(const Study& study);

  std::set<TrialKey> keys() const;
  /// In the order of arms' names, sizes and replicates.
  std::vector<TrialRow> rows() const;
  std::optional<TrialRow> row(const TrialKey& key) const;
  /// Writes rows in one transaction; of a key that is there the old row stays.
  void add(std::span<const TrialRow> rows);

 private:
  std::unique_ptr<Database> file_;
};

}  // namespace moest
