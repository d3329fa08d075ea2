#include "moest/data/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

constexpr std::size_t kLongestShown = 60;
constexpr std::size_t kMostNamesShown = 20;

// Length of the UTF-8 sequence at the start of `text`, or 0 if it is malformed. Table 3-7 of the Unicode
// standard: only the second byte has bounds that depend on the first.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
    return 0;
  }
  const std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) {
    return 0;
  }
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  return length;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

std::string_view without_blanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::string shown(std::string_view text) {
  std::string result = "`";
  while (!text.empty() && result.size() <= kLongestShown) {
    const std::size_t length = sequence_length(text);
    if (length == 0 || is_control(text[0])) {
      result += '?';
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max(length, std::size_t{1}));
  }
  return result + (text.empty() ? "`" : "...`");
}

std::string shown_list(std::span<const std::string> names) {
  const std::size_t num_shown = std::min(names.size(), kMostNamesShown);
  std::vector<std::string> texts;
  texts.reserve(num_shown);
  for (const std::string& name : names.first(num_shown)) {
    texts.push_back(shown(name));
  }
  const std::size_t num_more = names.size() - num_shown;
  return num_more == 0 ? listed(texts) : fmt::format("{} and {} more", listed(texts), num_more);
}

}  // namespace moest
