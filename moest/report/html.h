// Pieces of HTML pages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// `text` as text or as the value of an attribute in quotes, whatever it holds; control characters become
/// blanks.
std::string html_text(std::string_view text);

/// A number to read, with its exact value in the element's attribute `value`. `format` is one of fmt's,
/// "{:.3f}" say.
std::string html_number(double value, const char* format);
/// "slope (standard error)"; a dash where there is no value.
std::string html_with_error(const std::optional<double>& value, const std::optional<double>& error);

/// A table that scrolls sideways where it is wider than the screen. Cells are HTML.
class HtmlTable {
 public:
  enum class Column { text, number };

  void add_column(std::string_view title, Column column = Column::number);
  /// Requires a cell for each column.
  void add_row(const std::vector<std::string>& cells);
  std::string html() const;

 private:
  std::vector<Column> columns_;
  std::string head_, body_;
};

}  // namespace moest
