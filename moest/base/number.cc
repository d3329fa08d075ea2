#include "moest/base/number.h"

#include <fast_float/fast_float.h>

#include <array>
#include <charconv>
#include <cmath>

namespace moest {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool says_not_finite(std::string_view text) { return text.find_first_of("nN") != std::string_view::npos; }

}  // namespace

ParsedNumber parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') {
    text.remove_prefix(1);
  }
  ParsedNumber parsed;
  const auto [end, error] = fast_float::from_chars(text.data(), text.data() + text.size(), parsed.value);
  if (error == std::errc::result_out_of_range) {
    parsed.status = NumberStatus::out_of_range;
  } else if (error != std::errc() || end != text.data() + text.size()) {
    parsed.status = NumberStatus::not_a_number;
  } else if (std::isfinite(parsed.value)) {
    parsed.status = NumberStatus::ok;
  } else {
    // fast_float 3 returns infinity for a literal beyond the range; the words nan and inf contain an n.
    parsed.status = says_not_finite(text) ? NumberStatus::not_finite : NumberStatus::out_of_range;
  }
  return parsed;
}

std::string exact_text(double value) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

}  // namespace moest
