#include "moest/fit/levenberg_marquardt.h"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>
#include <limits>

#include "moest/base/random.h"
#include "moest/fit/active_set.h"
#include "moest/fit/starts.h"
#include "moest/model/catalogue.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

const FitControl kNoControl;

LocalFit minimise_from(const TestProblem& test, double bound, const Eigen::VectorXd& start,
                       const LocalOptions& options = {}) {
  const MixtureChart chart(test.truth.spec, bound);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, bound, blocks);
  Monitor monitor(kNoControl, std::nullopt);
  return minimise(problem, start, options, monitor);
}

Eigen::VectorXd reduced_gradient(const ActiveSet& active) {
  Eigen::VectorXd gradient;
  active.reduced_gradient(gradient);
  return gradient;
}

Eigen::VectorXd expanded(const ActiveSet& active, const Eigen::VectorXd& step) {
  Eigen::VectorXd full;
  active.expand(step, full);
  return full;
}

// J'e in the free directions of the point, relative to the scale of each column: zero at a stationary point.
double stationarity(const TestProblem& test, double bound, const Eigen::VectorXd& theta) {
  const MixtureChart chart(test.truth.spec, bound);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, bound, blocks);
  NormalEquations equations;
  problem.linearise(theta, equations);
  const ActiveSet active(chart, theta, equations);
  const Eigen::ArrayXd scale = active.reduced_gram().diagonal().array().max(1e-300).sqrt();
  return (reduced_gradient(active).array() / scale).abs().maxCoeff() / std::sqrt(equations.objective);
}

TEST(LevenbergMarquardt, SolvesOneLinearExpertLikeAQrDecomposition) {
  const TestProblem test = random_problem("softmax", "linear", 8, 1, 300, 0.5, 1);
  const LocalFit fit = minimise_from(
      test, 200, Eigen::VectorXd::Zero(MixtureChart(test.truth.spec, 200).num_coordinates()), {1e-14, 100});
  Eigen::MatrixXd design(300, 9);
  design << test.data.inputs, Eigen::VectorXd::Ones(300);
  const Eigen::VectorXd exact = design.colPivHouseholderQr().solve(test.data.target);
  EXPECT_EQ(fit.status, FitStatus::converged);
  EXPECT_LT((fit.theta.tail(9) - exact).norm(), 1e-6);
  EXPECT_NEAR(fit.objective, (test.data.target - design * exact).squaredNorm(), 1e-10);
}

TEST(LevenbergMarquardt, ReachesAStationaryPointFromTheTruth) {
  for (const std::string& gate : gate_names()) {
    for (const std::string expert : {"linear", "tanh", "sigmoid"}) {
      const TestProblem test = random_problem(gate, expert, 2, 2, 400, 0.02, 3);
      const Eigen::VectorXd start = MixtureChart(test.truth.spec, 200).coordinates(test.truth.measure());
      const LocalFit fit = minimise_from(test, 200, start, {1e-12, 500});
      EXPECT_EQ(fit.status, FitStatus::converged) << test.name;
      EXPECT_LE(fit.objective, test.truth_rss()) << test.name;
      EXPECT_LT(stationarity(test, 200, fit.theta), 1e-5) << test.name;
    }
  }
}

// An over-specified fit takes long enough to be looked at on its way.
TEST(LevenbergMarquardt, AbandonsADescentThatCanHardlyEndLowEnough) {
  const TestProblem test = random_problem("softmax", "tanh", 1, 4, 300, 0.1, 5);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, blocks);
  Stream stream(5, 0, "abandon");
  const Eigen::VectorXd start = random_start(problem, SampleStatistics(blocks), stream);
  const LocalFit whole = minimise_from(test, 200, start, {});
  ASSERT_EQ(whole.status, FitStatus::converged);
  ASSERT_GT(whole.iterations, 30);
  LocalOptions options;
  options.worst_objective = 0.5 * whole.objective;
  const LocalFit abandoned = minimise_from(test, 200, start, options);
  EXPECT_EQ(abandoned.status, FitStatus::abandoned);
  EXPECT_LT(abandoned.iterations, whole.iterations);
  EXPECT_GT(abandoned.objective, options.worst_objective);
  options.worst_objective = whole.objective;  // what it does reach
  const LocalFit reached = minimise_from(test, 200, start, options);
  EXPECT_EQ(reached.status, FitStatus::converged);
  EXPECT_EQ(reached.theta, whole.theta);
}

