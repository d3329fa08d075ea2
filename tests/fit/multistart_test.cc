#include "moest/fit/multistart.h"

#include <gtest/gtest.h>

#include <atomic>

#include "moest/fit/starts.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

const FitControl kNoControl;

TEST(Multistart, AlternatesGreedyAndRandomStartsAfterAGivenOne) {
  const TestProblem test = random_problem("softmax", "linear", 2, 2, 200, 0.1, 1);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  FitOptions options;
  options.starts = 4;
  Monitor monitor(kNoControl, std::nullopt);
  const MultistartResult result =
      run_starts(test.truth.spec, blocks, chart.coordinates(test.truth.measure()), options, monitor);
  ASSERT_EQ(result.starts.size(), 5U);
  const std::vector<StartKind> kinds{StartKind::given, StartKind::greedy, StartKind::random,
                                     StartKind::greedy, StartKind::random};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(result.starts[i].kind, kinds[i]);
    EXPECT_GE(result.starts[i].fit.objective,
              result.starts[static_cast<std::size_t>(result.best)].fit.objective);
  }
}

TEST(Multistart, GivesAStartTheSameBitsWhateverTheOthers) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 2, 200, 0.1, 2);
  const SampleBlocks blocks = blocks_of(MixtureChart(test.truth.spec, 200), test.data);
  FitOptions few;
  few.starts = 2;
  FitOptions many;
  many.starts = 5;
  Monitor monitor(kNoControl, std::nullopt);
  const auto a = run_starts(test.truth.spec, blocks, std::nullopt, few, monitor);
  const auto b = run_starts(test.truth.spec, blocks, std::nullopt, many, monitor);
  EXPECT_EQ(a.starts[1].fit.theta, b.starts[1].fit.theta);
}

// Enough samples that starts look for their valley in some of them first: they end at a stationary point of
// all, as deep as a fit from the truth, and with the same bits for any number of threads.
TEST(Multistart, EndsInAllSamplesWhereStartsBeginInFew) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 2, 20'000, 0.1, 4);
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks blocks = blocks_of(chart, test.data);
  FitOptions options;
  options.starts = 4;
  options.threads = 1;
  Monitor monitor(kNoControl, std::nullopt);
  const MultistartResult one =
      run_starts(test.truth.spec, blocks, chart.coordinates(test.truth.measure()), options, monitor);
  const LocalFit& best = one.starts[static_cast<std::size_t>(one.best)].fit;
  EXPECT_NEAR(best.objective, one.starts.front().fit.objective, 1e-5 * best.objective / 20'000);
  Problem problem(test.truth.spec, 200, blocks);
  for (const StartResult& start : one.starts) {
    NormalEquations equations;
    problem.linearise(start.fit.theta, equations);
    EXPECT_EQ(equations.objective, start.fit.objective);
  }
  // The random start takes fewer steps in all samples than without the descent in few.
  Stream stream(options.seed, 1, "start");
  const Eigen::VectorXd random = random_start(problem, SampleStatistics(blocks), stream);
  ASSERT_EQ(one.starts[2].kind, StartKind::random);
  EXPECT_LT(one.starts[2].fit.iterations, minimise(problem, random, {}, monitor).iterations);
  options.threads = 3;
  const MultistartResult three =
      run_starts(test.truth.spec, blocks, chart.coordinates(test.truth.measure()), options, monitor);
  for (std::size_t i = 0; i < one.starts.size(); ++i) {
    EXPECT_EQ(three.starts[i].fit.theta, one.starts[i].fit.theta);
  }
}

