// Numbers as text: locale-free, exact to the last bit in both directions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace moest {

/// Outcome of reading a number.
enum class NumberStatus { ok, not_a_number, not_finite, out_of_range };

struct ParsedNumber {
  double value = 0;
  NumberStatus status = NumberStatus::not_a_number;
};

/// Reads the whole of `text` (blanks and tabs around it are ignored) as a decimal floating-point number,
/// correctly rounded. A leading `+` is legal. `nan` and `inf` in any spelling are not_finite; a number beyond
/// the range of double (1e999) is out_of_range; one that underflows is rounded to zero or a subnormal.
ParsedNumber parse_number(std::string_view text);

/// Shortest decimal text that reads back as exactly the same bits.
std::string exact_text(double value);

}  // namespace moest
