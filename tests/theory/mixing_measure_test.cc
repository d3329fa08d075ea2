#include "moest/theory/mixing_measure.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/theory/theory_models.h"

namespace moest {
namespace {

Model with_gate(const GateSpec& gate, const std::vector<double>& omega, double bias) {
  Model model;
  model.spec = {gate, expert_of("linear"), 2, 1, 1};
  model.inputs = {"x1", "x2"};
  model.targets = {"y"};
  model.atoms = {{bias, omega, {1, 2, 3}}};
  return model;
}

Eigen::VectorXd gate_in(const Model& model, Coordinates coordinates) {
  return mixing_measure(model, coordinates).gates.col(0);
}

TEST(MixingMeasure, HoldsAtomsInColumns) {
  const MixingMeasure measure = mixing_measure(two_lines("linear"), Coordinates::raw);
  EXPECT_EQ(measure.gates, (Eigen::MatrixXd(1, 2) << 1, -1).finished());
  EXPECT_EQ(measure.experts, (Eigen::MatrixXd(2, 2) << 2, -1, 0.8, -0.6).finished());
  EXPECT_EQ(measure.log_masses, Eigen::VectorXd(Eigen::Vector2d(0, 0)));
}

TEST(MixingMeasure, ReducesByTheTemperature) {
  GateSpec gate = gate_of("dense_to_sparse");
  gate.temperature = {0.5, false};
  const Model model = with_gate(gate, {3, 4}, 2);
  EXPECT_EQ(gate_in(model, Coordinates::raw), Eigen::VectorXd(Eigen::Vector2d(3, 4)));
  EXPECT_EQ(gate_in(model, Coordinates::reduced), Eigen::VectorXd(Eigen::Vector2d(6, 8)));
  for (const Coordinates coordinates : {Coordinates::raw, Coordinates::reduced}) {
    EXPECT_EQ(mixing_measure(model, coordinates).log_masses[0], 4) << "b / tau in both";
  }
  gate.router = "tanh";
  EXPECT_EQ(gate_in(with_gate(gate, {3, 4}, 2), Coordinates::reduced),
            Eigen::VectorXd(Eigen::Vector2d(3, 4)));
}

TEST(MixingMeasure, ReducesTheCosineFamilyToDirectionsAndBalls) {
  for (const bool learned : {false, true}) {
    GateSpec gate = gate_of("cosine");
    gate.temperature = {0.5, learned};
    EXPECT_TRUE(
        gate_in(with_gate(gate, {3, 4}, 2), Coordinates::reduced).isApprox(Eigen::Vector2d(1.2, 1.6)));
    gate.kind = "perturbed_cosine";
    gate.tau1 = 1;
    EXPECT_TRUE(gate_in(with_gate(gate, {3, 4}, 2), Coordinates::reduced)
                    .isApprox(Eigen::Vector2d(3, 4) / ((5 + 1) * 0.5)));
    EXPECT_EQ(gate_in(with_gate(gate, {3, 4}, 2), Coordinates::raw), Eigen::VectorXd(Eigen::Vector2d(3, 4)));
  }
}

TEST(MixingMeasure, HasFrobeniusNormsOfQuadraticForms) {
  // x' A x with A = (1 2; 2 3), and omega = (4, 5).
  const Model model = with_gate(gate_of("quadratic"), {1, 2, 3, 4, 5}, 0);
  EXPECT_DOUBLE_EQ(gate_in(model, Coordinates::raw).squaredNorm(), 1 + 2 * 4 + 9 + 16 + 25);
}

TEST(MixingMeasure, OfSigmoidsHasTheBiasAmongTheGateParameters) {
  const MixingMeasure measure =
      mixing_measure(with_gate(gate_of("sigmoid"), {3, 4}, 2), Coordinates::reduced);
  EXPECT_EQ(measure.gates.col(0), Eigen::VectorXd(Eigen::Vector3d(3, 4, 2)));
  EXPECT_EQ(measure.log_masses[0], 0);
}

TEST(MixingMeasure, HasGroupsOnALevelOfTheirOwn) {
  Stream stream(1, 0, "groups");
  GateSpec gate = gate_of("hierarchical");
  gate.groups.sizes = {2, 1};
  const Model model = random_model(gate, expert_of("tanh"), 2, 3, stream);
  const MixingMeasure measure = mixing_measure(model, Coordinates::raw);
  EXPECT_EQ(measure.group_sizes, (std::vector<int>{2, 1}));
  EXPECT_EQ(measure.group_gates(1, 0), model.groups[0].gate[1]);
  EXPECT_EQ(measure.group_log_masses[1], model.groups[1].bias);
}

// The mirror is declared exactly where it leaves the function of two experts unchanged and is no shift.
TEST(MixingMeasure, HasAMirrorWhereTheFunctionHas) {
  Stream stream(2, 0, "mirror");
  const auto difference_of_mirror = [&](const GateSpec& gate) {
    const Model model = random_model(gate, expert_of("tanh"), 2, 2, stream);
    Model other = model;
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t j = 0; j < model.atoms[i].gate.size(); ++j) {
        other.atoms[i].gate[j] = -model.atoms[1 - i].gate[j];
      }
    }
    if (has_masses(gate)) {
      EXPECT_EQ(mirrored(mixing_measure(model, Coordinates::raw)).gates,
                mixing_measure(other, Coordinates::raw).gates);
    }
    return largest_difference(model, other);
  };
  GateSpec router = gate_of("dense_to_sparse");
  router.temperature = {0.7, false};
  for (const std::string name : {"tanh", "sigmoid", "gelu"}) {
    router.router = name;
    EXPECT_EQ(has_mirror(router, Coordinates::raw), name != "gelu") << name;
    EXPECT_EQ(difference_of_mirror(router) < 1e-13, name != "gelu") << name;
  }
  for (const std::string kind : {"cosine", "perturbed_cosine"}) {
    EXPECT_TRUE(has_mirror(gate_of(kind), Coordinates::raw)) << kind;
    EXPECT_FALSE(has_mirror(gate_of(kind), Coordinates::reduced)) << "a shift of v: " << kind;
    EXPECT_LT(difference_of_mirror(gate_of(kind)), 1e-13) << kind;
  }
  for (const std::string kind : {"laplace", "sigmoid", "normalized_sigmoid"}) {
    EXPECT_FALSE(has_mirror(gate_of(kind), Coordinates::raw)) << kind;
    EXPECT_GT(difference_of_mirror(gate_of(kind)), 1e-3) << kind;
  }
}