// Of six problems with more experts than the data need, four hundred random and greedy starts.
TEST(Multistart, AbandonsStartsWithoutLosingTheBestOptimum) {
  int num_abandoned = 0;
  int num_agreeing = 0;
  int num_agreeing_of_all = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const TestProblem test =
        random_problem("softmax", seed % 2 == 0 ? "tanh" : "linear", 2, 4, 400, 0.1, seed);
    const SampleBlocks blocks = blocks_of(MixtureChart(test.truth.spec, 200), test.data);
    FitOptions options;
    options.starts = 64;
    options.abandoning = false;
    Monitor monitor(kNoControl, std::nullopt);
    const MultistartResult all = run_starts(test.truth.spec, blocks, std::nullopt, options, monitor);
    options.abandoning = true;
    const MultistartResult some = run_starts(test.truth.spec, blocks, std::nullopt, options, monitor);
    const LocalFit& best = some.starts[static_cast<std::size_t>(some.best)].fit;
    EXPECT_LE(best.objective, all.starts[static_cast<std::size_t>(all.best)].fit.objective * (1 + 1.0 / 400))
        << seed;
    EXPECT_NE(best.status, FitStatus::abandoned) << seed;
    num_agreeing += count_agreeing(some.starts, best.objective, best.objective / 400);
    num_agreeing_of_all += count_agreeing(all.starts, best.objective, best.objective / 400);
    for (std::size_t i = 0; i < some.starts.size(); ++i) {
      const LocalFit& fit = some.starts[i].fit;
      EXPECT_NE(all.starts[i].fit.status, FitStatus::abandoned);
      if (fit.status == FitStatus::abandoned) {
        ++num_abandoned;
        EXPECT_GT(fit.objective, best.objective);
      } else {
        EXPECT_EQ(fit.theta, all.starts[i].fit.theta);
      }
    }
  }
  EXPECT_GT(num_abandoned, 20);
  EXPECT_GE(num_agreeing, 0.95 * num_agreeing_of_all);
}

TEST(Multistart, AbandonsStartsOfManySamplesByTheirFitOfFew) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 4, 40'000, 0.05, 4);
  const SampleBlocks blocks = blocks_of(MixtureChart(test.truth.spec, 200), test.data);
  FitOptions options;
  options.starts = 16;
  Monitor monitor(kNoControl, std::nullopt);
  const MultistartResult result = run_starts(test.truth.spec, blocks, std::nullopt, options, monitor);
  Problem problem(test.truth.spec, 200, blocks);
  int num_unstarted = 0;
  for (const StartResult& start : result.starts) {
    EXPECT_EQ(problem.objective(start.fit.theta), start.fit.objective);
    num_unstarted += start.fit.status == FitStatus::abandoned && start.fit.iterations == 0 ? 1 : 0;
  }
  EXPECT_GT(num_unstarted, 0);
  EXPECT_LT(num_unstarted, 16);
}

TEST(Multistart, AddsRoundsUntilSeveralStartsAgree) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 3, 300, 0.02, 3);
  const SampleBlocks blocks = blocks_of(MixtureChart(test.truth.spec, 200), test.data);
  Monitor monitor(kNoControl, std::nullopt);
  const auto result = run_starts(test.truth.spec, blocks, std::nullopt, {}, monitor);
  const double best = result.starts[static_cast<std::size_t>(result.best)].fit.objective;
  EXPECT_TRUE(count_agreeing(result.starts, best, best / 300) >= 3 || result.starts.size() == 128U);
  EXPECT_EQ(result.starts.size() % 16, 0U);
}

TEST(Multistart, KeepsTheTimeLimit) {
  const TestProblem test = random_problem("softmax", "tanh", 8, 3, 2000, 0.02, 3);
  const SampleBlocks blocks = blocks_of(MixtureChart(test.truth.spec, 200), test.data);
  Monitor monitor(kNoControl, 1e-3);
  const auto result = run_starts(test.truth.spec, blocks, std::nullopt, {}, monitor);
  EXPECT_EQ(result.stopped, FitStatus::time_limit);
  EXPECT_GE(result.best, 0);
}

// The experts that are still missing are copies: the function is that of the experts there were.
TEST(Multistart, KeepsTheFunctionOfAGreedyStartThatEndsEarly) {
  const TestProblem test = random_problem("softmax", "tanh", 3, 6, 500, 0.1, 5);
  const std::atomic<bool> interrupt{true};
  const FitControl control{&interrupt, {}};
  FitOptions options;
  options.starts = 1;
  const auto objective = [&](int num_experts) {
    MixtureSpec spec = test.truth.spec;
    spec.num_experts = num_experts;
    Monitor monitor(control, std::nullopt);
    const auto result =
        run_starts(spec, blocks_of(MixtureChart(spec, 200), test.data), std::nullopt, options, monitor);
    EXPECT_EQ(result.starts[0].kind, StartKind::greedy);
    EXPECT_EQ(result.starts[0].fit.status, FitStatus::interrupted);
    return result.starts[0].fit.objective;
  };
  const double one = objective(1);
  EXPECT_NEAR(objective(2), one, 1e-9 * one);
  EXPECT_NEAR(objective(6), one, 1e-9 * one);
}

}  // namespace
}  // namespace moest
