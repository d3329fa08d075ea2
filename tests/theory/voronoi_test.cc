#include "moest/theory/voronoi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "moest/base/error.h"
#include "moest/model/symmetries.h"
#include "tests/theory/theory_models.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array kBoth{Coordinates::raw, Coordinates::reduced};

double l1(const Model& fitted, const Model& truth, Coordinates coordinates = Coordinates::reduced) {
  return voronoi_loss(fitted, truth, {coordinates}).l1;
}

double l2r(const Model& fitted, const Model& truth, double power) {
  return *voronoi_loss(fitted, truth, {Coordinates::reduced, power}).l2r;
}

std::string refusal(const Model& fitted, const Model& truth, const LossOptions& options = {}) {
  try {
    voronoi_loss(fitted, truth, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// The model with other gates of the cosine family: omega from v and the temperature, by the inverse of
/// v = omega / ((‖omega‖ + tau_1) tau).
Model with_reduced_gates(Model model, const Eigen::MatrixXd& v, double temperature) {
  model.spec.gate.temperature.value = temperature;
  for (std::size_t i = 0; i < model.atoms.size(); ++i) {
    const Eigen::VectorXd own = v.col(static_cast<Eigen::Index>(i));
    const double factor = model.spec.gate.tau1 * temperature / (1 - temperature * own.norm());
    for (std::size_t j = 0; j < model.atoms[i].gate.size(); ++j) {
      model.atoms[i].gate[j] = factor * own[static_cast<Eigen::Index>(j)];
    }
  }
  return model;
}

/// The same function with other numbers, as the gate allows.
Model disguised(const Model& model, Stream& stream) {
  const GateSpec& gate = model.spec.gate;
  std::vector<int> order(model.atoms.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<int>((i + 1) % order.size());
  }
  Model result = permuted(model, order);
  const MixingMeasure measure = mixing_measure(result, Coordinates::reduced);
  Eigen::VectorXd shift = Eigen::VectorXd::Zero(num_gate_parameters(model.spec));
  if (has_free_shift(gate, Coordinates::raw)) {
    for (double& value : shift) {
      value = 3 * stream.normal();
    }
  }
  result = shifted(result, shift, has_masses(gate) ? stream.normal() : 0.0);
  if (gate.kind == "dense_to_sparse" && gate.router == "identity") {
    for (Atom& atom : result.atoms) {
      atom.bias *= 1.7;
      std::for_each(atom.gate.begin(), atom.gate.end(), [](double& value) { value *= 1.7; });
    }
    result.spec.gate.temperature.value *= 1.7;
  }
  if (gate.kind == "cosine") {
    for (double& value : result.atoms.front().gate) {
      value *= 5;
    }
  }
  if (gate.kind == "perturbed_cosine") {
    const Eigen::Vector2d t(0.01, -0.02);
    result = with_reduced_gates(result, measure.gates.colwise() + t, gate.temperature.value * 0.8);
  }
  return result;
}

std::vector<GateSpec> gates_to_disguise() {
  std::vector<GateSpec> gates;
  for (const std::string kind : {"softmax", "quadratic", "monomial", "laplace", "sigmoid",
                                 "normalized_sigmoid", "cosine", "perturbed_cosine", "dense_to_sparse"}) {
    GateSpec gate = gate_of(kind);
    const bool has_temperature = kind == "cosine" || kind == "perturbed_cosine" || kind == "dense_to_sparse";
    gate.temperature = {has_temperature ? 0.7 : 1.0, has_temperature ? std::optional(true) : std::nullopt};
    gates.push_back(gate);
    if (kind == "softmax" || kind == "cosine") {
      gate.top_k = 2;
      gates.push_back(gate);
    }
    if (kind == "dense_to_sparse") {
      for (const std::string router : {"tanh", "sigmoid", "gelu"}) {
        gate.router = router;
        gates.push_back(gate);
      }
    }
  }
  return gates;
}

TEST(VoronoiLoss, IsZeroForTheSameFunctionInReducedCoordinates) {
  Stream stream(1, 0, "disguise");
  for (const GateSpec& gate : gates_to_disguise()) {
    for (const int k : {2, 3}) {
      const Model truth = random_model(gate, expert_of("tanh"), 2, k, stream);
      const Model fitted = disguised(truth, stream);
      ASSERT_LT(largest_difference(fitted, truth), 1e-12) << gate.kind << " " << k;
      const VoronoiLoss loss = voronoi_loss(fitted, truth, {Coordinates::reduced, 2.0});
      EXPECT_LT(loss.l1, 1e-12) << gate.kind << " " << gate.router << " " << k;
      EXPECT_LT(*loss.l2r, 1e-12) << gate.kind << " " << gate.router << " " << k;
      for (std::size_t j = 0; j < loss.cells.size(); ++j) {
        ASSERT_EQ(loss.cells[j].atoms.size(), 1U);
        EXPECT_TRUE(loss.fitted_gates.col(loss.cells[j].atoms[0])
                        .isApprox(loss.true_gates.col(static_cast<Eigen::Index>(j)), 1e-12))
            << gate.kind << ": gates are reported after the shift";
      }
    }
  }
}

TEST(VoronoiLoss, InRawCoordinatesSeesGaugesThatReducedOnesForget) {
  Stream stream(2, 0, "disguise");
  for (const std::string kind : {"dense_to_sparse", "cosine", "perturbed_cosine"}) {
    GateSpec gate = gate_of(kind);
    gate.temperature = {0.7, true};
    const Model truth = random_model(gate, expert_of("tanh"), 2, 3, stream);
    EXPECT_GT(l1(disguised(truth, stream), truth, Coordinates::raw), 0.1) << kind;
    EXPECT_LT(l1(permuted(truth, {2, 0, 1}), truth, Coordinates::raw), 1e-13) << kind;
  }
}

TEST(VoronoiLoss, TakesTheMirrorOfTwoExpertsOfEitherModel) {
  Stream stream(3, 0, "mirror");
  GateSpec router = gate_of("dense_to_sparse");
  router.router = "tanh";
  for (const GateSpec& gate : {router, gate_of("cosine")}) {
    const Model truth = random_model(gate, expert_of("tanh"), 2, 2, stream);
    Model other = truth;
    for (std::size_t i = 0; i < 2; ++i) {
      std::transform(truth.atoms[1 - i].gate.begin(), truth.atoms[1 - i].gate.end(),
                     other.atoms[i].gate.begin(), std::negate<>());
    }
    ASSERT_LT(largest_difference(other, truth), 1e-13);
    for (const Coordinates coordinates : kBoth) {
      EXPECT_LT(l1(other, truth, coordinates), 1e-13) << gate.kind;
      // An over-specified fit has no mirror of its own: that of the truth must be found.
      Model three = other;
      three.spec.num_experts = 3;
      three.atoms.push_back(three.atoms.back());
      three.atoms[1].bias -= std::log(2.0);
      three.atoms[2].bias -= std::log(2.0);
      EXPECT_LT(l1(three, truth, coordinates), 1e-13) << gate.kind;
      EXPECT_NEAR(l1(three, other, coordinates), 0, 1e-13) << gate.kind;
    }
  }
}

TEST(VoronoiLoss, HasTheKnownValueOfOneBiasMoved) {
  const Model truth = two_lines("linear");
  Model fitted = truth;
  fitted.atoms[1].expert[1] += 0.1;
  for (const Coordinates coordinates : kBoth) {
    EXPECT_NEAR(l1(fitted, truth, coordinates), 0.1, 1e-14);
  }
  EXPECT_NEAR(l2r(fitted, truth, 3), 1e-3, 1e-15);
}

// All weights get the factor cosh(s x), which cancels: with twice as many atoms as the truth has, none of
// them is determined.
TEST(VoronoiLoss, HasTheKnownValuesOfEveryAtomDoubled) {
  for (const std::string expert : {"linear", "tanh"}) {
    const Model truth = two_lines(expert);
    for (const double s : {0.5, 2.0, 5.0}) {
      EXPECT_LT(largest_difference(doubled(truth, s), truth), 1e-14) << expert << " " << s;
    }
    for (const Coordinates coordinates : kBoth) {
      EXPECT_NEAR(l1(doubled(truth, 0.5), truth, coordinates), 2 * 0.25, 1e-13);
      EXPECT_NEAR(l1(doubled(truth, 2), truth, coordinates), 2 * 4, 1e-12);
      EXPECT_NEAR(l1(doubled(truth, 5), truth, coordinates), 44.96, 0.005) << "cells mix";
    }
  }
}

TEST(VoronoiLoss, ComparesMassesOfAnySize) {
  const Model truth = two_lines("linear");
  Model fitted = truth;
  fitted.atoms[0].bias = 690 + std::log(3.0);
  fitted.atoms[1].bias = 690;
  // Masses 1.5 and 0.5 of 1 and 1.
  EXPECT_NEAR(l1(fitted, truth), 1, 1e-12);
  EXPECT_NEAR(l1(shifted(fitted, Eigen::VectorXd::Zero(1), 5000), truth), 1, 1e-11);
  fitted.atoms[1].bias = -5000;
  EXPECT_NEAR(l1(fitted, truth), 2, 1e-12) << "an atom without mass may be anywhere";
  EXPECT_THAT(refusal(fitted, shifted(truth, Eigen::VectorXd::Zero(1), 5000)),
              AllOf(HasSubstr("masses of the truth"), HasSubstr("e^5000")));
}

TEST(VoronoiLoss, CountsMassesInThoseOfTheTruth) {
  const Model truth = two_lines("linear");
  Model fitted = truth;
  fitted.atoms[0].expert[0] += 0.25;
  const Model heavier = shifted(truth, Eigen::VectorXd::Zero(1), std::log(4.0));
  EXPECT_NEAR(l1(fitted, heavier), 4 * l1(fitted, truth), 1e-13);
  EXPECT_NEAR(voronoi_loss(fitted, heavier).true_mass, 8, 1e-13);
}

// Truth: masses 1 and 3 at gates 0 and 10; the fit has 1/2 and 1/2 at -+0.1 about the first, experts moved by
// 0.3, and 3 at 10.
TEST(VoronoiLoss, ReportsItsCells) {
  Model truth = two_lines("linear");
  truth.atoms = {{0, {0}, {2, 0}}, {std::log(3.0), {10}, {-1, 0}}};
  Model fitted = truth;
  fitted.spec.num_experts = 3;
  fitted.atoms = {
      {-std::log(2.0), {0.1}, {2, 0.3}}, {std::log(3.0), {10}, {-1, 0}}, {-std::log(2.0), {-0.1}, {2, 0.3}}};
  const VoronoiLoss loss = voronoi_loss(fitted, truth, {Coordinates::reduced, 1.0});
  EXPECT_NEAR(loss.l1, 0.1 * 0.1 + 0.3 * 0.3, 1e-13);
  EXPECT_NEAR(*loss.l2r, 0.1 + 0.3, 1e-13);
  ASSERT_EQ(loss.cells.size(), 2U);
  EXPECT_THAT(loss.cells[0].atoms, ElementsAre(0, 2));
  EXPECT_NEAR(loss.cells[0].mass, 1, 1e-14);
  EXPECT_NEAR(loss.cells[0].mass_error, 0, 1e-14);
  EXPECT_NEAR(loss.cells[0].split_rms.value(), std::sqrt(0.1), 1e-13);
  EXPECT_FALSE(loss.cells[0].largest_error.has_value());
  EXPECT_THAT(loss.cells[1].atoms, ElementsAre(1));
  EXPECT_NEAR(loss.cells[1].true_mass, 3, 1e-14);
  EXPECT_NEAR(loss.cells[1].largest_error.value(), 0, 1e-13);
  EXPECT_FALSE(loss.cells[1].split_rms.has_value());
}

TEST(VoronoiLoss, CountsTheMassOfAnEmptyCell) {
  const Model truth = two_lines("linear");
  Model fitted = truth;
  fitted.spec.num_experts = 1;
  fitted.atoms.pop_back();
  const VoronoiLoss loss = voronoi_loss(fitted, truth);
  EXPECT_NEAR(loss.l1, 2, 1e-13) << "the only atom has mass 2 in place of 1, and there is none for the other";
  EXPECT_THAT(loss.cells[1].atoms, ElementsAre());
  EXPECT_EQ(loss.cells[1].mass_error, 1);
}

// Near the truth L1 is homogeneous of degree 1 while k = k*, and of degree 2 in split cells.
TEST(VoronoiLoss, GoesToZeroWithTheMovesOfTheAtoms) {
  Stream stream(4, 0, "moves");
  for (int trial = 0; trial < 20; ++trial) {
    const Model truth = random_model(gate_of("softmax"), expert_of("tanh"), 2, 3, stream);
    const Model direction = random_model(gate_of("softmax"), expert_of("tanh"), 2, 3, stream);
    const auto moved = [&](double h) {
      Model model = truth;
      for (std::size_t i = 0; i < 3; ++i) {
        model.atoms[i].bias += h * direction.atoms[i].bias;
        for (std::size_t j = 0; j < 2; ++j) {
          model.atoms[i].gate[j] += h * direction.atoms[i].gate[j];
          model.atoms[i].expert[j] += h * direction.atoms[i].expert[j];
        }
      }
      return l1(model, truth);
    };
    const double slope = moved(1e-6) / 1e-6;
    EXPECT_GT(slope, 0.01);
    EXPECT_NEAR(moved(2e-6) / 2e-6, slope, 1e-4 * slope);
    EXPECT_NEAR(moved(1e-9) / 1e-9, slope, 1e-4 * slope);
  }
  const Model truth = two_lines("linear");
  EXPECT_NEAR(l1(doubled(truth, 1e-3), truth) / 1e-6, 2, 1e-6);
}

TEST(VoronoiLoss, AddsTheTemperatureOnceInRawCoordinates) {
  Stream stream(5, 0, "temperature");
  GateSpec gate = gate_of("dense_to_sparse");
  gate.router = "tanh";
  gate.temperature = {0.7, true};
  const Model truth = random_model(gate, expert_of("tanh"), 2, 3, stream);
  Model fitted = truth;
  fitted.spec.gate.temperature.value = 0.9;
  for (Atom& atom : fitted.atoms) {
    atom.bias *= 0.9 / 0.7;
  }
  double mass = 0;
  for (const Atom& atom : truth.atoms) {
    mass += std::exp(atom.bias / 0.7);
  }
  const VoronoiLoss raw = voronoi_loss(fitted, truth, {Coordinates::raw, 2.0});
  EXPECT_NEAR(raw.l1, 0.2 * mass, 1e-12 * mass);
  EXPECT_NEAR(*raw.l2r, 0.04 * mass, 1e-12 * mass);
  EXPECT_LT(l1(fitted, truth), 1e-13 * mass);
}

TEST(VoronoiLoss, OfGatesWithoutMassesCountsEveryAtomOnce) {
  Stream stream(6, 0, "sigmoid");
  for (const std::string kind : {"sigmoid", "normalized_sigmoid"}) {
    Model truth = random_model(gate_of(kind), expert_of("linear"), 1, 2, stream);
    truth.atoms = {{1, {5}, {2, 0}}, {-3, {-5}, {-1, 0}}};
    Model fitted = truth;
    fitted.atoms[0].bias += 0.3;
    fitted.atoms[0].gate[0] += 0.4;
    fitted.atoms[1].expert[1] -= 0.25;
    EXPECT_NEAR(l1(fitted, truth), 0.5 + 0.25, 1e-14) << kind;
    Model three = fitted;
    three.spec.num_experts = 3;
    three.atoms.push_back(three.atoms[0]);
    EXPECT_THAT(refusal(three, truth), AllOf(HasSubstr("atoms has 3"), HasSubstr("--experts 2"))) << kind;
  }
}

TEST(VoronoiLoss, DoesNotSeeTheSymmetriesOfExperts) {
  Stream stream(7, 0, "experts");
  ExpertSpec weighted = expert_of("tanh");
  weighted.output_weight = true;
  ExpertSpec network = expert_of("ffn");
  network.hidden = 3;
  for (const ExpertSpec& expert : {weighted, network, expert_of("polynomial")}) {
    for (const int outputs : {1, 2}) {
      const Model truth = random_model(gate_of("softmax"), expert, 2, 3, stream, outputs);
      const Model other = random_model(gate_of("softmax"), expert, 2, 3, stream, outputs);
      Model fitted = truth;
      // The equivalents that are nearest to other experts.
      for (std::size_t i = 0; i < 3; ++i) {
        std::vector<double> opposite = truth.atoms[i].expert;
        std::transform(opposite.begin(), opposite.end(), opposite.begin(), std::negate<>());
        fitted.atoms[i].expert = nearest_equivalent(truth.spec, truth.atoms[i].expert, opposite);
      }
      ASSERT_NE(fitted.atoms[0].expert, truth.atoms[0].expert);
      ASSERT_LT(largest_difference(fitted, truth), 1e-12);
      EXPECT_LT(l1(fitted, truth), 1e-12) << expert.kind << " " << outputs;
      EXPECT_GT(l1(other, truth), 0.1);
    }
  }
}

TEST(VoronoiLoss, StacksTheExpertsOfSeveralOutputs) {
  Stream stream(8, 0, "outputs");
  const Model truth = random_model(gate_of("softmax"), expert_of("linear"), 1, 1, stream, 2);
  Model fitted = truth;
  fitted.atoms[0].expert[0] += 0.3;  // a of the first output
  fitted.atoms[0].expert[3] += 0.4;  // b of the second
  const double mass = std::exp(truth.atoms[0].bias);
  EXPECT_NEAR(l1(fitted, truth), 0.5 * mass, 1e-14 * mass);
}

TEST(VoronoiLoss, OfTopKNeedsAsManyKeptAsThereAreInTheCells) {
  Stream stream(9, 0, "top");
  GateSpec gate = gate_of("softmax");
  gate.top_k = 1;
  const Model truth = random_model(gate, expert_of("tanh"), 2, 2, stream);
  Model fitted = truth;
  fitted.spec.num_experts = 3;
  fitted.atoms.push_back(fitted.atoms[0]);
  fitted.atoms[2].gate[0] += 0.01;
  EXPECT_THAT(refusal(fitted, truth), AllOf(HasSubstr("gate.top_k is 1"), HasSubstr("--top-k 2")));
  fitted.spec.gate.top_k = 2;
  EXPECT_EQ(refusal(fitted, truth), "");
  Model other = truth;
  other.spec.gate.top_k = 2;
  EXPECT_THAT(refusal(other, truth), HasSubstr("gate.top_k")) << "as many experts, but another number kept";
}

TEST(VoronoiLoss, RefusesPowersAndNumbersOutOfRange) {
  const Model truth = two_lines("linear");
  EXPECT_THAT(refusal(truth, truth, {Coordinates::raw, 0.5}), HasSubstr("power = 0.5"));
  Model fitted = truth;
  fitted.atoms[0].expert[0] = 1e300;
  EXPECT_THAT(refusal(fitted, truth), HasSubstr("beyond the range"));
}

}  // namespace
}  // namespace moest