TEST(MixingMeasure, HasAFreeShiftWhereTheFunctionHas) {
  Stream stream(3, 0, "shift");
  const auto is_free = [&](const GateSpec& gate) {
    const Model model = random_model(gate, expert_of("tanh"), 2, 3, stream);
    Eigen::VectorXd shift = Eigen::VectorXd::Constant(num_gate_parameters(model.spec), 0.4);
    shift[0] = -0.7;
    return largest_difference(model, shifted(model, shift, 0)) < 1e-13;
  };
  GateSpec router = gate_of("dense_to_sparse");
  router.router = "tanh";
  for (const GateSpec& gate :
       {gate_of("softmax"), gate_of("dense_to_sparse"), router, gate_of("quadratic"), gate_of("monomial"),
        gate_of("laplace"), gate_of("cosine"), gate_of("perturbed_cosine"), gate_of("sigmoid"),
        gate_of("normalized_sigmoid"), gate_of("hierarchical")}) {
    EXPECT_EQ(has_free_shift(gate, Coordinates::raw), is_free(gate)) << gate.kind;
  }
  EXPECT_TRUE(has_free_shift(gate_of("cosine"), Coordinates::reduced));
  EXPECT_TRUE(has_free_shift(gate_of("perturbed_cosine"), Coordinates::reduced));
}

}  // namespace
}  // namespace moest
