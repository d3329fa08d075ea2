// Comma-separated values (RFC 4180): reading a table and writing one.
#pragma once

#include <Eigen/Core>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/data/table.h"

namespace moest {

/// Reads a table from text. The first line is the header. Fields may be quoted; a quoted field may hold the
/// delimiter, line ends and doubled quotes. Lines end with LF or CRLF; a byte order mark and blank lines at
/// the end are ignored. The delimiter is the comma or, if the header has none outside quotes, the more
/// frequent of semicolon and tab there. An empty line is a missing value in a table of one column and an
/// error in others. Text in a column is recorded, not refused (see BadCell).
///
/// Throws InputError, naming `source` and the line, for: no content, no rows, binary content (NUL bytes), a
/// column name that is empty, double or not UTF-8, a header of unquoted numbers only, a row of another number
/// of fields than the header, a quote that is not closed or is followed by text, a carriage return that ends
/// no line.
Table parse_csv(std::string_view text, const std::string& source, const ReadOptions& options = {});

/// The table as CSV with LF line ends: numbers as exact_text, NaN as NA, names quoted where parse_csv would
/// otherwise read another name. Requires as many names as columns, at least one, and columns of equal length.
std::string csv_text(std::span<const std::string> names, std::span<const std::vector<double>> columns);

/// The same for a matrix. values: n x names.size().
std::string csv_text(std::span<const std::string> names, const Eigen::Ref<const Eigen::MatrixXd>& values);

}  // namespace moest
