#include "moest/data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <vector>

#include "moest/base/error.h"
#include "moest/data/text.h"

namespace moest {
namespace {

static_assert(std::endian::native == std::endian::little, "the values are copied as they are in the file");

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  std::string type;  // NumPy's name, such as <f8
  bool is_fortran_order = false;
  std::size_t num_rows = 0;
  std::size_t num_columns = 0;
};

InputError damaged(const std::string& source, std::string_view why) {
  return {fmt::format("{} is not a valid .npy file", source), why, "Write it again with `numpy.save`."};
}

// The header's text, cut from the front of `content`.
std::string_view take_header(std::string_view& content, const std::string& source) {
  const std::size_t version_at = kMagic.size();
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(content[i]); };
  if (content.size() < version_at + 4) {
    throw damaged(source, "it ends inside the header");
  }
  const int version = byte(version_at);
  if (version < 1 || version > 3) {
    throw damaged(source, fmt::format("format version {} is unknown", version));
  }
  const std::size_t num_length_bytes = version == 1 ? 2 : 4;
  const std::size_t text_at = version_at + 2 + num_length_bytes;
  std::size_t length = 0;
  for (std::size_t i = text_at; i > version_at + 2 && i <= content.size(); --i) {
    length = 256 * length + byte(i - 1);
  }
  if (content.size() < text_at || content.size() - text_at < length) {
    throw damaged(source, "it ends inside the header");
  }
  const std::string_view text = content.substr(text_at, length);
  content.remove_prefix(text_at + length);
  return text;
}

// What follows `'key':` in the header's dictionary.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& source) {
  const std::string pattern = fmt::format("'{}':", key);
  const std::size_t at = header.find(pattern);
  if (at == std::string_view::npos) {
    throw damaged(source, fmt::format("its header has no field {}", key));
  }
  return without_blanks(header.substr(at + pattern.size()));
}

std::vector<std::size_t> parse_shape(std::string_view text, const std::string& source) {
  const std::size_t close = text.find(')');
  if (!text.starts_with('(') || close == std::string_view::npos) {
    throw damaged(source, "its shape cannot be read");
  }
  text = text.substr(1, close - 1);
  std::vector<std::size_t> shape;
  while (!(text = without_blanks(text)).empty()) {
    std::size_t extent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), extent);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (error != std::errc() || !(text.empty() || text.starts_with(','))) {
      throw damaged(source, "its shape cannot be read");
    }
    shape.push_back(extent);
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  return shape;
}

std::string parse_type(std::string_view text, const std::string& source) {
  const std::size_t close = text.find('\'', 1);
  if (!text.starts_with('\'') || close == std::string_view::npos) {
    throw InputError(fmt::format("{} holds records", source), "an array of plain numbers is needed",
                     "Convert it, e.g. with `numpy.lib.recfunctions.structured_to_unstructured`.");
  }
  return std::string(text.substr(1, close - 1));
}

Header parse_header(std::string_view text, const std::string& source) {
  Header header;
  header.type = parse_type(value_of(text, "descr", source), source);
  header.is_fortran_order = value_of(text, "fortran_order", source).starts_with("True");
  const std::vector<std::size_t> shape = parse_shape(value_of(text, "shape", source), source);
  if (shape.empty() || shape.size() > 2) {
    throw InputError(fmt::format("{} has {} dimensions", source, shape.size()),
                     "a table has one (a single column) or two", "Reshape the array to rows and columns.");
  }
  header.num_rows = shape[0];
  header.num_columns = shape.size() == 2 ? shape[1] : 1;
  if (header.num_rows == 0 || header.num_columns == 0) {
    throw InputError(fmt::format("{} is empty", source),
                     fmt::format("its shape is {} x {}", header.num_rows, header.num_columns),
                     "Save an array with at least one row and one column.");
  }
  return header;
}

void check_size(const Header& header, std::size_t value_size, std::size_t num_bytes,
                const std::string& source) {
  const std::size_t num_values = num_bytes / value_size;
  const bool is_exact = num_bytes % value_size == 0 && num_values % header.num_columns == 0 &&
                        num_values / header.num_columns == header.num_rows;
  if (!is_exact) {
    throw InputError(fmt::format("{} has {} bytes of data", source, num_bytes),
                     fmt::format("its header says {} x {} values of {} bytes", header.num_rows,
                                 header.num_columns, value_size),
                     "The file is cut short or damaged: fetch it or write it again.");
  }
}

Table named_table(const Header& header, const std::string& source, const ReadOptions& options) {
  Table table;
  table.source = source;
  table.num_rows = header.num_rows;
  table.row_word = "row";
  table.first_line = 1;
  table.columns.resize(header.num_columns);
  for (std::size_t j = 0; j < header.num_columns; ++j) {
    Column& column = table.columns[j];
    column.name = fmt::format("x{}", j + 1);
    column.values.reserve(header.num_rows);
    column.is_categorical = std::find(options.categorical.begin(), options.categorical.end(), column.name) !=
                            options.categorical.end();
  }
  return table;
}

template <typename Value>
Table read_values(const Header& header, std::string_view data, const std::string& source,
                  const ReadOptions& options) {
  check_size(header, sizeof(Value), data.size(), source);
  Table table = named_table(header, source, options);
  for (std::size_t j = 0; j < header.num_columns; ++j) {
    for (std::size_t i = 0; i < header.num_rows; ++i) {
      const std::size_t place =
          header.is_fortran_order ? j * header.num_rows + i : i * header.num_columns + j;
      Value value;
      std::memcpy(&value, data.data() + place * sizeof(Value), sizeof(Value));
      table.columns[j].append_number(static_cast<double>(value));
    }
  }
  return table;
}

}  // namespace

bool is_npy(std::string_view content) { return content.starts_with(kMagic); }

Table parse_npy(std::string_view content, const std::string& source, const ReadOptions& options) {
  MOEST_EXPECT(is_npy(content));
  const Header header = parse_header(take_header(content, source), source);
  if (header.type == "<f8") {
    return read_values<double>(header, content, source, options);
  }
  if (header.type == "<f4") {
    return read_values<float>(header, content, source, options);
  }
  if (header.type == "<i8") {
    return read_values<std::int64_t>(header, content, source, options);
  }
  if (header.type == "<i4") {
    return read_values<std::int32_t>(header, content, source, options);
  }
  if (header.type == "|u1") {
    return read_values<std::uint8_t>(header, content, source, options);
  }
  throw InputError(fmt::format("{} holds values of type {}", source, shown(header.type)),
                   "only <f8, <f4, <i8, <i4 and |u1 can be read", "Convert it with `array.astype('<f8')`.");
}

}  // namespace moest
