// What else than squared residuals makes the objective, for every gate and expert: the weights of the samples
// and the penalty of the ridge.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "moest/base/random.h"
#include "moest/fit/problem.h"
#include "moest/model/catalogue.h"
#include "tests/fit/reduced_recovery.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

constexpr double kBound = 200;

class EveryObjective : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  MixtureSpec spec() const { return small_spec(std::get<0>(GetParam()), std::get<1>(GetParam())); }
};

// A point that is not the truth, so that residuals are large and the exact Hessian differs from J'J.
Eigen::VectorXd some_point(const MixtureChart& chart, const MixtureSpec& spec) {
  return chart.coordinates(random_problem(spec, 1, 0, 77).truth.measure());
}

struct Evaluated {
  NormalEquations gauss_newton, newton;
  Eigen::VectorXd bend;
  double objective = 0;
};

Evaluated evaluated(Problem& problem, const Eigen::VectorXd& theta) {
  Evaluated result;
  problem.linearise(theta, result.gauss_newton);
  problem.linearise(theta, result.newton, Curvature::newton);
  result.objective = problem.objective(theta);
  if (!problem.chart().is_curved()) {
    Stream stream(5, 0, "direction");
    Eigen::VectorXd direction(theta.size());
    for (double& number : direction) {
      number = stream.normal();
    }
    problem.bend(theta, direction, result.bend);
  }
  return result;
}

TEST_P(EveryObjective, CountsASampleOfWeightThreeAsThreeSamples) {
  constexpr Eigen::Index kSamples = 300;
  const TestProblem test = random_problem(spec(), kSamples, 0.1, 3);
  const MixtureChart chart(spec(), kBound);
  Eigen::VectorXd weights(kSamples);
  std::vector<Eigen::Index> repeated;
  for (Eigen::Index i = 0; i < kSamples; ++i) {
    weights[i] = static_cast<double>(1 + i % 3);
    repeated.insert(repeated.end(), static_cast<std::size_t>(1 + i % 3), i);
  }
  SampleBlocks weighted = blocks_of(chart, test.data);
  weighted.set_weights(weights);
  Dataset data = test.data;
  data.inputs = test.data.inputs(repeated, Eigen::all).eval();
  data.target = test.data.target(repeated, Eigen::all).eval();
  const SampleBlocks plain = blocks_of(chart, data);

  Problem with_weights(spec(), kBound, weighted);
  Problem with_copies(spec(), kBound, plain);
  const Eigen::VectorXd theta = some_point(chart, spec());
  const Evaluated given = evaluated(with_weights, theta);
  const Evaluated expected = evaluated(with_copies, theta);
  EXPECT_NEAR(given.objective, expected.objective, 1e-12 * expected.objective);
  EXPECT_TRUE(given.gauss_newton.gradient.isApprox(expected.gauss_newton.gradient, 1e-11));
  EXPECT_TRUE(given.gauss_newton.gram.isApprox(expected.gauss_newton.gram, 1e-11));
  EXPECT_TRUE(given.newton.gram.isApprox(expected.newton.gram, 1e-11));
  EXPECT_TRUE(given.newton.diagonal.isApprox(expected.newton.diagonal, 1e-11));
  if (given.bend.size() > 0) {
    EXPECT_TRUE(given.bend.isApprox(expected.bend, 1e-11));
  }
}

