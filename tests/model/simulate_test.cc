#include "moest/model/simulate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "moest/base/error.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"

// A statistical test here fails for a right sampler with probability below 1e-6 (z threshold 4.9); seeds are
// fixed, and PowerOfTheseChecks shows that samplers that are wrong by a little are found.

namespace moest {
namespace {

constexpr double kThreshold = 4.9;

Model example() {
  return parse_model(R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "tanh"},
      "inputs": ["x1", "x2"], "target": "y",
      "atoms": [{"bias": 0.3, "gate": [1.0, -0.5], "expert": [0.8, 0.2, -0.1]},
                {"gate": [0.0, 0.7],  "expert": [-1.0, 0.4, 0.5]}]})",
                     "example");
}

InputDistribution uniform(double low, double high) { return {InputDistribution::Kind::uniform, low, high}; }
InputDistribution normal(double mean, double sd) { return {InputDistribution::Kind::normal, mean, sd}; }

// z of the mean and of the mean square of values that should be N(mean, sd): variances sd^2 / n and 2 sd^4 /
// n.
double worst_z(const Eigen::VectorXd& values, double mean, double sd) {
  const Eigen::ArrayXd standardised = (values.array() - mean) / sd;
  const double root_n = std::sqrt(static_cast<double>(values.size()));
  return std::max(std::abs(standardised.mean()) * root_n,
                  std::abs(standardised.square().mean() - 1) * root_n / std::sqrt(2.0));
}

TEST(Simulate, GivesTheSameBitsForAnyNumberOfThreads) {
  const SimulatedData one = simulate(example(), 30001, normal(1, 2), {0.1}, 42, 1);
  const SimulatedData two = simulate(example(), 30001, normal(1, 2), {0.1}, 42, 2);
  EXPECT_EQ(one.inputs, two.inputs);
  EXPECT_EQ(one.target, two.target);
}

TEST(Simulate, GivesOtherDataForAnotherSeed) {
  const SimulatedData a = simulate(example(), 500, uniform(-1, 1), {0.1}, 42, 1);
  const SimulatedData b = simulate(example(), 500, uniform(-1, 1), {0.1}, 43, 1);
  EXPECT_FALSE((a.inputs.array() == b.inputs.array()).any());
  EXPECT_FALSE((a.target.array() == b.target.array()).any());
}

// A longer sample continues a shorter one, and inputs do not depend on the noise.
TEST(Simulate, KeepsItsFirstRowsWhenMoreAreDrawn) {
  const SimulatedData few = simulate(example(), 100, normal(0, 1), {0.5}, 7, 1);
  const SimulatedData many = simulate(example(), 1000, normal(0, 1), {0.5}, 7, 1);
  EXPECT_EQ(many.inputs.topRows(100), few.inputs);
  EXPECT_EQ(many.target.topRows(100), few.target);
  EXPECT_EQ(simulate(example(), 100, normal(0, 1), {0}, 7, 1).inputs, few.inputs);
}

TEST(Simulate, WithoutNoiseIsTheMean) {
  const SimulatedData data = simulate(example(), 300, uniform(-2, 3), {0}, 1, 1);
  EXPECT_EQ(data.target, predict(example(), data.inputs, 1).mean);
}

TEST(Simulate, DrawsTheInputsFromTheirDistribution) {
  constexpr Eigen::Index kN = 100000;
  const SimulatedData normals = simulate(example(), kN, normal(5, 0.25), {0.1}, 11, 1);
  for (Eigen::Index j = 0; j < 2; ++j) {
    EXPECT_LT(worst_z(normals.inputs.col(j), 5, 0.25), kThreshold);
  }
  const SimulatedData uniforms = simulate(example(), kN, uniform(-3, 1), {0.1}, 11, 1);
  EXPECT_GE(uniforms.inputs.minCoeff(), -3);
  EXPECT_LT(uniforms.inputs.maxCoeff(), 1);
  for (Eigen::Index j = 0; j < 2; ++j) {
    const Eigen::ArrayXd unit = (uniforms.inputs.col(j).array() + 3) / 4;
    const double root_n = std::sqrt(static_cast<double>(kN));
    EXPECT_LT(std::abs(unit.mean() - 0.5) * root_n * std::sqrt(12.0), kThreshold);
    // Var(U^2) = 1/5 - 1/9.
    EXPECT_LT(std::abs(unit.square().mean() - 1.0 / 3) * root_n / std::sqrt(4.0 / 45), kThreshold);
    // All but (1 - 1e-4)^n < 5e-5 of such samples reach within 1e-4 of both ends.
    EXPECT_LT(unit.minCoeff(), 2e-4);
    EXPECT_GT(unit.maxCoeff(), 1 - 2e-4);
  }
  // The columns are independent: correlation times sqrt(n) is standard normal.
  const Eigen::ArrayXXd centred = normals.inputs.array() - 5;
  EXPECT_LT(
      std::abs((centred.col(0) * centred.col(1)).mean()) / (0.25 * 0.25) * std::sqrt(static_cast<double>(kN)),
      kThreshold);
}

Eigen::VectorXd noise_of(const Model& model, double sd, std::uint64_t seed) {
  const SimulatedData data = simulate(model, 100000, uniform(-1, 1), {sd}, seed, 1);
  return data.target - predict(model, data.inputs, 1).mean;
}

TEST(Simulate, AddsNoiseOfTheGivenStandardDeviation) {
  for (const double sd : {0.01, 1.0, 30.0}) {
    EXPECT_LT(worst_z(noise_of(example(), sd, 3), 0, sd), kThreshold);
  }
}

TEST(Simulate, AddsTheNoiseInTheUnitsOfTheData) {
  Model model = example();
  model.scaling = Scaling{{{0, 1}, {0, 1}}, {{50, 20}}};
  EXPECT_LT(worst_z(noise_of(model, 0.5, 4), 0, 0.5), kThreshold);
  const SimulatedData data = simulate(model, 1000, uniform(-1, 1), {0}, 4, 1);
  EXPECT_NEAR(data.target.mean(), 50, 20);
}

TEST(Simulate, AddsNoiseThatDoesNotDependOnTheInputs) {
  const SimulatedData data = simulate(example(), 100000, normal(0, 1), {1}, 5, 1);
  const Eigen::ArrayXd noise = (data.target - predict(example(), data.inputs, 1).mean).array();
  for (Eigen::Index j = 0; j < 2; ++j) {
    EXPECT_LT(std::abs((noise * data.inputs.col(j).array()).mean()) * std::sqrt(1e5), kThreshold);
  }
}

// A standard deviation wrong by 2 % has z = sqrt(n / 2) 0.04 = 9, a mean off by 0.03 sd one of 9.5.
TEST(Simulate, PowerOfTheseChecks) {
  const Eigen::VectorXd noise = noise_of(example(), 1, 6);
  EXPECT_GT(worst_z(1.02 * noise, 0, 1), kThreshold);
  EXPECT_GT(worst_z(noise.array() + 0.03, 0, 1), kThreshold);
  EXPECT_LT(worst_z(noise, 0, 1), kThreshold);
}

TEST(Simulate, RefusesNoSamplesAndNegativeNoise) {
  EXPECT_THROW(simulate(example(), 0, uniform(0, 1), {1}, 1, 1), ContractError);
  EXPECT_THROW(simulate(example(), 1, uniform(0, 1), {-1}, 1, 1), ContractError);
  EXPECT_THROW(simulate(example(), 1, uniform(0, 1), {std::nan("")}, 1, 1), ContractError);
}

}  // namespace
}  // namespace moest
