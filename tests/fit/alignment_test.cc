#include "moest/fit/alignment.h"

#include <gtest/gtest.h>

#include "tests/fit/test_problems.h"

namespace moest {
namespace {

// The truth with its experts in another order, and a little aside.
void expect_order_found(const MixtureSpec& spec, const Arrangement& order) {
  const TestProblem test = random_problem(spec, 400, 0.1, 5);
  const MixtureChart chart(spec, 200);
  const SampleBlocks samples = blocks_of(chart, test.data);
  Problem problem(spec, 200, samples);
  const Eigen::VectorXd truth = chart.coordinates(test.truth.measure());
  Eigen::VectorXd moved = truth.array() + 1e-3;
  moved = chart.rearranged(chart, moved, order);
  const Eigen::VectorXd back = aligned(problem, moved, truth);
  EXPECT_LT((chart.kernel_parameters(back) - chart.kernel_parameters(truth)).cwiseAbs().maxCoeff(), 1e-2);
  EXPECT_NEAR(problem.objective(back), problem.objective(moved), 1e-9 * problem.objective(moved));
}

MixtureSpec spec_of(const std::string& gate, const std::string& expert, int num_experts,
                    int num_outputs = 1) {
  MixtureSpec spec;
  spec.gate.kind = gate;
  spec.expert.kind = expert;
  spec.num_inputs = 2;
  spec.num_experts = num_experts;
  spec.num_outputs = num_outputs;
  return spec;
}

TEST(Alignment, FindsTheOrderOfExperts) {
  for (const std::string gate : {"softmax", "sigmoid", "laplace", "cosine", "quadratic"}) {
    expect_order_found(spec_of(gate, "tanh", 4), {{2, 0, 3, 1}, {}});
  }
  expect_order_found(spec_of("softmax", "linear", 3, 2), {{1, 2, 0}, {}});
}

TEST(Alignment, FindsTheOrderOfGroupsAndOfExpertsInThem) {
  expect_order_found(spec_of("hierarchical", "linear", 4), {{3, 2, 0, 1}, {1, 0}});
  MixtureSpec uneven = spec_of("hierarchical", "linear", 5);
  uneven.gate.groups = {0, {2, 1, 2}};
  expect_order_found(uneven, {{3, 4, 2, 1, 0}, {2, 1, 0}});
}

TEST(Alignment, FindsTheSignOfANeuron) {
  MixtureSpec spec = spec_of("softmax", "tanh", 2);
  spec.expert.output_weight = true;
  const TestProblem test = random_problem(spec, 200, 0.1, 6);
  const MixtureChart chart(spec, 200);
  const SampleBlocks samples = blocks_of(chart, test.data);
  Problem problem(spec, 200, samples);
  const Eigen::VectorXd truth = chart.coordinates(test.truth.measure());
  Eigen::VectorXd reflected = truth;
  reflected.segment(chart.expert_offset(1), chart.num_expert_parameters()) *= -1;
  EXPECT_EQ(aligned(problem, reflected, truth), truth);
}

}  // namespace
}  // namespace moest
