// A table of named columns as it was read: numbers, and a record of the cells that are none.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moest {

enum class BadCellKind {
  text,          // not a number
  not_finite,    // nan or infinity
  out_of_range,  // a number beyond the range of double
};

/// A cell that holds something other than a finite number. Legal in a table; refused where the column is used
/// as numbers.
struct BadCell {
  std::size_t row = 0;  // index of the row
  std::string text;
  BadCellKind kind = BadCellKind::text;
};

struct Column {
  static constexpr std::size_t kMostMissingRowsKept = 5;

  std::string name;
  bool is_categorical = false;      // labels are kept
  std::vector<double> values;       // one per row; NaN where missing or bad
  std::vector<std::string> labels;  // one per row, empty where missing; no rows unless categorical
  std::size_t num_missing = 0;
  std::vector<std::size_t> first_missing_rows;  // at most kMostMissingRowsKept
  std::size_t num_bad = 0;
  std::optional<BadCell> first_bad;

  /// Appends a cell given as text: a missing value if it is empty or NA (blanks around it do not count), else
  /// a number, else a bad cell.
  void append_text(std::string_view text);

  /// Appends a cell given as a number: a bad cell unless it is finite.
  void append_number(double value);

 private:
  void append_missing();
  void append_bad(std::string_view text, BadCellKind kind);
};

struct Table {
  std::string source;  // how messages name it: the path, or "standard input"
  std::vector<Column> columns;
  std::size_t num_rows = 0;
  std::string row_word = "line";   // what place() counts: lines of a text file, rows of an array
  std::size_t first_line = 2;      // line of the first row, counted from 1
  std::vector<std::size_t> lines;  // line of each row; empty if the rows are on consecutive lines

  /// The column of that name, or null.
  const Column* find(std::string_view name) const;

  std::vector<std::string> names() const;

  /// The physical line on which a row begins, counted from 1. Requires row < num_rows.
  std::size_t line(std::size_t row) const;

  /// Where a row is, for messages: "data.csv, line 7". Requires row < num_rows.
  std::string place(std::size_t row) const;
  /// Where a cell is: "data.csv, line 7, column `x`".
  std::string place(std::size_t row, const Column& column) const;

  /// Where some rows are: "data.csv, lines 3, 7, 12". Requires at least one row.
  std::string places(std::span<const std::size_t> rows) const;
};

struct ReadOptions {
  std::vector<std::string>
      categorical;  // columns whose labels are kept; a name that the table lacks is ignored
};

/// The table in `content`, which messages call `source`: NumPy's format if it begins with its magic string,
/// else CSV. Throws InputError.
Table parse_table(std::string_view content, const std::string& source, const ReadOptions& options = {});

/// Reads a table: `path` is a file or "-" for standard input, gzip or not (both as read_input); content that
/// begins with the magic string of NumPy is read by parse_npy, all other by parse_csv. Throws InputError.
Table read_table(const std::string& path, const ReadOptions& options = {});

}  // namespace moest