TEST(LevenbergMarquardt, GoesOnWhereAnEarlierFitEnded) {
  const TestProblem test = random_problem("softmax", "tanh", 1, 4, 300, 0.1, 5);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, blocks);
  Monitor monitor(kNoControl, std::nullopt);
  Stream stream(5, 0, "abandon");
  const Eigen::VectorXd start = random_start(problem, SampleStatistics(blocks), stream);
  const LocalFit whole = minimise(problem, start, {}, monitor);
  LocalFit parts = minimise(problem, start, {1e-6, 20}, monitor);
  ASSERT_EQ(parts.status, FitStatus::iteration_limit);
  EXPECT_EQ(parts.curvature, Curvature::newton);
  parts = resume(problem, parts, {}, monitor);
  EXPECT_EQ(parts.status, FitStatus::converged);
  EXPECT_NEAR(parts.objective, whole.objective, whole.objective / 300);
  EXPECT_GT(parts.iterations, 20);
  // It does not begin anew: damping and Hessian are those of the earlier fit.
  EXPECT_LT(parts.iterations, 20 + minimise(problem, start, {}, monitor).iterations);
}

// From 100 parameters on, a trial's residuals come before its equations.
TEST(LevenbergMarquardt, ReachesAStationaryPointOfManyParametersOverRejectedSteps) {
  const TestProblem test = random_problem("softmax", "tanh", 12, 5, 2000, 0.05, 8);
  const MixtureChart chart(test.truth.spec, 200);
  ASSERT_GE(chart.num_coordinates(), 100);
  Eigen::VectorXd start = chart.coordinates(test.truth.measure());
  Stream stream(8, 0, "perturbation");
  for (double& value : start) {
    value += stream.normal();
  }
  const LocalFit fit = minimise_from(test, 200, start, {1e-12, 500});
  EXPECT_EQ(fit.status, FitStatus::converged);
  EXPECT_LT(stationarity(test, 200, fit.theta), 1e-5);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  NormalEquations equations;
  Problem(test.truth.spec, 200, blocks).linearise(fit.theta, equations);
  EXPECT_EQ(fit.objective, equations.objective);
}

TEST(LevenbergMarquardt, EndsWithoutNoiseAtAResidualOfRounding) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 2, 400, 0.0, 5);
  const MixtureChart chart(test.truth.spec, 200);
  Eigen::VectorXd start = chart.coordinates(test.truth.measure());
  Stream stream(5, 0, "perturbation");
  for (double& value : start) {
    value += 0.01 * stream.normal();
  }
  const LocalFit fit = minimise_from(test, 200, start);
  EXPECT_EQ(fit.status, FitStatus::converged);
  EXPECT_LT(fit.objective, 1e-24);
}

// The same problem by both kinds of steps: one expert more than the truth, from the same random starts.
TEST(LevenbergMarquardt, NeedsFarFewerIterationsWithAccelerationForASimilarOptimum) {
  int plain_iterations = 0;
  int iterations = 0;
  int lower = 0;
  int higher = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    TestProblem test = random_problem("softmax", "tanh", 1, 2, 300, 0.1, seed);
    ++test.truth.spec.num_experts;
    const MixtureChart chart(test.truth.spec, 200);
    const SampleBlocks blocks = blocks_of(chart, test.data);
    const SampleStatistics statistics(blocks);
    Problem problem(test.truth.spec, 200, blocks);
    for (std::uint64_t start = 0; start < 4; ++start) {
      Stream stream(seed, start, "acceleration");
      const Eigen::VectorXd theta = random_start(problem, statistics, stream);
      Monitor monitor(kNoControl, std::nullopt);
      const LocalFit plain = minimise(problem, theta, {1e-6, 500, false}, monitor);
      const LocalFit fast = minimise(problem, theta, {1e-6, 500, true}, monitor);
      plain_iterations += plain.iterations;
      iterations += fast.iterations;
      lower += fast.objective < plain.objective * (1 - 1.0 / 300) ? 1 : 0;
      higher += fast.objective > plain.objective * (1 + 1.0 / 300) ? 1 : 0;
    }
  }
  EXPECT_LT(2 * iterations, plain_iterations);
  EXPECT_GE(lower, higher);
}

