#include "moest/base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

/// Follows a parse and knows the path of the value at which it stops.
class PathFollower : public nlohmann::json_sax<Json> {
 public:
  const std::string& path() const { return path_; }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool key(string_t& name) override {
    levels_.back().key = name;
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    for (const Level& level : levels_) {
      path_ += level.is_array  ? fmt::format("[{}]", level.index)
               : path_.empty() ? level.key
                               : "." + level.key;
    }
    return false;
  }

 private:
  struct Level {
    bool is_array;
    std::size_t index = 0;
    std::string key = {};
  };

  bool value() {
    if (!levels_.empty()) {
      ++levels_.back().index;
    }
    return true;
  }
  bool open(bool is_array) {
    levels_.push_back({is_array});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return value();
  }

  std::vector<Level> levels_;
  std::string path_;
};

bool is_flat(const Json& json) {
  return std::none_of(json.begin(), json.end(), [](const Json& item) {
    return item.is_structured() &&
           !std::all_of(item.begin(), item.end(), [](const Json& inner) { return !inner.is_structured(); });
  });
}

// Compact with a blank after each comma and colon.
std::string one_line(const Json& json) {
  if (!json.is_structured()) {
    return json.dump();
  }
  std::vector<std::string> items;
  for (const auto& [field, value] : json.items()) {
    items.push_back(json.is_object() ? fmt::format("{}: {}", Json(field).dump(), one_line(value))
                                     : one_line(value));
  }
  return json.is_object() ? fmt::format("{{{}}}", fmt::join(items, ", "))
                          : fmt::format("[{}]", fmt::join(items, ", "));
}

void append_readable(const Json& json, std::size_t indent, std::string& text) {
  constexpr std::size_t kLineLength = 110;
  const std::string line = one_line(json);
  if (!json.is_structured() || json.empty() ||
      (indent > 0 && is_flat(json) && indent + line.size() <= kLineLength)) {
    text += line;
    return;
  }
  const bool has_lists_only_of_numbers = json.is_array() && !json.front().is_structured();
  if (has_lists_only_of_numbers) {
    text += line;
    return;
  }
  text += json.is_object() ? "{\n" : "[\n";
  std::size_t left = json.size();
  for (const auto& [field, value] : json.items()) {
    text.append(indent + 2, ' ');
    if (json.is_object()) {
      text += fmt::format("{}: ", Json(field).dump());
    }
    append_readable(value, indent + 2, text);
    text += --left > 0 ? ",\n" : "\n";
  }
  text.append(indent, ' ');
  text += json.is_object() ? "}" : "]";
}

}  // namespace

Json parse_json(const std::string& text, const std::string& name, std::string_view what,
                std::string_view advice) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t offset = std::min(error.byte, text.size());
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n') + 1;
    throw InputError(fmt::format("{} is not {}", name, what),
                     fmt::format("the JSON breaks off or is wrong at line {}, byte {}", line, offset),
                     std::string(advice));
  } catch (const nlohmann::json::out_of_range&) {
    PathFollower follower;
    Json::sax_parse(text, &follower);
    throw InputError(fmt::format("{}: {} is beyond the range of a number", name, follower.path()),
                     "it must be a finite number", "Correct the field.");
  }
}

std::string readable_text(const Json& json) {
  std::string text;
  append_readable(json, 0, text);
  return text + "\n";
}

}  // namespace moest
