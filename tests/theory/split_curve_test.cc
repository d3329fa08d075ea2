#include "moest/theory/split_curve.h"

#include <gmock/gmock.h>

#include <string>

#include "moest/theory/random_truth.h"

namespace moest {
namespace {

struct Setting {
  Setting(const std::string& gate, const std::string& expert) : stream(3, 0, "split curve") {
    MixtureFamily family;
    family.spec.gate.kind = gate;
    family.spec.expert.kind = expert;
    family.spec.num_experts = 2;
    truth = random_truth(family, 2.5, stream);
  }
  bool is_exact(Eigen::Index coordinate) {
    const LocalFunctions<Wide> functions(truth, Coordinates::reduced);
    const auto size = static_cast<Eigen::Index>(functions.cells().front().at.size());
    return is_exact_split(functions, truth, {{0, Eigen::VectorXd::Unit(size, coordinate)}}, 2.5, stream);
  }
  double order(Eigen::Index coordinate) {
    const LocalFunctions<Wide> functions(truth, Coordinates::reduced);
    const auto size = static_cast<Eigen::Index>(functions.cells().front().at.size());
    return split_order(functions, truth, {{0, Eigen::VectorXd::Unit(size, coordinate)}}, 2.5, stream);
  }

  Stream stream;
  Truth truth;
};

/// Neither in the gate, where all atoms could be shifted after the split one, nor in the expert.
TEST(SplitCurve, IsNoneWhereSplitsAreIdentified) {
  Setting tanh("softmax", "tanh");
  for (Eigen::Index coordinate = 0; coordinate < 3; ++coordinate) {
    EXPECT_FALSE(tanh.is_exact(coordinate)) << coordinate;
  }
}

TEST(SplitCurve, IsFoundWhereExpertsMerge) {
  Setting linear("softmax", "linear");
  EXPECT_FALSE(linear.is_exact(0)) << "the gate";
  EXPECT_TRUE(linear.is_exact(1)) << "the slope";
  EXPECT_TRUE(linear.is_exact(2)) << "the constant";
}

TEST(SplitCurve, HasTheOrderOfWhatIsLeft) {
  EXPECT_NEAR(Setting("softmax", "tanh").order(1), 2, 0.2);
  EXPECT_NEAR(Setting("quadratic", "tanh").order(1), 4, 0.2) << "A makes up for a split of omega";
}

TEST(DisplacedTruth, HasTheSameMassAndMean) {
  const Setting setting("softmax", "tanh");
  const LocalFunctions<Wide> functions(setting.truth, Coordinates::reduced);
  Eigen::MatrixXd directions = Eigen::MatrixXd::Zero(3, 2);
  directions(0, 0) = 1;
  directions(2, 1) = 0.5;
  const DisplacedTruth split =
      displaced_truth(functions, setting.truth, {{1, directions}}, 0.1, Freedom::all);
  ASSERT_EQ(split.measure.atoms.size(), 4U);
  const Atom& before = setting.truth.measure.atoms[1];
  double mass = 0;
  double gate = 0;
  double variance = 0;
  for (std::size_t i = 1; i < 4; ++i) {
    const Atom& part = split.measure.atoms[i];
    mass += std::exp(part.bias);
    gate += part.gate[0] / 3;
    variance += (part.gate[0] - before.gate[0]) * (part.gate[0] - before.gate[0]) / 3;
    EXPECT_EQ(split.held.atoms[i].bias, 1);
  }
  EXPECT_NEAR(mass, std::exp(before.bias), 1e-14);
  EXPECT_NEAR(gate, before.gate[0], 1e-14);
  EXPECT_NEAR(variance, 0.01, 1e-14);
  EXPECT_EQ(split.measure.atoms[0].expert, setting.truth.measure.atoms[0].expert);
}

}  // namespace
}  // namespace moest
