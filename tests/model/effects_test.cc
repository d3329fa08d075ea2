#include "moest/model/effects.h"

#include <gtest/gtest.h>

#include "moest/model/predict.h"

namespace moest {
namespace {

Model line(double slope_1, double slope_2) {
  Model model;
  model.spec.num_inputs = 2;
  model.inputs = {"x1", "x2"};
  model.targets = {"y"};
  model.atoms = {{0, {0, 0}, {slope_1, slope_2, 1}}};
  return model;
}

TEST(PartialEffects, OfAPlaneAreItsSlopes) {
  Eigen::MatrixXd inputs(100, 2);
  inputs << Eigen::VectorXd::LinSpaced(100, -1, 3), Eigen::VectorXd::LinSpaced(100, 5, 7);
  inputs.col(1) = inputs.col(1).array().floor();
  const Ensemble ensemble{{line(2, -1), line(4, -3)}};
  const std::vector<PartialEffect> effects = partial_effects(ensemble, inputs, 0, 1);
  ASSERT_EQ(effects.size(), 2U);
  EXPECT_EQ(effects[0].values.size(), 40);
  EXPECT_DOUBLE_EQ(effects[0].values[39], 3);
  EXPECT_NEAR(effects[0].range(), 3 * 4, 1e-12);
  EXPECT_EQ(effects[1].values, Eigen::Vector3d(5, 6, 7));
  EXPECT_NEAR(effects[1].means[0] - effects[1].means[2], 2 * 2, 1e-12);
  EXPECT_NEAR(effects[1].means[1], 3 * inputs.col(0).mean() - 2 * 6 + 1, 1e-12);
}

// By the definition, where effects depend on the other input.
TEST(PartialEffects, AreMeansOverTheOtherInputs) {
  Model model = line(1, 0);
  model.spec.num_experts = 2;
  model.atoms.push_back({1, {0.5, 2}, {-3, 1, 0}});
  const Eigen::MatrixXd inputs = Eigen::MatrixXd::Random(17, 2);
  const PartialEffect effect = partial_effects({{model}}, inputs, 0, 2)[1];
  ASSERT_EQ(effect.values.size(), 17);
  for (const Eigen::Index at : {0, 8, 16}) {
    Eigen::MatrixXd moved = inputs;
    moved.col(1).array() = effect.values[at];
    EXPECT_NEAR(effect.means[at], predict(model, moved, 1).mean.mean(), 1e-13);
  }
}

}  // namespace
}  // namespace moest
