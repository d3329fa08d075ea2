#include "moest/base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace moest {
namespace {

std::string sentence(std::string_view problem, std::string_view why, std::string_view suggestion) {
  return fmt::format("{} ({}) {}", problem, why, suggestion);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substitution}));
    }
  }
  return row.back();
}

}  // namespace

InputError::InputError(std::string_view problem, std::string_view why, std::string_view suggestion)
    : std::runtime_error(sentence(problem, why, suggestion)) {}

InputError InputError::at(std::string_view place, const InputError& error) {
  return InputError(fmt::format("{}: {}", place, error.what()));
}

EnvironmentError::EnvironmentError(std::string_view problem, std::string_view why,
                                   std::string_view suggestion)
    : std::runtime_error(sentence(problem, why, suggestion)) {}

ContractError::ContractError(std::string_view condition, std::string_view file, int line)
    : std::logic_error(fmt::format("{}:{}: the contract `{}` was broken", file, line, condition)) {}

std::string nearest_name(std::string_view given, std::span<const std::string> candidates) {
  constexpr std::size_t kShortestBeginning = 3;
  std::size_t best = std::string::npos;
  std::string name;
  for (const std::string& candidate : candidates) {
    if (given.size() >= kShortestBeginning && candidate.starts_with(given) && candidate.size() < best) {
      best = candidate.size();
      name = candidate;
    }
  }
  if (!name.empty()) {
    return name;
  }
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(given, candidate);
    const std::size_t limit = (std::max(given.size(), candidate.size()) + 2) / 3;
    if (distance <= limit && distance < std::max(given.size(), candidate.size()) && distance < best) {
      best = distance;
      name = candidate;
    }
  }
  return name;
}

std::string listed(std::span<const std::string> names) { return fmt::format("{}", fmt::join(names, ", ")); }

}  // namespace moest
