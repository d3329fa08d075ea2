#include "moest/fit/starts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "moest/model/catalogue.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

void expect_inside(const MixtureChart& chart, const Eigen::VectorXd& theta) {
  ASSERT_TRUE(theta.allFinite());
  for (const RegionBlock& block : chart.regions()) {
    const auto part = theta.segment(block.offset, block.size);
    const bool is_box = block.region.shape == Region::Shape::box;
    const double size = is_box ? part.cwiseAbs().maxCoeff() : part.norm();
    EXPECT_LE(size, block.region.size * (1 + 1e-12));
  }
}

TEST(SampleStatistics, AreTheMomentsOfTheSamplesWithoutThePadding) {
  const TestProblem test = random_problem("softmax", "linear", 2, 2, 300, 0.1, 1);
  const SampleBlocks blocks = blocks_of(MixtureChart(test.truth.spec, 200), test.data);
  const SampleStatistics statistics(blocks);
  const double mean = test.data.target.mean();
  EXPECT_NEAR(statistics.target_mean[0], mean, 1e-12);
  EXPECT_NEAR(statistics.target_sd[0], std::sqrt((test.data.target.array() - mean).square().mean()), 1e-12);
  const double input_mean = test.data.inputs.col(1).mean();
  EXPECT_NEAR(statistics.feature_sd[1],
              std::sqrt((test.data.inputs.col(1).array() - input_mean).square().mean()), 1e-12);
}

TEST(Starts, LieInsideTheRegionsAndDifferByStream) {
  for (const std::string& gate : gate_names()) {
    for (const std::string& expert : expert_names()) {
      const int num_inputs = expert == "constant" && gate != "cosine" ? 1 : 3;
      TestProblem test = random_problem(gate, "linear", num_inputs, 3, 300, 0.1, 1);
      MixtureSpec spec = test.truth.spec;
      spec.expert.kind = expert;
      const MixtureChart chart(spec, 2.0);
      const SampleBlocks blocks = blocks_of(chart, test.data);
      Problem problem(spec, 2.0, blocks);
      MixtureSpec more = spec;
      more.num_experts = 4;
      spec = with_experts(more, 3);
      const Problem larger(more, 2.0, blocks);
      const SampleStatistics statistics(blocks);
      Stream first(1, 1, "start");
      Stream second(1, 2, "start");
      const Eigen::VectorXd a = random_start(problem, statistics, first);
      const Eigen::VectorXd b = random_start(problem, statistics, second);
      expect_inside(chart, a);
      EXPECT_GT((a - b).norm(), 0.0);
      int num_splits = 0;
      for (int split = 0; split < 3; ++split) {
        if (const std::optional<Growth> grown = growth(spec, more, split)) {
          expect_inside(larger.chart(), split_expert(problem, larger, a, *grown, statistics, first));
          ++num_splits;
        }
      }
      EXPECT_EQ(num_splits, gate == "hierarchical" ? 1 : 3);
    }
  }
}

TEST(Starts, SplittingLeavesTheOtherExpertsAlone) {
  const TestProblem test = random_problem("softmax", "linear", 2, 3, 300, 0.1, 2);
  MixtureSpec more = test.truth.spec;
  more.num_experts = 4;
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, blocks);
  const Problem larger(more, 200, blocks);
  const Eigen::VectorXd theta = chart.coordinates(test.truth.measure());
  Stream stream(1, 0, "start");
  const Eigen::VectorXd split = split_expert(problem, larger, theta, *growth(test.truth.spec, more, 1),
                                             SampleStatistics(blocks), stream);
  for (const int kept : {0, 2}) {
    EXPECT_EQ(split.segment(larger.chart().gate_offset(kept), 3), theta.segment(chart.gate_offset(kept), 3));
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(split.segment(larger.chart().expert_offset(i), 3), theta.segment(chart.expert_offset(i), 3));
  }
  // The two sides of the split share the old score.
  const Eigen::VectorXd middle = 0.5 * (split.segment(larger.chart().gate_offset(1), 3) +
                                        split.segment(larger.chart().gate_offset(3), 3));
  EXPECT_LT((middle - theta.segment(chart.gate_offset(1), 3)).norm(), 1e-12);
}

TEST(Starts, CopyingAnExpertLeavesTheFunctionAlone) {
  for (const std::string& gate : gate_names()) {
    const TestProblem test = random_problem(gate, "tanh", 2, gate == "hierarchical" ? 4 : 3, 300, 0.1, 3);
    MixtureSpec more = test.truth.spec;
    ++more.num_experts;
    more.gate.groups = {};
    MixtureSpec spec = with_experts(more, test.truth.spec.num_experts);
    const MixtureChart chart(spec, 200);
    const SampleBlocks blocks = blocks_of(chart, test.data);
    Problem problem(spec, 200, blocks);
    Problem larger(more, 200, blocks);
    const Eigen::VectorXd theta = chart.coordinates(test.truth.measure());
    const double objective = problem.objective(theta);
    int num_copies = 0;
    for (int expert = 0; expert < spec.num_experts; ++expert) {
      if (const std::optional<Growth> grown = growth(spec, more, expert)) {
        const double copied = larger.objective(copy_expert(problem, larger, theta, *grown));
        // Where biases stand inside a sigmoid, half the mass is no shift of them.
        if (gate != "sigmoid" && gate != "normalized_sigmoid") {
          EXPECT_NEAR(copied, objective, 1e-9 * objective) << gate << " " << expert;
        }
        ++num_copies;
      }
    }
    EXPECT_GT(num_copies, 0) << gate;
  }
}

}  // namespace
}  // namespace moest
