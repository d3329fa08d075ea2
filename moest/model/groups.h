// Groups of experts: which expert belongs to which.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "moest/model/specification.h"

namespace moest {

/// Whether the experts come in groups, each with a gate of its own.
bool has_groups(const GateSpec& gate);

/// How many experts each group has, in the order of the atoms: group 1 is the first so many atoms. Empty
/// where there are no groups. Where the options are silent there are two groups (one for a single expert),
/// the first one larger if they cannot be equal. Throws InputError for groups that do not make num_experts.
std::vector<int> group_sizes(const MixtureSpec& spec);

/// The index of each group's last expert, plus one.
std::vector<int> group_ends(const MixtureSpec& spec);

/// `spec` with fewer experts, a station on the way to it: first so many groups with one expert each, then
/// these groups grow evenly.
MixtureSpec with_experts(const MixtureSpec& spec, int num_experts);

/// Where the atoms and groups of a mixture come from, by their numbers in another one.
struct Arrangement {
  std::vector<int> atoms, groups;
};

/// The mixture's own atoms in another order: in each group, and the groups among those of their size.
/// `comes_first` compares two atoms or two groups, given as lists of atoms.
Arrangement arranged(const MixtureSpec& spec,
                     const std::function<bool(std::span<const int>, std::span<const int>)>& comes_first);

/// How a mixture becomes one with one expert more.
struct Growth {
  Arrangement from;
  int new_atom = 0;  // made from the same as another one
  // Two gates that are to differ from now on, numbered as in a chart: those of atoms, then those of groups.
  int kept_gate = 0, new_gate = 0;
};

/// Between neighbours on the way of with_experts(), with a new atom beside atom `expert`; none if that cannot
/// be, since the group that grows is another one.
std::optional<Growth> growth(const MixtureSpec& smaller, const MixtureSpec& larger, int expert);

}  // namespace moest
