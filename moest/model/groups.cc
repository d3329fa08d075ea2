#include "moest/model/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"

namespace moest {
namespace {

// So many parts, the first ones larger by one where they cannot be equal.
std::vector<int> even_parts(int whole, int num_parts) {
  std::vector<int> parts(static_cast<std::size_t>(num_parts), whole / num_parts);
  std::for_each_n(parts.begin(), whole % num_parts, [](int& part) { ++part; });
  return parts;
}

}  // namespace

bool has_groups(const GateSpec& gate) { return gate_combiner(gate) == Combiner::hierarchical; }

std::vector<int> group_sizes(const MixtureSpec& spec) {
  if (!has_groups(spec.gate)) {
    return {};
  }
  const Partition& groups = spec.gate.groups;
  const int k = spec.num_experts;
  if (!groups.sizes.empty()) {
    if (std::accumulate(groups.sizes.begin(), groups.sizes.end(), std::int64_t{0}) != k) {
      throw InputError(fmt::format("groups of {} experts are not possible", fmt::join(groups.sizes, ", ")),
                       fmt::format("the mixture has {}", k), "Give sizes that add up to that number.");
    }
    return groups.sizes;
  }
  if (groups.number == 0) {
    return k > 0 ? even_parts(k, std::min(k, 2)) : std::vector<int>{};
  }
  if (k % groups.number != 0) {
    const std::string proposal =
        groups.number < k ? fmt::format(", for example {}", fmt::join(even_parts(k, groups.number), ","))
                          : "";
    throw InputError(fmt::format("{} equal groups are not possible", groups.number),
                     fmt::format("the mixture has {} expert(s)", k),
                     fmt::format("Give a number that divides it, or the size of each group{}.", proposal));
  }
  return even_parts(k, groups.number);
}

std::vector<int> group_ends(const MixtureSpec& spec) {
  std::vector<int> ends = group_sizes(spec);
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  return ends;
}

MixtureSpec with_experts(const MixtureSpec& spec, int num_experts) {
  MixtureSpec result = spec;
  result.num_experts = num_experts;
  const std::vector<int> wanted = group_sizes(spec);
  if (wanted.empty()) {
    return result;
  }
  std::vector<int> sizes(std::min(wanted.size(), static_cast<std::size_t>(num_experts)), 1);
  for (int count = static_cast<int>(sizes.size()); count < num_experts; ++count) {
    std::size_t smallest = sizes.size();
    for (std::size_t g = 0; g < sizes.size(); ++g) {
      if (sizes[g] < wanted[g] && (smallest == sizes.size() || sizes[g] < sizes[smallest])) {
        smallest = g;
      }
    }
    ++sizes[smallest];
  }
  result.gate.groups = {0, sizes};
  return result;
}

Arrangement arranged(const MixtureSpec& spec,
                     const std::function<bool(std::span<const int>, std::span<const int>)>& comes_first) {
  const std::vector<int> given = group_sizes(spec);
  const std::vector<int> sizes = given.empty() ? std::vector<int>{spec.num_experts} : given;
  std::vector<std::vector<int>> members;
  int next = 0;
  for (const int size : sizes) {
    std::vector<int>& group = members.emplace_back(static_cast<std::size_t>(size));
    std::iota(group.begin(), group.end(), next);
    std::stable_sort(group.begin(), group.end(), [&](int a, int b) { return comes_first({&a, 1}, {&b, 1}); });
    next += size;
  }
  Arrangement result;
  for (std::size_t place = 0; place < sizes.size(); ++place) {
    std::vector<std::size_t> of_size;
    for (std::size_t g = 0; g < sizes.size(); ++g) {
      if (sizes[g] == sizes[place]) {
        of_size.push_back(g);
      }
    }
    const auto rank = std::find(of_size.begin(), of_size.end(), place) - of_size.begin();
    std::stable_sort(of_size.begin(), of_size.end(),
                     [&](std::size_t a, std::size_t b) { return comes_first(members[a], members[b]); });
    const std::size_t group = of_size[static_cast<std::size_t>(rank)];
    result.atoms.insert(result.atoms.end(), members[group].begin(), members[group].end());
    if (!given.empty()) {
      result.groups.push_back(static_cast<int>(group));
    }
  }
  return result;
}

namespace {

// A new group of one expert made from another one, where all groups have one expert; or, where there are no
// groups, a new expert.
Growth add_last(int num_experts, int expert, bool has_groups) {
  Growth result;
  result.from.atoms.resize(static_cast<std::size_t>(num_experts));
  std::iota(result.from.atoms.begin(), result.from.atoms.end(), 0);
  result.from.atoms.push_back(expert);
  result.new_atom = num_experts;
  if (has_groups) {
    result.from.groups = result.from.atoms;
  }
  const int first_gate = has_groups ? num_experts + 1 : 0;
  result.kept_gate = first_gate + expert;
  result.new_gate = first_gate + num_experts;
  return result;
}

// A new expert beside expert `expert` of group `own`, which changes places with group `grown`.
Growth add_to_group(const std::vector<int>& ends, std::size_t own, std::size_t grown, int expert) {
  Growth result;
  result.from.groups.resize(ends.size());
  std::iota(result.from.groups.begin(), result.from.groups.end(), 0);
  std::swap(result.from.groups[own], result.from.groups[grown]);
  std::vector<int>& atoms = result.from.atoms;
  for (std::size_t g = 0; g < ends.size(); ++g) {
    const auto from = static_cast<std::size_t>(result.from.groups[g]);
    for (int i = from > 0 ? ends[from - 1] : 0; i < ends[from]; ++i) {
      atoms.push_back(i);
    }
    if (g == grown) {
      result.new_gate = result.new_atom = static_cast<int>(atoms.size());
      atoms.push_back(expert);
    }
  }
  result.kept_gate = static_cast<int>(std::find(atoms.begin(), atoms.end(), expert) - atoms.begin());
  return result;
}

}  // namespace

std::optional<Growth> growth(const MixtureSpec& smaller, const MixtureSpec& larger, int expert) {
  const std::vector<int> before = group_sizes(smaller);
  const std::vector<int> after = group_sizes(larger);
  if (before.size() != after.size() || after.empty()) {
    return add_last(smaller.num_experts, expert, !after.empty());
  }
  const auto grown = static_cast<std::size_t>(
      std::mismatch(before.begin(), before.end(), after.begin()).first - before.begin());
  const std::vector<int> ends = group_ends(smaller);
  const auto own =
      static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), expert) - ends.begin());
  if (before[own] != before[grown]) {
    return std::nullopt;
  }
  return add_to_group(ends, own, grown, expert);
}

}  // namespace moest