TEST_P(EveryObjective, HasAPenaltyWhoseDerivativesAreThoseOfItsValue) {
  const TestProblem test = random_problem(spec(), 20, 0.1, 4);
  const MixtureChart chart(spec(), kBound);
  const SampleBlocks samples = blocks_of(chart, test.data);
  const Eigen::VectorXd theta = some_point(chart, spec());
  Problem plain(spec(), kBound, samples);
  Problem shrunk(spec(), kBound, samples, 1, 0.7);
  const Evaluated without = evaluated(plain, theta);
  const Evaluated with = evaluated(shrunk, theta);
  const Ridge& ridge = shrunk.ridge();
  EXPECT_GT(ridge.value(theta), 0);
  EXPECT_NEAR(with.objective - without.objective, ridge.value(theta), 1e-10 * with.objective);
  EXPECT_EQ(with.objective, with.gauss_newton.objective);
  // Differences of a quadratic are exact.
  const Eigen::MatrixXd hessian = ridge.half_hessian();
  for (Eigen::Index p = 0; p < theta.size(); ++p) {
    const Eigen::VectorXd step = 0.1 * Eigen::VectorXd::Unit(theta.size(), p);
    const double rate = (ridge.value(theta + step) - ridge.value(theta - step)) / 0.2;
    EXPECT_NEAR(without.gauss_newton.gradient[p] - with.gauss_newton.gradient[p], rate / 2,
                1e-9 * (1 + std::abs(with.gauss_newton.gradient[p])));
    EXPECT_NEAR((hessian * theta)[p], rate / 2, 1e-10);
    EXPECT_NEAR(with.gauss_newton.diagonal[p] - without.gauss_newton.diagonal[p], hessian(p, p),
                1e-10 * (1 + with.gauss_newton.diagonal[p]));
  }
  for (const auto& [given, expected] : {std::pair(&with.gauss_newton.gram, &without.gauss_newton.gram),
                                        std::pair(&with.newton.gram, &without.newton.gram)}) {
    EXPECT_TRUE((*given - *expected).isApprox(hessian, 1e-9));
  }
  // A common shift of the gates costs nothing.
  for (const std::vector<int>& gauge : chart.shift_gauges()) {
    Eigen::VectorXd shifted = theta;
    shifted(gauge).array() += 0.3;
    EXPECT_NEAR(ridge.value(shifted), ridge.value(theta), 1e-12 * ridge.value(theta));
  }
}

TEST_P(EveryObjective, CountsATiedParameterAsThoseThatFollowIt) {
  constexpr Eigen::Index kSamples = 120;
  const TestProblem test = random_problem(spec(), kSamples, 0.1, 3);
  const MixtureChart chart(spec(), kBound);
  const SampleBlocks samples = blocks_of(chart, test.data);
  const Equation tie = parse_equation("atoms[1].expert[0]=atoms[0].expert[0]");
  Problem tied(spec(), kBound, samples, 1, 0.5, {&tie, 1});
  Problem plain(spec(), kBound, samples, 1, 0.5);
  Eigen::VectorXd theta = some_point(chart, spec());
  tied.chart().make_feasible(theta);
  const int follower = chart.expert_offset(1);
  ASSERT_EQ(theta[follower], theta[chart.expert_offset(0)]);

  const Evaluated given = evaluated(tied, theta);
  const Evaluated expected = evaluated(plain, theta);
  Eigen::MatrixXd together = Eigen::MatrixXd::Identity(theta.size(), theta.size());
  together(follower, follower) = 0;
  together(follower, chart.expert_offset(0)) = 1;
  EXPECT_EQ(given.objective, expected.objective);
  EXPECT_TRUE(
      given.gauss_newton.gradient.isApprox(together.transpose() * expected.gauss_newton.gradient, 1e-13));
  EXPECT_TRUE(given.newton.gram.isApprox(together.transpose() * expected.newton.gram * together, 1e-13));
  if (given.bend.size() > 0) {
    EXPECT_TRUE(given.bend.isApprox(together.transpose() * expected.bend, 1e-13));
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryObjective,
                         testing::Combine(testing::ValuesIn(gate_names()), testing::ValuesIn(expert_names())),
                         [](const auto& param_info) {
                           return std::get<0>(param_info.param) + "_x_" + std::get<1>(param_info.param);
                         });

// An expert by itself: what is penalised, and what is not, is in the formula of docs/estimator.md.
TEST(Ridge, LeavesAloneWhatIsAdded) {
  MixtureSpec spec;
  spec.expert.kind = "tanh";
  spec.expert.output_weight = true;
  spec.expert.output_offset = true;
  spec.num_inputs = 2;
  spec.num_experts = 2;
  const MixtureChart chart(spec, kBound);
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(chart.num_coordinates());
  // Gates (v, b), then experts (a, b, c, c_0).
  theta.segment(0, 3) << 3, 1, 50;
  theta.segment(3, 3) << 1, 1, 60;
  theta.segment(6, 5) << 1, 2, 70, 3, 80;
  theta.segment(11, 5) << 0, 1, 90, 0.5, 99;
  const double gates = 2 * 1 + 0 + 2 * 25;
  const double experts = 1 + 4 + 4900 + 9 + 0 + 1 + 8100 + 0.25;
  EXPECT_DOUBLE_EQ(Ridge(chart, 2).value(theta), 2 * (gates + experts));
}

}  // namespace
}  // namespace moest
