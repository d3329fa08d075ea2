// Aligned text tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// The number of code points of UTF-8 text: its width, but for scripts of wide or combining characters.
std::size_t text_width(std::string_view text);

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

/// `text` with line ends in place of blanks, so that lines are at most `width` wide where words allow it; all
/// lines but the first begin with `indent` blanks. The first one is taken to begin at column `indent` too.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width = 100);

/// About six significant digits, as short as possible: for people, not for files.
std::string short_number(double value);

/// 0.123 as "12.3 %".
std::string percent(double share);

}  // namespace moest
