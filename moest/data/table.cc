#include "moest/data/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/number.h"
#include "moest/data/csv.h"
#include "moest/data/npy.h"
#include "moest/data/text.h"

namespace moest {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

BadCellKind kind_of(NumberStatus status) {
  switch (status) {
    case NumberStatus::not_finite:
      return BadCellKind::not_finite;
    case NumberStatus::out_of_range:
      return BadCellKind::out_of_range;
    default:
      return BadCellKind::text;
  }
}

}  // namespace

void Column::append_text(std::string_view text) {
  const std::string_view cell = without_blanks(text);
  if (cell.empty() || cell == "NA") {
    append_missing();
    return;
  }
  const ParsedNumber parsed = parse_number(cell);
  if (parsed.status != NumberStatus::ok) {
    append_bad(cell, kind_of(parsed.status));
    return;
  }
  values.push_back(parsed.value);
  if (is_categorical) {
    labels.emplace_back(cell);
  }
}

void Column::append_number(double value) {
  if (!std::isfinite(value)) {
    append_bad(exact_text(value), BadCellKind::not_finite);
    return;
  }
  values.push_back(value);
  if (is_categorical) {
    labels.push_back(exact_text(value));
  }
}

void Column::append_missing() {
  if (first_missing_rows.size() < kMostMissingRowsKept) {
    first_missing_rows.push_back(values.size());
  }
  ++num_missing;
  values.push_back(kNan);
  if (is_categorical) {
    labels.emplace_back();
  }
}

void Column::append_bad(std::string_view text, BadCellKind kind) {
  if (!first_bad) {
    first_bad = BadCell{values.size(), std::string(text), kind};
  }
  ++num_bad;
  values.push_back(kNan);
  if (is_categorical) {
    labels.emplace_back(text);
  }
}

const Column* Table::find(std::string_view name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

std::vector<std::string> Table::names() const {
  std::vector<std::string> result;
  result.reserve(columns.size());
  for (const Column& column : columns) {
    result.push_back(column.name);
  }
  return result;
}

std::size_t Table::line(std::size_t row) const {
  MOEST_EXPECT(row < num_rows);
  return lines.empty() ? first_line + row : lines[row];
}

std::string Table::place(std::size_t row) const {
  return fmt::format("{}, {} {}", source, row_word, line(row));
}

std::string Table::place(std::size_t row, const Column& column) const {
  return fmt::format("{}, column {}", place(row), shown(column.name));
}

std::string Table::places(std::span<const std::size_t> rows) const {
  MOEST_EXPECT(!rows.empty());
  std::vector<std::string> numbers;
  for (const std::size_t row : rows) {
    numbers.push_back(fmt::format("{}", line(row)));
  }
  return fmt::format("{}, {}{} {}", source, row_word, rows.size() > 1 ? "s" : "", listed(numbers));
}

Table parse_table(std::string_view content, const std::string& source, const ReadOptions& options) {
  return is_npy(content) ? parse_npy(content, source, options) : parse_csv(content, source, options);
}

Table read_table(const std::string& path, const ReadOptions& options) {
  return parse_table(read_input(path), path == "-" ? "standard input" : path, options);
}

}  // namespace moest
