#include "moest/study/truth.h"

#include <gmock/gmock.h>

#include <cmath>

#include "moest/model/predict.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

TruthSource moving(TruthSequence::What what) {
  TruthSource source = small_study().arms[0].truth;
  source.sequence = {what, 0, 1, 0.25, 100};
  return source;
}

TEST(StudyTruth, MovesAGateAlongItsSequence) {
  Stream stream(1, 2, "test");
  const TruthSource source = moving(TruthSequence::What::gate);
  EXPECT_DOUBLE_EQ(truth_at(source, 100, stream).atoms[0].gate[0], 4);
  EXPECT_DOUBLE_EQ(truth_at(source, 1600, stream).atoms[0].gate[0], 2) << "16^-1/4 of the distance 4";
  EXPECT_EQ(truth_at(source, 1600, stream).atoms[0].expert, (std::vector<double>{2, 0.5}));
  EXPECT_EQ(truth_at(source, 1600, stream).atoms[1].gate[0], 0);
}

TEST(StudyTruth, MovesAWholeAtomAlongItsSequence) {
  Stream stream(1, 2, "test");
  const Atom atom = truth_at(moving(TruthSequence::What::atom), 1600, stream).atoms[0];
  EXPECT_DOUBLE_EQ(atom.gate[0], 2);
  EXPECT_DOUBLE_EQ(atom.expert[0], -1 + 0.5 * (2 - -1));
  EXPECT_DOUBLE_EQ(atom.expert[1], 1 + 0.5 * (0.5 - 1));
  EXPECT_EQ(atom.bias, 0.3);
}

TEST(StudyTruth, IsDrawnFromItsStream) {
  TruthSource source = small_study().arms[0].truth;
  source.is_random = true;
  Stream first(1, 2, "truth");
  Stream same(1, 2, "truth");
  Stream other(1, 3, "truth");
  const Model truth = truth_at(source, 10, first);
  EXPECT_EQ(truth.atoms.size(), 2U);
  EXPECT_EQ(truth.atoms[0].gate, truth_at(source, 1000, same).atoms[0].gate);
  EXPECT_NE(truth.atoms[0].gate, truth_at(source, 10, other).atoms[0].gate);
}

/// The extra atoms share the masses of the true ones: undisturbed, the function is the truth's.
TEST(StudyTruth, HasNearStartsOfAlmostItsFunction) {
  const Arm arm = small_study().arms[0];
  MixtureSpec spec = arm.fitted;
  const Eigen::MatrixXd x = Eigen::VectorXd::LinSpaced(50, -1, 1);
  const Eigen::VectorXd truth = predict(arm.truth.model, x, 1).mean;
  for (const int k : {2, 3, 5}) {
    spec.num_experts = k;
    Eigen::VectorXd mean = Eigen::VectorXd::Zero(50);
    constexpr int kStarts = 200;
    for (int i = 0; i < kStarts; ++i) {
      Stream stream(7, static_cast<std::uint64_t>(i), "near");
      mean += predict(near_start(spec, arm.truth.model, stream), x, 1).mean / kStarts;
    }
    // A start's function differs by about 0.1 in each point, the mean of 200 by 0.01, and by the bend of f.
    EXPECT_LT((mean - truth).cwiseAbs().maxCoeff(), 0.05) << k;
    Stream stream(7, 0, "near");
    EXPECT_GT((predict(near_start(spec, arm.truth.model, stream), x, 1).mean - truth).cwiseAbs().maxCoeff(),
              0.01);
  }
}

TEST(StudyTruth, SaysWhyAtomsCannotBeCompared) {
  Arm arm = small_study().arms[0];
  EXPECT_EQ(why_not_comparable(arm), std::nullopt);
  arm.fitted.num_experts = 3;
  EXPECT_EQ(why_not_comparable(arm), std::nullopt);
  arm.fitted.expert.kind = "constant";
  EXPECT_THAT(why_not_comparable(arm).value(), testing::HasSubstr("expert.kind"));
}

}  // namespace
}  // namespace moest