// Under a strong damping no step is long and no decrease large. A fit that calls that convergence can be
// continued from where it ended, with fresh damping, to a residual sum of squares that is lower by more than
// ten noise variances.
TEST(LevenbergMarquardt, HasConvergedWhereItSaysSo) {
  int converged = 0;
  int went_on = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    TestProblem test =
        random_problem(seed % 2 == 0 ? "softmax" : "perturbed_cosine", "tanh", 2, 2, 300, 0.1, seed);
    test.truth.spec.num_experts += 2;
    const MixtureChart chart(test.truth.spec, 200);
    const SampleBlocks blocks = blocks_of(chart, test.data);
    const SampleStatistics statistics(blocks);
    Problem problem(test.truth.spec, 200, blocks);
    for (std::uint64_t start = 0; start < 4; ++start) {
      Stream stream(seed, start, "convergence");
      Monitor monitor(kNoControl, std::nullopt);
      const LocalFit fit = minimise(problem, random_start(problem, statistics, stream), {1e-6, 500}, monitor);
      if (fit.status == FitStatus::converged) {
        ++converged;
        const LocalFit on = minimise(problem, fit.theta, {1e-6, 500, false}, monitor);
        went_on += on.objective < fit.objective * (1 - 10.0 / 300) ? 1 : 0;
      }
    }
  }
  EXPECT_GT(converged, 140);
  EXPECT_EQ(went_on, 0);
}

TEST(LevenbergMarquardt, StaysInABoxAndIsStationaryAlongIt) {
  // The truth lies outside the small box, so that bounds are active at the optimum.
  const TestProblem test = random_problem("softmax", "linear", 2, 2, 400, 0.05, 7);
  const double bound = 0.4;
  const MixtureChart chart(test.truth.spec, bound);
  const LocalFit fit = minimise_from(test, bound, chart.coordinates(test.truth.measure()), {1e-12, 2000});
  ASSERT_EQ(fit.status, FitStatus::converged);
  EXPECT_LE(fit.theta.cwiseAbs().maxCoeff(), bound);
  EXPECT_NEAR(fit.theta.cwiseAbs().maxCoeff(), bound, 1e-12);
  EXPECT_LT(stationarity(test, bound, fit.theta), 1e-5);
}

TEST(LevenbergMarquardt, StaysInABallAndIsStationaryOnItsSphere) {
  // A hard gate is out of reach of the perturbed cosine scores: the fit ends with gates on their sphere.
  TestProblem hard = random_problem("softmax", "linear", 2, 2, 400, 0.05, 9);
  TestProblem test = random_problem("perturbed_cosine", "linear", 2, 2, 400, 0.05, 9);
  test.data = hard.data;
  const MixtureChart chart(test.truth.spec, 200);
  const double radius = chart.regions()[0].region.size;
  int on_sphere = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const SampleBlocks blocks = blocks_of(chart, test.data);
    const Problem problem(test.truth.spec, 200, blocks);
    Stream stream(seed, 0, "start");
    const LocalFit fit =
        minimise_from(test, 200, random_start(problem, SampleStatistics(blocks), stream), {1e-13, 5000});
    for (int i = 0; i < 2; ++i) {
      const double norm = fit.theta.segment(chart.gate_offset(i), 2).norm();
      EXPECT_LE(norm, radius * (1 + 1e-12));
      on_sphere += norm > radius * (1 - 1e-9) ? 1 : 0;
    }
    if (fit.status == FitStatus::converged) {
      EXPECT_LT(stationarity(test, 200, fit.theta), 1e-4) << "seed " << seed;
    }
  }
  EXPECT_GT(on_sphere, 0) << "the problem was meant to have active balls";
}

