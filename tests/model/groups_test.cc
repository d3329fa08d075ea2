#include "moest/model/groups.h"

#include <gmock/gmock.h>

#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

MixtureSpec grouped(int num_experts, const Partition& groups) {
  MixtureSpec spec;
  spec.gate.kind = "hierarchical";
  spec.gate.groups = groups;
  spec.num_experts = num_experts;
  return spec;
}

TEST(Groups, AreOfTheSizesThatTheOptionsSay) {
  EXPECT_THAT(group_sizes(grouped(6, {3, {}})), ElementsAre(2, 2, 2));
  EXPECT_THAT(group_sizes(grouped(6, {0, {1, 5}})), ElementsAre(1, 5));
  EXPECT_THAT(group_sizes(grouped(5, {})), ElementsAre(3, 2));
  EXPECT_THAT(group_sizes(grouped(1, {})), ElementsAre(1));
  EXPECT_THAT(group_ends(grouped(6, {0, {1, 2, 3}})), ElementsAre(1, 3, 6));
  EXPECT_THAT(group_sizes(MixtureSpec{}), IsEmpty());
  EXPECT_THROW(group_sizes(grouped(6, {4, {}})), InputError);
  EXPECT_THROW(group_sizes(grouped(6, {0, {4, 4}})), InputError);
}

TEST(Groups, GrowFromOneExpertEachAndEvenly) {
  const MixtureSpec spec = grouped(6, {0, {4, 2}});
  const std::vector<std::vector<int>> expected{{1}, {1, 1}, {2, 1}, {2, 2}, {3, 2}, {4, 2}};
  for (int k = 1; k <= 6; ++k) {
    EXPECT_EQ(group_sizes(with_experts(spec, k)), expected[static_cast<std::size_t>(k) - 1]);
  }
  EXPECT_EQ(with_experts(MixtureSpec{}, 3).num_experts, 3);
}

TEST(Growth, PutsANewExpertLastWhereThereAreNoGroups) {
  MixtureSpec flat;
  flat.num_experts = 3;
  const Growth grown = growth(with_experts(flat, 2), flat, 0).value();
  EXPECT_THAT(grown.from.atoms, ElementsAre(0, 1, 0));
  EXPECT_THAT(grown.from.groups, IsEmpty());
  EXPECT_EQ(grown.new_atom, 2);
  EXPECT_EQ(grown.kept_gate, 0);
  EXPECT_EQ(grown.new_gate, 2);
}

TEST(Growth, MakesANewGroupOfItsOwnAndPartsTheGatesOfTheGroups) {
  const MixtureSpec spec = grouped(3, {0, {1, 1, 1}});
  const Growth grown = growth(with_experts(spec, 2), spec, 1).value();
  EXPECT_THAT(grown.from.atoms, ElementsAre(0, 1, 1));
  EXPECT_THAT(grown.from.groups, ElementsAre(0, 1, 1));
  EXPECT_EQ(grown.new_atom, 2);
  EXPECT_EQ(grown.kept_gate, 3 + 1);
  EXPECT_EQ(grown.new_gate, 3 + 2);
}

// From sizes 1, 1 to 2, 1: the expert of the second group may be split too, since the groups are alike.
TEST(Growth, MayExchangeGroupsOfOneSize) {
  const MixtureSpec spec = grouped(3, {0, {2, 1}});
  const Growth grown = growth(with_experts(spec, 2), spec, 1).value();
  EXPECT_THAT(grown.from.groups, ElementsAre(1, 0));
  EXPECT_THAT(grown.from.atoms, ElementsAre(1, 1, 0));
  EXPECT_EQ(grown.new_atom, 1);
  EXPECT_EQ(grown.kept_gate, 0);
  EXPECT_EQ(grown.new_gate, 1);
}

TEST(Growth, IsNotPossibleInAGroupThatDoesNotGrow) {
  const MixtureSpec spec = grouped(4, {0, {3, 1}});
  const MixtureSpec smaller = with_experts(spec, 3);
  EXPECT_TRUE(growth(smaller, spec, 0));
  EXPECT_TRUE(growth(smaller, spec, 1));
  EXPECT_FALSE(growth(smaller, spec, 2));
}

TEST(Arrangement, KeepsExpertsInTheirGroupsAndGroupsAtTheirSizes) {
  const auto reversed = [](std::span<const int> a, std::span<const int> b) { return a[0] > b[0]; };
  const Arrangement order = arranged(grouped(7, {0, {2, 1, 2, 2}}), reversed);
  EXPECT_THAT(order.groups, ElementsAre(3, 1, 2, 0));
  EXPECT_THAT(order.atoms, ElementsAre(6, 5, 2, 4, 3, 1, 0));
  MixtureSpec flat;
  flat.num_experts = 3;
  EXPECT_THAT(arranged(flat, reversed).atoms, ElementsAre(2, 1, 0));
  EXPECT_THAT(arranged(flat, reversed).groups, IsEmpty());
}

}  // namespace
}  // namespace moest
