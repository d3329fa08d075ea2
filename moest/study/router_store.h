// Where the runs of a comparison are kept: an SQLite file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/base/database.h"
#include "moest/study/router_comparison.h"

namespace moest {

/// A comparison and what came of its runs.
struct RouterResults {
  RouterComparison comparison;
  std::vector<RunRow> rows;
};

/// Table `study` holds the design as StudyStore's does its specification; table `runs` a row per run, keyed
/// by RunKey::text(), with the number that it is judged by, and its result and evaluations as JSON. Columns
/// that differ between two runs of the same command are called seconds, version, host or threads.
class RouterStore {
 public:
  /// Throws as Database.
  RouterStore(const std::string& path, Database::Access access);

  /// What it holds; none if it is new.
  std::optional<RouterComparison> comparison();
  void set_comparison(const RouterComparison& comparison);

  /// In the order of contestants, seeds and rates.
  std::vector<RunRow> rows();
  /// Takes the place of the run's row if there is one.
  void add(const RunRow& row, const RouterComparison& comparison);

 private:
  Database file_;
};

/// What the store holds, judged_by() its rows, with the contestant `reference` in place of the design's own
/// unless it is empty. Throws as Database, and InputError for a store without a comparison and for a
/// reference that is not compared.
RouterResults read_router_results(const std::string& path, const std::string& reference = "");

}  // namespace moest
