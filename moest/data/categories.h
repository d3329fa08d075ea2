// Categorical columns: their levels, and the indicators that stand for them among the inputs.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "moest/data/table.h"

namespace moest {

/// Levels of each categorical input. The first level is the reference and has no indicator; the others are
/// the inputs named `column=level`, which are 1 in the rows of that level and else 0. Levels are in the order
/// of their values if all are numbers, else in lexicographic order.
using Categories = std::map<std::string, std::vector<std::string>>;

/// The most levels of a categorical input.
inline constexpr std::size_t kMostLevels = 1000;

/// `column=level`.
std::string indicator_name(std::string_view column, std::string_view level);

/// Throws InputError for a label that is not UTF-8.
void check_labels(const Table& table, const Column& column);

/// Distinct labels of the rows, in the order of Categories. Throws InputError for more than kMostLevels, or
/// for two that are the same number.
std::vector<std::string> sorted_levels(const Column& column, std::span<const std::size_t> rows);

/// rows.size() x (levels.size() - 1): column j - 1 is 1 where the label means levels[j], by its text or else
/// as a number. Throws InputError for a label that means none of the levels.
Eigen::MatrixXd indicators(const Table& table, const Column& column, std::span<const std::size_t> rows,
                           std::span<const std::string> levels);

/// The categorical column and the level that an indicator stands for.
struct IndicatorSource {
  const std::string* category = nullptr;  // a key of the categories
  std::size_t level = 0;
};

/// By the names of all indicators.
std::unordered_map<std::string, IndicatorSource> indicator_sources(const Categories& categories);

}  // namespace moest
