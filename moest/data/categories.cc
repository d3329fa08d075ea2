#include "moest/data/categories.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/data/text.h"

namespace moest {
namespace {

std::optional<double> number_of(const std::string& label) {
  const ParsedNumber parsed = parse_number(label);
  return parsed.status == NumberStatus::ok ? std::optional(parsed.value) : std::nullopt;
}

void check_numeric_levels_differ(const Column& column, std::span<const std::string> levels) {
  for (std::size_t i = 1; i < levels.size(); ++i) {
    if (number_of(levels[i - 1]) == number_of(levels[i])) {
      throw InputError(fmt::format("the categorical column {} has the levels {} and {}", shown(column.name),
                                   shown(levels[i - 1]), shown(levels[i])),
                       "they are the same number", "Write the level in the same way everywhere.");
    }
  }
}

// Finds the level that a label means: the same text, else the same number.
class LevelIndex {
 public:
  explicit LevelIndex(std::span<const std::string> levels) {
    for (std::size_t i = 0; i < levels.size(); ++i) {
      by_text_.emplace(levels[i], i);
      if (const auto number = number_of(levels[i])) {
        by_number_.emplace(*number, i);
      }
    }
  }

  std::optional<std::size_t> find(const std::string& label) const {
    if (const auto found = by_text_.find(label); found != by_text_.end()) {
      return found->second;
    }
    const auto number = number_of(label);
    const auto found = number ? by_number_.find(*number) : by_number_.end();
    return found == by_number_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::unordered_map<std::string_view, std::size_t> by_text_;
  std::unordered_map<double, std::size_t> by_number_;
};

}  // namespace

std::vector<std::string> sorted_levels(const Column& column, std::span<const std::size_t> rows) {
  std::unordered_set<std::string_view> distinct;
  for (const std::size_t row : rows) {
    distinct.insert(column.labels[row]);
    if (distinct.size() > kMostLevels) {
      throw InputError(
          fmt::format("the categorical column {} has more than {} levels", shown(column.name), kMostLevels),
          "each level becomes an input", "Use it as a number, or leave it out with --inputs.");
    }
  }
  std::vector<std::string> levels(distinct.begin(), distinct.end());
  std::sort(levels.begin(), levels.end());
  if (std::all_of(levels.begin(), levels.end(),
                  [](const auto& level) { return number_of(level).has_value(); })) {
    std::stable_sort(levels.begin(), levels.end(),
                     [](const auto& a, const auto& b) { return *number_of(a) < *number_of(b); });
    check_numeric_levels_differ(column, levels);
  }
  return levels;
}

void check_labels(const Table& table, const Column& column) {
  for (std::size_t row = 0; row < table.num_rows; ++row) {
    if (!is_utf8(column.labels[row])) {
      throw InputError(
          fmt::format("{}: the label {} is not UTF-8", table.place(row, column), shown(column.labels[row])),
          "labels are kept in the model file", "Save the file in UTF-8.");
    }
  }
}

std::string indicator_name(std::string_view column, std::string_view level) {
  return fmt::format("{}={}", column, level);
}

Eigen::MatrixXd indicators(const Table& table, const Column& column, std::span<const std::size_t> rows,
                           std::span<const std::string> levels) {
  const LevelIndex index(levels);
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(rows.size()),
                                                 static_cast<Eigen::Index>(levels.size()) - 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto level = index.find(column.labels[rows[i]]);
    if (!level) {
      throw InputError(fmt::format("{}: the level {} is unknown", table.place(rows[i], column),
                                   shown(column.labels[rows[i]])),
                       fmt::format("the model knows {}", shown_list(levels)),
                       "Leave the row out, or fit a model to data with this level.");
    }
    if (*level > 0) {
      result(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(*level) - 1) = 1;
    }
  }
  return result;
}

std::unordered_map<std::string, IndicatorSource> indicator_sources(const Categories& categories) {
  std::unordered_map<std::string, IndicatorSource> sources;
  for (const auto& [column, levels] : categories) {
    MOEST_EXPECT(!levels.empty());
    for (std::size_t j = 1; j < levels.size(); ++j) {
      sources.emplace(indicator_name(column, levels[j]), IndicatorSource{&column, j});
    }
  }
  return sources;
}

}  // namespace moest
