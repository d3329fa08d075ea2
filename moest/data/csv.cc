#include "moest/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/data/text.h"

namespace moest {
namespace {

struct Field {
  std::string_view text;  // without the quotes; valid until the next field is read
  bool is_quoted = false;
  bool ends_record = false;
};

/// Cuts text into fields. The text must not end with a line end, so that after each one a record follows.
class FieldReader {
 public:
  FieldReader(std::string_view text, char delimiter, const std::string& source)
      : next_(text.data()), end_(text.data() + text.size()), delimiter_(delimiter), source_(source) {
    for (const char c : {delimiter, '\n', '\r'}) {
      ends_field_[static_cast<unsigned char>(c)] = true;
    }
  }

  bool at_end() const { return next_ == end_; }
  std::size_t line() const { return line_; }

  Field next() {
    Field field;
    field.is_quoted = next_ != end_ && *next_ == '"';
    field.text = field.is_quoted ? quoted_text() : plain_text();
    field.ends_record = pass_separator();
    return field;
  }

 private:
  std::string_view plain_text() {
    const char* const first = next_;
    while (next_ != end_ && !ends_field_[static_cast<unsigned char>(*next_)]) {
      ++next_;
    }
    return {first, static_cast<std::size_t>(next_ - first)};
  }

  std::string_view quoted_text() {
    const std::size_t first_line = line_;
    unescaped_.clear();
    while (true) {
      const char* const first = next_ + 1;
      const auto* const quote =
          static_cast<const char*>(std::memchr(first, '"', static_cast<std::size_t>(end_ - first)));
      if (quote == nullptr) {
        throw InputError(fmt::format("{}, line {}: a quoted field is not closed", source_, first_line),
                         "the file ends before the closing quote",
                         "Add the closing quote; a quote inside a quoted field is written twice.");
      }
      const std::string_view piece(first, static_cast<std::size_t>(quote - first));
      line_ += static_cast<std::size_t>(std::count(piece.begin(), piece.end(), '\n'));
      next_ = quote + 1;
      const bool is_doubled = next_ != end_ && *next_ == '"';
      if (!is_doubled && unescaped_.empty()) {
        return piece;
      }
      unescaped_ += piece;
      if (!is_doubled) {
        return unescaped_;
      }
      unescaped_ += '"';
    }
  }

  // Returns whether the separator ends the record.
  bool pass_separator() {
    if (next_ == end_) {
      return true;
    }
    const char separator = *next_++;
    if (separator == delimiter_) {
      return false;
    }
    if (separator == '\r') {
      if (next_ == end_ || *next_ != '\n') {
        throw InputError(fmt::format("{}, line {}: a carriage return does not end a line", source_, line_),
                         "lines must end with LF or CRLF",
                         "Convert the line ends, e.g. with `tr '\\r' '\\n'`.");
      }
      ++next_;
    } else if (separator != '\n') {
      throw InputError(fmt::format("{}, line {}: text follows a closing quote", source_, line_),
                       "a quoted field ends at its closing quote",
                       "Quote the whole field; a quote inside a quoted field is written twice.");
    }
    ++line_;
    return true;
  }

