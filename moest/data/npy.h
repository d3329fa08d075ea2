// Arrays that NumPy saved (format versions 1 to 3,
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include <string>
#include <string_view>

#include "moest/data/table.h"

namespace moest {

/// Whether the content begins with NumPy's magic string.
bool is_npy(std::string_view content);

/// Reads an array of one dimension (as one column) or two, in C or Fortran order, of float64, float32, int64,
/// int32 (little-endian) or uint8; the columns are named x1, x2, .. . A value that is not finite becomes a
/// bad cell. Throws InputError for another type or number of dimensions, an empty array, a damaged header,
/// and data that are shorter or longer than the header says.
Table parse_npy(std::string_view content, const std::string& source, const ReadOptions& options = {});

}  // namespace moest
