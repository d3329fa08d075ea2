// Aligned text tables.
#pragma once

#include <string>
#include <vector>

namespace moest {

/// A table of cells: the first column left-aligned, the others right-aligned, two blanks between columns.
/// Requires rows no longer than the header.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}

  void add_row(std::vector<std::string> row);
  /// One line per row, each after `indent` blanks and with a newline.
  std::string text(std::size_t indent = 2) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// About six significant digits, as short as possible: for people, not for files.
std::string short_number(double value);

/// 0.123 as "12.3 %".
std::string percent(double share);

}  // namespace moest
