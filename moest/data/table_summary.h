// What is in each column of a table, for `moest describe`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "moest/data/table.h"

namespace moest {

enum class ColumnKind {
  number,  // all cells that are not missing are finite numbers
  text,    // none of them is
  mixed,   // some are
  empty,   // all cells are missing
};

struct ColumnSummary {
  std::string name;
  ColumnKind kind = ColumnKind::empty;
  std::size_t num_numbers = 0;
  std::size_t num_missing = 0;
  std::size_t num_bad = 0;                  // cells that are neither missing nor finite numbers
  std::optional<std::size_t> num_distinct;  // labels of a categorical column, else numbers; none for text
  double min = 0;                           // of the numbers, as are mean, sd and max; NaN if there are none
  double mean = 0;
  double sd = 0;  // divisor num_numbers - 1; NaN for fewer than two numbers
  double max = 0;
  std::optional<BadCell> first_bad;
};

/// One summary per column, in the order of the table.
std::vector<ColumnSummary> summarise(const Table& table);

/// "number", "text", "mixed" or "empty".
std::string kind_name(ColumnKind kind);

}  // namespace moest
