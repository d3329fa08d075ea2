// Where the runs of a comparison are kept: an SQLite file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/base/database.h"
#include "nn/comparison.h"

namespace moest::nn {

/// Table `study` holds the design as StudyStore's does its specification; table `runs` a row per run, keyed
/// by RunKey::text(), with the number that it is judged by, and its result and evaluations as JSON. Columns
/// that differ between two runs of the same command are called seconds, version, host or threads.
class ComparisonStore {
 public:
  /// Throws as Database.
  ComparisonStore(const std::string& path, Database::Access access);

  /// What it holds; none if it is new.
  std::optional<RouterComparison> comparison();
  void set_comparison(const RouterComparison& comparison);

  /// In the order of contestants, seeds and rates.
  std::vector<RunRow> rows();
  /// Takes the place of the run's row if there is one.
  void add(const RunRow& row, const ComparedTask& task);

 private:
  Database file_;
};

}  // namespace moest::nn
