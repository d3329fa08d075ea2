#include "moest/data/table_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "moest/data/scaling.h"

namespace moest {
namespace {

ColumnKind kind_of(const ColumnSummary& summary) {
  if (summary.num_numbers == 0) {
    return summary.num_bad == 0 ? ColumnKind::empty : ColumnKind::text;
  }
  return summary.num_bad == 0 ? ColumnKind::number : ColumnKind::mixed;
}

std::size_t num_distinct_labels(const Column& column) {
  const std::unordered_set<std::string_view> labels(column.labels.begin(), column.labels.end());
  return labels.size() - (column.num_missing > 0 ? 1 : 0);
}

void describe_numbers(std::vector<double> numbers, ColumnSummary& summary) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  summary.min = summary.mean = summary.sd = summary.max = kNan;
  if (numbers.empty()) {
    return;
  }
  const Moments result = moments(numbers);
  const auto n = static_cast<double>(numbers.size());
  summary.mean = result.mean;
  summary.sd = n > 1 ? result.deviation * std::sqrt(n / (n - 1)) : kNan;
  std::sort(numbers.begin(), numbers.end());
  summary.min = numbers.front();
  summary.max = numbers.back();
  const auto end = std::unique(numbers.begin(), numbers.end());
  summary.num_distinct = static_cast<std::size_t>(end - numbers.begin());
}

ColumnSummary summary_of(const Column& column) {
  std::vector<double> numbers;
  numbers.reserve(column.values.size());
  std::copy_if(column.values.begin(), column.values.end(), std::back_inserter(numbers),
               [](double x) { return !std::isnan(x); });
  ColumnSummary summary;
  summary.name = column.name;
  summary.num_numbers = numbers.size();
  summary.num_missing = column.num_missing;
  summary.num_bad = column.num_bad;
  summary.first_bad = column.first_bad;
  summary.kind = kind_of(summary);
  describe_numbers(std::move(numbers), summary);
  if (column.is_categorical) {
    summary.num_distinct = num_distinct_labels(column);
  }
  return summary;
}

}  // namespace

std::vector<ColumnSummary> summarise(const Table& table) {
  std::vector<ColumnSummary> summaries;
  summaries.reserve(table.columns.size());
  for (const Column& column : table.columns) {
    summaries.push_back(summary_of(column));
  }
  return summaries;
}

std::string kind_name(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::number:
      return "number";
    case ColumnKind::text:
      return "text";
    case ColumnKind::mixed:
      return "mixed";
    case ColumnKind::empty:
      return "empty";
  }
  return "";
}

}  // namespace moest
