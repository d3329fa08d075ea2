#include "moest/theory/group_voronoi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "moest/base/error.h"
#include "tests/theory/theory_models.h"

namespace moest {
namespace {

using testing::ElementsAre;

GateSpec groups_of(const std::vector<int>& sizes) {
  GateSpec gate = gate_of("hierarchical");
  gate.groups.sizes = sizes;
  return gate;
}

double l1(const Model& fitted, const Model& truth) { return voronoi_loss(fitted, truth).l1; }

/// Two groups of two experts of one input, far from each other: masses of groups 1 and 2, inner masses 1.
Model two_groups() {
  Model model;
  model.spec = {groups_of({2, 2}), expert_of("linear"), 1, 4, 1};
  model.inputs = {"x1"};
  model.targets = {"y0"};
  model.atoms = {{0, {1}, {2, 0}}, {0, {-1}, {-1, 3}}, {0, {2}, {8, 0}}, {0, {-3}, {-8, 5}}};
  model.groups = {{0, {4}, {}}, {std::numbers::ln2, {-4}, {}}};
  check(model);
  return model;
}

/// The groups in the opposite order.
Model with_groups_reversed(const Model& model) {
  const std::vector<int>& sizes = model.spec.gate.groups.sizes;
  Model result = model;
  result.spec.gate.groups.sizes.assign(sizes.rbegin(), sizes.rend());
  result.groups.assign(model.groups.rbegin(), model.groups.rend());
  result.atoms.clear();
  std::size_t end = model.atoms.size();
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    const std::size_t first = end - static_cast<std::size_t>(*size);
    result.atoms.insert(result.atoms.end(), model.atoms.begin() + static_cast<std::ptrdiff_t>(first),
                        model.atoms.begin() + static_cast<std::ptrdiff_t>(end));
    end = first;
  }
  return result;
}

/// A shift of all groups, one of each group's atoms, and the opposite order of groups.
Model disguised(const Model& model, Stream& stream) {
  Model result = model;
  std::size_t next = 0;
  const double outer = stream.normal();
  for (std::size_t g = 0; g < model.groups.size(); ++g) {
    result.groups[g].bias += 0.7;
    result.groups[g].gate[0] += outer;
    const double inner = stream.normal();
    const double bias = stream.normal();
    for (int i = 0; i < model.spec.gate.groups.sizes[g]; ++i, ++next) {
      result.atoms[next].bias += bias;
      result.atoms[next].gate[0] += inner;
    }
  }
  return with_groups_reversed(result);
}

TEST(GroupVoronoiLoss, IsZeroForTheSameFunction) {
  Stream stream(1, 0, "groups");
  for (const std::vector<int>& sizes :
       std::vector<std::vector<int>>{{2, 2}, {3, 1}, {1, 1, 2}, {4}, {2, 3, 1, 2}}) {
    int k = 0;
    for (const int size : sizes) {
      k += size;
    }
    const Model truth = random_model(groups_of(sizes), expert_of("tanh"), 2, k, stream);
    Model fitted = disguised(truth, stream);
    std::swap(fitted.atoms[0], fitted.atoms[static_cast<std::size_t>(fitted.spec.gate.groups.sizes[0]) - 1]);
    ASSERT_LT(largest_difference(fitted, truth), 1e-12);
    const VoronoiLoss loss = voronoi_loss(fitted, truth, {Coordinates::raw, 2.0});
    EXPECT_LT(loss.l1, 1e-12) << sizes.size();
    EXPECT_LT(*loss.l2r, 1e-12) << sizes.size();
    for (std::size_t j = 0; j < loss.cells.size(); ++j) {
      ASSERT_EQ(loss.cells[j].atoms.size(), 1U);
      EXPECT_TRUE(loss.fitted_gates.col(loss.cells[j].atoms[0])
                      .isApprox(loss.true_gates.col(static_cast<Eigen::Index>(j)), 1e-12))
          << "gates are reported after the shift of their group";
    }
  }
}

TEST(GroupVoronoiLoss, DoesNotSeeTheInnerGateOfASingleExpert) {
  Stream stream(2, 0, "groups");
  const Model truth = random_model(groups_of({1, 2}), expert_of("tanh"), 1, 3, stream);
  Model fitted = truth;
  fitted.atoms[0].gate[0] += 5;
  fitted.atoms[0].bias -= 3;
  EXPECT_LT(l1(fitted, truth), 1e-13);
}

// P = (1, 2). An expert of the second group is moved by 0.1: l = 0.1 with inner mass 1, times P = 2. The
// first group's gate is moved by 0.3 with P = 1: the shift goes to the heavier group.
TEST(GroupVoronoiLoss, WeighsGroupsByTheirMasses) {
  const Model truth = two_groups();
  Model fitted = truth;
  fitted.atoms[3].expert[1] += 0.1;
  fitted.groups[0].gate[0] += 0.3;
  const VoronoiLoss loss = voronoi_loss(fitted, truth, {Coordinates::reduced, 2.0});
  EXPECT_NEAR(loss.l1, 2 * 0.1 + 1 * 0.3, 1e-12);
  // Of squares the shift s is least at (0.3 - s)^2 + 2 s^2: s = 0.1.
  EXPECT_NEAR(*loss.l2r, 2 * 0.01 + 0.04 + 2 * 0.01, 1e-12);
  ASSERT_EQ(loss.groups.size(), 2U);
  EXPECT_THAT(loss.groups[1].atoms, ElementsAre(1));
  EXPECT_NEAR(loss.groups[1].mass, 2, 1e-14);
  EXPECT_NEAR(loss.groups[1].largest_error.value(), 0.1, 1e-12);
  EXPECT_NEAR(loss.true_mass, 3, 1e-14);
  ASSERT_EQ(loss.cells.size(), 4U);
  EXPECT_THAT(loss.cells[3].atoms, ElementsAre(3));
  EXPECT_NEAR(loss.cells[3].largest_error.value(), 0.1, 1e-12);
}

TEST(GroupVoronoiLoss, CountsMassesOnBothLevels) {
  const Model truth = two_groups();
  Model fitted = truth;
  fitted.groups[0].bias = std::log(2.0);  // P = (1.5, 1.5) of (1, 2)
  fitted.atoms[0].bias = std::log(3.0);   // masses (1.5, 0.5) of (1, 1): l = 1
  EXPECT_NEAR(l1(fitted, truth), 0.5 + 0.5 + 1.5 * 1, 1e-12);
}

// The second group twice, with half its mass, at its gate -+ s: both powers are 2, and l is 0.
TEST(GroupVoronoiLoss, SquaresTheDifferencesOfSplitGroups) {
  const Model truth = two_groups();
  Model fitted = truth;
  fitted.spec.gate.groups.sizes = {2, 2, 2};
  fitted.spec.num_experts = 6;
  fitted.atoms.push_back(truth.atoms[2]);
  fitted.atoms.push_back(truth.atoms[3]);
  fitted.groups[1].bias = 0;
  fitted.groups.push_back({0, {-4.2}, {}});
  fitted.groups[1].gate[0] = -3.8;
  VoronoiLoss loss = voronoi_loss(fitted, truth);
  EXPECT_NEAR(loss.l1, 2 * 0.2 * 0.2, 1e-12);
  EXPECT_THAT(loss.groups[1].atoms, ElementsAre(1, 2));
  EXPECT_THAT(loss.cells[2].atoms, ElementsAre(2, 4));
  EXPECT_NEAR(loss.groups[1].split_rms.value(), std::sqrt(2 * 0.04), 1e-12);
  // l of one of the two is 0.1 (inner mass 1): 1 * 0.1^2 more, and its atom has half of the cell.
  fitted.atoms[5].expert[1] += 0.1;
  loss = voronoi_loss(fitted, truth);
  EXPECT_NEAR(loss.l1, 2 * 0.2 * 0.2 + 0.01, 1e-12);
  EXPECT_NEAR(loss.cells[3].split_rms.value(), std::sqrt(0.5 * 0.01), 1e-12);
}

TEST(GroupVoronoiLoss, CountsTheMassOfAGroupThatIsMissing) {
  const Model truth = two_groups();
  Model fitted = truth;
  fitted.spec.gate.groups.sizes = {2};
  fitted.spec.num_experts = 2;
  fitted.atoms.resize(2);
  fitted.groups.resize(1);
  const VoronoiLoss loss = voronoi_loss(fitted, truth);
  EXPECT_NEAR(loss.l1, 2 + 2, 1e-12);
  EXPECT_THAT(loss.cells[2].atoms, ElementsAre());
  EXPECT_NEAR(loss.cells[2].mass_error, 1, 1e-14);
}

// Both groups of the fit are copies of the first true one, and yet each true group gets one of them: the
// heavier copy the first (its gate is right, the masses are 2 and 1 of 1 and 2), the other the second, whose
// gate is 8 away. There l is 3 of the inner gates, 1 - 2 and -1 + 3, and the distances of the experts.
TEST(GroupVoronoiLoss, GivesEachTrueGroupOneOfAsManyFittedOnes) {
  const Model truth = two_groups();
  Model fitted = truth;
  fitted.atoms[2] = truth.atoms[0];
  fitted.atoms[3] = truth.atoms[1];
  fitted.groups[1].gate = truth.groups[0].gate;
  const VoronoiLoss loss = voronoi_loss(fitted, truth);
  EXPECT_NEAR(loss.l1, 1 + 1 + 8 + 3 + 6 + std::sqrt(7 * 7 + 2 * 2), 1e-11);
  EXPECT_THAT(loss.groups[0].atoms, ElementsAre(1));
  EXPECT_THAT(loss.groups[1].atoms, ElementsAre(0));
}

TEST(GroupVoronoiLoss, SplitsInnerAtomsWithinTheirGroup) {
  const Model truth = two_groups();
  Model fitted = truth;
  fitted.spec.gate.groups.sizes = {3, 2};
  fitted.spec.num_experts = 5;
  fitted.atoms.insert(fitted.atoms.begin(), truth.atoms[0]);
  for (const std::size_t i : {0, 1}) {
    fitted.atoms[i].bias = -std::numbers::ln2;
    fitted.atoms[i].gate[0] += i == 0 ? 0.1 : -0.1;
  }
  const VoronoiLoss loss = voronoi_loss(fitted, truth);
  EXPECT_NEAR(loss.l1, 0.01, 1e-12);
  EXPECT_THAT(loss.cells[0].atoms, ElementsAre(0, 1));
}

}  // namespace
}  // namespace moest