  const char* next_;
  const char* end_;
  char delimiter_;
  const std::string& source_;
  std::array<bool, 256> ends_field_{};
  std::size_t line_ = 1;
  std::string unescaped_;
};

// The text without byte order mark and blank lines at the end.
std::string_view checked_content(std::string_view text, const std::string& source) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const std::size_t zero = text.find('\0');
  if (zero != std::string_view::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n');
    throw InputError(fmt::format("{} is not a text file", source),
                     fmt::format("line {} has a NUL byte", line),
                     "Save the table as CSV text in UTF-8; a spreadsheet must be exported first.");
  }
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  const std::size_t last = text.find_last_not_of(" \r\n");
  if (last == std::string_view::npos) {
    throw InputError(fmt::format("{} is empty", source), "a table has a header line and at least one row",
                     "Check the path.");
  }
  return text.substr(0, last + 1);
}

char detected_delimiter(std::string_view text) {
  std::size_t num_semicolons = 0;
  std::size_t num_tabs = 0;
  bool in_quotes = false;
  for (const char c : text) {
    if (c == '"') {
      in_quotes = !in_quotes;
    } else if (in_quotes) {
      continue;
    } else if (c == '\n' || c == '\r') {
      break;
    } else if (c == ',') {
      return ',';
    }
    num_semicolons += c == ';' ? 1 : 0;
    num_tabs += c == '\t' ? 1 : 0;
  }
  if (num_semicolons == 0 && num_tabs == 0) {
    return ',';
  }
  return num_semicolons >= num_tabs ? ';' : '\t';
}

void check_names(std::span<const std::string> names, const std::string& source) {
  std::unordered_map<std::string_view, std::size_t> first_place;
  for (std::size_t j = 0; j < names.size(); ++j) {
    const std::string problem = fmt::format("{}, line 1: column {}", source, j + 1);
    if (names[j].empty()) {
      throw InputError(problem + " has no name", "the header must name every column",
                       "Name it, or remove the column (an index column, a delimiter at the line's end).");
    }
    if (!is_utf8(names[j])) {
      throw InputError(fmt::format("{} has the name {}", problem, shown(names[j])), "it is not UTF-8",
                       "Save the file in UTF-8, e.g. with `iconv -f latin1 -t utf8`.");
    }
    const auto [found, is_new] = first_place.emplace(names[j], j);
    if (!is_new) {
      throw InputError(fmt::format("{} has the name {}", problem, shown(names[j])),
                       fmt::format("column {} has it already", found->second + 1), "Rename one of the two.");
    }
  }
}

Table read_header(FieldReader& reader, const std::string& source, const ReadOptions& options) {
  std::vector<std::string> names;
  bool is_all_numbers = true;
  Field field;
  do {
    field = reader.next();
    names.emplace_back(field.is_quoted ? field.text : without_blanks(field.text));
    is_all_numbers =
        is_all_numbers && !field.is_quoted && parse_number(field.text).status == NumberStatus::ok;
  } while (!field.ends_record);
  if (is_all_numbers) {
    throw InputError(fmt::format("{}, line 1: the header holds only numbers", source),
                     "the first line must name the columns",
                     "Add a header line such as x1,x2,y, or quote the names if they really are numbers.");
  }
  check_names(names, source);
  const std::unordered_set<std::string> categorical(options.categorical.begin(), options.categorical.end());
  Table table;
  table.source = source;
  table.first_line = reader.line();
  table.columns.resize(names.size());
  for (std::size_t j = 0; j < names.size(); ++j) {
    table.columns[j].name = std::move(names[j]);
    table.columns[j].is_categorical = categorical.contains(table.columns[j].name);
  }
  return table;
}

// A row of m fields takes at least m bytes, which bounds the number of rows where lines are too short.
void reserve_rows(Table& table, std::string_view content) {
  const auto num_lines = static_cast<std::size_t>(std::count(content.begin(), content.end(), '\n'));
  const std::size_t most_rows = std::min(num_lines, content.size() / table.columns.size() + 1);
  for (Column& column : table.columns) {
    column.values.reserve(most_rows);
    column.labels.reserve(column.is_categorical ? most_rows : 0);
  }
}

// The lines are kept from the first row on that is not on the line after its predecessor.
void record_line(Table& table, std::size_t line) {
  if (table.lines.empty() && line == table.first_line + table.num_rows) {
    return;
  }
  for (std::size_t row = table.lines.size(); row < table.num_rows; ++row) {
    table.lines.push_back(table.first_line + row);
  }
  table.lines.push_back(line);
}

void read_row(FieldReader& reader, Table& table) {
  const std::size_t line = reader.line();
  const std::size_t num_columns = table.columns.size();
  std::size_t num_fields = 0;
  std::size_t num_bytes = 0;
  Field field;
  do {
    field = reader.next();
    if (num_fields < num_columns) {
      table.columns[num_fields].append_text(field.text);
    }
    ++num_fields;
    num_bytes += field.text.size();
  } while (!field.ends_record);
  if (num_fields != num_columns) {
    const std::string found =
        num_fields == 1 && num_bytes == 0
            ? "the line is empty"
            : fmt::format("the row has {} field{}", num_fields, num_fields == 1 ? "" : "s");
    throw InputError(
        fmt::format("{}, line {}: {}", table.source, line, found),
        fmt::format("the header has {} columns", num_columns),
        "Correct the line; quote a field that holds the delimiter, leave a missing value empty.");
  }
  record_line(table, line);
  ++table.num_rows;
}

bool needs_quotes(const std::string& name) {
  return name.find_first_of(",;\t\"\r\n") != std::string::npos ||
         without_blanks(name).size() != name.size() || parse_number(name).status == NumberStatus::ok;
}

std::string name_field(const std::string& name) {
  if (!needs_quotes(name)) {
    return name;
  }
  std::string field = "\"";
  for (const char c : name) {
    field.append(c == '"' ? 2 : 1, c);
  }
  return field + '"';
}

template <typename ValueAt>
std::string written(std::span<const std::string> names, std::size_t num_rows, ValueAt value_at) {
  MOEST_EXPECT(!names.empty());
  constexpr std::size_t kTypicalFieldSize = 20;
  std::string text;
  text.reserve(kTypicalFieldSize * names.size() * (num_rows + 1));
  for (std::size_t j = 0; j < names.size(); ++j) {
    text += name_field(names[j]);
    text += j + 1 < names.size() ? ',' : '\n';
  }
  for (std::size_t i = 0; i < num_rows; ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      const double value = value_at(i, j);
      text += std::isnan(value) ? "NA" : exact_text(value);
      text += j + 1 < names.size() ? ',' : '\n';
    }
  }
  return text;
}

}  // namespace

Table parse_csv(std::string_view text, const std::string& source, const ReadOptions& options) {
  const std::string_view content = checked_content(text, source);
  FieldReader reader(content, detected_delimiter(content), source);
  Table table = read_header(reader, source, options);
  reserve_rows(table, content);
  while (!reader.at_end()) {
    read_row(reader, table);
  }
  if (table.num_rows == 0) {
    throw InputError(fmt::format("{} has no rows", source), "only the header line is there",
                     "Check that the file was written to its end.");
  }
  return table;
}

std::string csv_text(std::span<const std::string> names, std::span<const std::vector<double>> columns) {
  MOEST_EXPECT(names.size() == columns.size());
  const std::size_t num_rows = columns.empty() ? 0 : columns[0].size();
  MOEST_EXPECT(
      std::all_of(columns.begin(), columns.end(), [&](const auto& c) { return c.size() == num_rows; }));
  return written(names, num_rows, [&](std::size_t i, std::size_t j) { return columns[j][i]; });
}

std::string csv_text(std::span<const std::string> names, const Eigen::Ref<const Eigen::MatrixXd>& values) {
  MOEST_EXPECT(names.size() == static_cast<std::size_t>(values.cols()));
  return written(names, static_cast<std::size_t>(values.rows()), [&](std::size_t i, std::size_t j) {
    return values(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
  });
}

}  // namespace moest
