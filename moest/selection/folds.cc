#include "moest/selection/folds.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "moest/base/error.h"
#include "moest/base/random.h"

namespace moest {
namespace {

/// Samples of the same inputs, in the order of their first.
std::vector<Indices> equal_inputs(const Eigen::MatrixXd& inputs) {
  Indices order(static_cast<std::size_t>(inputs.rows()));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  const auto before = [&](Eigen::Index a, Eigen::Index b) {
    return std::lexicographical_compare(inputs.row(a).begin(), inputs.row(a).end(), inputs.row(b).begin(),
                                        inputs.row(b).end());
  };
  std::stable_sort(order.begin(), order.end(), before);
  std::vector<Indices> groups;
  for (const Eigen::Index sample : order) {
    if (groups.empty() || before(groups.back().back(), sample)) {
      groups.emplace_back();
    }
    groups.back().push_back(sample);
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

std::vector<Indices> one_by_one(Eigen::Index n) {
  std::vector<Indices> groups;
  groups.reserve(static_cast<std::size_t>(n));
  for (Eigen::Index sample = 0; sample < n; ++sample) {
    groups.push_back({sample});
  }
  return groups;
}

}  // namespace

std::vector<Indices> deal_folds(const Eigen::MatrixXd& inputs, int num_folds, std::uint64_t seed,
                                Repeats repeats) {
  MOEST_EXPECT(num_folds >= 2);
  std::vector<Indices> groups =
      repeats == Repeats::together ? equal_inputs(inputs) : one_by_one(inputs.rows());
  if (static_cast<int>(groups.size()) < num_folds) {
    throw InputError(fmt::format("{} folds are too many", num_folds),
                     fmt::format("there are {} {}", groups.size(),
                                 repeats == Repeats::together ? "different rows of inputs" : "rows"),
                     "Take fewer --folds.");
  }
  Stream stream(seed, 0, "folds");
  for (std::size_t i = groups.size() - 1; i > 0; --i) {
    std::swap(groups[i], groups[static_cast<std::size_t>(stream.below(static_cast<int>(i) + 1))]);
  }
  std::vector<Indices> folds(static_cast<std::size_t>(num_folds));
  for (const Indices& group : groups) {
    const auto smallest = std::min_element(
        folds.begin(), folds.end(), [](const Indices& a, const Indices& b) { return a.size() < b.size(); });
    smallest->insert(smallest->end(), group.begin(), group.end());
  }
  for (Indices& fold : folds) {
    std::sort(fold.begin(), fold.end());
  }
  return folds;
}

}  // namespace moest
