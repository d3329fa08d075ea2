#include "moest/fit/advice.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/fit/fit.h"
#include "moest/model/predict.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Fitted from the truth on, without a scaling.
FitSummary summary_of(const TestProblem& test) {
  FitOptions options;
  options.scaling = false;
  options.starts = 0;
  return fit(test.truth.spec, test.data, options, {}, test.truth).summary;
}

// Two experts over x in [-2, 2] with a soft border at 0; `expert` of each as the file has it.
TestProblem two_experts(const std::string& kind, const std::vector<double>& first,
                        const std::vector<double>& second, std::uint64_t seed,
                        Eigen::Index num_samples = 2000) {
  TestProblem test;
  test.noise_sd = 0.2;
  test.truth.spec.expert.kind = kind;
  test.truth.spec.num_experts = 2;
  test.truth.inputs = {"x"};
  test.truth.targets = {"y"};
  test.truth.atoms = {{0, {2}, first}, {0, {0}, second}};
  SimulatedData sample =
      simulate(test.truth, num_samples, {InputDistribution::Kind::uniform, -2, 2}, {test.noise_sd}, seed, 1);
  test.data.input_names = test.truth.inputs;
  test.data.target_names = test.truth.targets;
  test.data.inputs = std::move(sample.inputs);
  test.data.target = std::move(sample.target);
  return test;
}

TEST(Advice, HasNothingToSayOfAGoodFit) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    EXPECT_THAT(summary_of(two_experts("linear", {1, 1}, {-2, 0}, seed)).advice, IsEmpty()) << seed;
    EXPECT_THAT(summary_of(two_experts("tanh", {2, 1}, {-2, 0.5}, seed)).advice, IsEmpty()) << seed;
  }
}

// At the truth of a problem, whatever the summary of its fit says of another optimum.
std::vector<std::string> advice_at_truth(const TestProblem& test, const FitSummary& summary) {
  const MixtureChart chart(test.truth.spec, 200);
  const SampleBlocks samples = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, 200, samples);
  const ExpertComparison comparison(problem, chart.coordinates(test.truth.measure()),
                                    summary.num_identifiable_parameters);
  return advice_on(comparison, test.truth.spec, summary);
}

TEST(Advice, NamesExpertsThatCoincideAndWhatTheorySaysOfThem) {
  const TestProblem lines = two_experts("linear", {1, 1}, {1, 1}, 1);
  const std::vector<std::string> of_lines = advice_at_truth(lines, summary_of(lines));
  EXPECT_THAT(of_lines, Contains(HasSubstr("experts 1, 2 give the same values")));
  EXPECT_THAT(of_lines, Contains(HasSubstr("try --experts 1")));
  EXPECT_THAT(of_lines, Contains(HasSubstr("may not converge at all")));
  const TestProblem neurons = two_experts("tanh", {1, 1}, {1, 1}, 1);
  const std::vector<std::string> of_neurons = advice_at_truth(neurons, summary_of(neurons));
  EXPECT_THAT(of_neurons, Contains(HasSubstr("give the same values")));
  EXPECT_THAT(of_neurons, Not(Contains(HasSubstr("may not converge"))));
}

TEST(Advice, SaysWhichGatesConvergeSlowly) {
  TestProblem test = two_experts("tanh", {1, 1}, {1, 1}, 1);
  const FitSummary summary = summary_of(test);
  const auto with_gate = [&](const std::string& kind, const std::string& expert) {
    MixtureSpec spec = test.truth.spec;
    spec.gate.kind = kind;
    spec.expert.kind = expert;
    const MixtureChart chart(test.truth.spec, 200);
    const SampleBlocks samples = blocks_of(chart, test.data);
    Problem problem(test.truth.spec, 200, samples);
    return advice_on(ExpertComparison(problem, chart.coordinates(test.truth.measure()),
                                      summary.num_identifiable_parameters),
                     spec, summary);
  };
  EXPECT_THAT(with_gate("cosine", "tanh"), Contains(HasSubstr("only the directions of omega converge")));
  EXPECT_THAT(with_gate("dense_to_sparse", "tanh"), Contains(HasSubstr("--temperature 1")));
  EXPECT_THAT(with_gate("quadratic", "tanh"), Contains(HasSubstr("try --gate monomial")));
  EXPECT_THAT(with_gate("quadratic", "linear"), Contains(HasSubstr("may not converge at all")));
  EXPECT_THAT(with_gate("softmax", "tanh"), Not(Contains(HasSubstr("converge"))));
}

TEST(Advice, TellsOfOutliers) {
  TestProblem test = two_experts("linear", {1, 1}, {-2, 0}, 1);
  test.data.target(100, 0) += 5;
  EXPECT_THAT(summary_of(test).advice, Contains(HasSubstr("--loss huber")));
  FitOptions options;
  options.loss = "huber";
  EXPECT_THAT(fit(test.truth.spec, test.data, options).summary.advice, Not(Contains(HasSubstr("--loss"))));
}

TEST(Advice, NamesAnExpertWithHardlyAnyWeight) {
  TestProblem test = two_experts("linear", {1, 1}, {-2, 0}, 1);
  const FitSummary summary = summary_of(test);
  test.truth.atoms[0].bias = -9.5;  // the mean of its weight is log(1 + e^-5.5) / 8
  EXPECT_THAT(advice_at_truth(test, summary),
              Contains(HasSubstr("expert 1 has the weight of 1 samples for 2 parameters: try --experts 1")));
}

TEST(Advice, NamesNeuronsInTheirLinearRange) {
  const FitSummary summary = summary_of(two_experts("tanh", {0.05, 0.6}, {-2, 0.5}, 1));
  EXPECT_THAT(summary.advice, Contains(HasSubstr("linear over its data")));
}

TEST(Advice, SaysThatASingleStartFoundTheOptimum) {
  const TestProblem test = two_experts("linear", {1, 1}, {-2, 0}, 1);
  FitSummary summary = summary_of(test);
  summary.starts.resize(16, summary.starts.front());
  summary.agreeing_starts = 1;
  EXPECT_THAT(advice_at_truth(test, summary), Contains(HasSubstr("--starts 64")));
}

// Each sample belongs to one expert: the same mean, but residuals that are larger where the experts differ.
TEST(Advice, WarnsOfLatentClassData) {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    TestProblem test = two_experts("linear", {1, 1}, {-2, 0}, seed, 8000);
    const Predictions values = predict(test.truth, test.data.inputs, 1);
    Stream stream(seed, 0, "classes");
    for (Eigen::Index row = 0; row < test.data.target.rows(); ++row) {
      const Eigen::Index label = stream.uniform() < values.weights(row, 0) ? 0 : 1;
      test.data.target(row) = values.experts(row, label) + test.noise_sd * stream.normal();
    }
    EXPECT_THAT(summary_of(test).advice, Contains(HasSubstr("latent-class"))) << seed;
  }
}

}  // namespace
}  // namespace moest
