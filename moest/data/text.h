// Text of a table as it may be shown in a message or kept in a model file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace moest {

/// Whether `text` is well-formed UTF-8 (no overlong forms, surrogates or code points above U+10FFFF).
bool is_utf8(std::string_view text);

/// `text` without the blanks and tabs around it.
std::string_view without_blanks(std::string_view text);

/// `text` in backticks for a message: at most 60 bytes of it, control characters and what is not UTF-8 as
/// `?`.
std::string shown(std::string_view text);

/// The names in backticks separated by ", "; beyond the first 20 only their number.
std::string shown_list(std::span<const std::string> names);

}  // namespace moest