TEST(LevenbergMarquardt, DoesNotCallTheIterationLimitConvergence) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 3, 400, 0.05, 11);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  const Problem problem(test.truth.spec, 200, blocks);
  Stream stream(1, 0, "start");
  const LocalFit fit =
      minimise_from(test, 200, random_start(problem, SampleStatistics(blocks), stream), {1e-6, 3});
  EXPECT_EQ(fit.status, FitStatus::iteration_limit);
  EXPECT_EQ(fit.iterations, 3);
}

TEST(LevenbergMarquardt, ReportsAStartWithoutAFiniteObjectiveAsFailed) {
  TestProblem test = random_problem("softmax", "linear", 1, 1, 10, 0.1, 13);
  test.data.target(4) = std::numeric_limits<double>::quiet_NaN();
  const LocalFit fit = minimise_from(test, 200, Eigen::VectorXd::Zero(4));
  EXPECT_EQ(fit.status, FitStatus::failed);
}

TEST(LevenbergMarquardt, EndsAtOnceWhenInterrupted) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 2, 400, 0.05, 15);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, blocks);
  const std::atomic<bool> interrupt{true};
  const FitControl control{&interrupt, {}};
  Monitor monitor(control, std::nullopt);
  const LocalFit fit = minimise(problem, chart.coordinates(test.truth.measure()), {}, monitor);
  EXPECT_EQ(fit.status, FitStatus::interrupted);
  EXPECT_EQ(fit.iterations, 0);
}

TEST(ActiveSet, FixesTheShiftGaugeByTheLastAtom) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 3, 200, 0.05, 17);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, blocks);
  const Eigen::VectorXd theta = chart.coordinates(test.truth.measure());
  NormalEquations equations;
  problem.linearise(theta, equations);
  const ActiveSet active(chart, theta, equations);
  EXPECT_EQ(active.num_active_bounds(), 0);
  EXPECT_EQ(active.num_identifiable(), chart.num_coordinates() - 3);
  const Eigen::VectorXd step = expanded(active, Eigen::VectorXd::Ones(active.num_identifiable()));
  EXPECT_EQ(step.segment(chart.gate_offset(2), 3).norm(), 0.0);
}

TEST(ActiveSet, MovesAlongTheSphereOfAnActiveBall) {
  TestProblem test = random_problem("perturbed_cosine", "linear", 3, 2, 200, 0.05, 19);
  const MixtureChart chart(test.truth.spec, 200);
  const double radius = chart.regions()[0].region.size;
  Eigen::VectorXd theta = chart.coordinates(test.truth.measure());
  theta.segment(0, 3) *= radius / theta.segment(0, 3).norm();
  const SampleBlocks blocks = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, blocks);
  NormalEquations equations;
  problem.linearise(theta, equations);
  equations.gradient.segment(0, 3) = theta.segment(0, 3);
  const ActiveSet active(chart, theta, equations);
  EXPECT_EQ(active.num_active_bounds(), 1);
  // One normal is frozen; of the three common shifts, the two along the sphere stay free and are no
  // parameters.
  const Eigen::Index free = reduced_gradient(active).size();
  EXPECT_EQ(active.num_identifiable(), free - 2);
  Stream stream(19, 0, "step");
  Eigen::VectorXd reduced(free);
  for (double& value : reduced) {
    value = stream.normal();
  }
  const Eigen::VectorXd step = expanded(active, reduced);
  EXPECT_NEAR(step.segment(0, 3).dot(theta.segment(0, 3)), 0.0, 1e-12);
  // The reduced equations are those of the expanded step.
  EXPECT_NEAR(reduced.dot(active.reduced_gram() * reduced), step.dot(equations.gram * step),
              1e-9 * std::abs(step.dot(equations.gram * step)));
  EXPECT_NEAR(reduced.dot(reduced_gradient(active)), step.dot(equations.gradient), 1e-9);
}

}  // namespace
}  // namespace moest
