// Every gate with every expert: is the estimate as close to the truth as its standard error says, in reduced
// coordinates?
#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>

#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "tests/fit/reduced_recovery.h"

namespace moest {
namespace {

constexpr double kBound = 200;

// From the truth on, so that it is the optimum beside it.
Eigen::VectorXd estimate_of(const TestProblem& test) {
  FitOptions options;
  options.scaling = false;
  options.starts = 0;
  options.bound = kBound;
  const FitResult result = fit(test.truth.spec, test.data, options, {}, test.truth);
  return MixtureChart(result.model.spec, kBound).coordinates(result.model.measure());
}

// The first truth that so many samples determine: standard errors say what to expect only where they are
// small beside the parameters, which are of order one.
TestProblem determined_problem(const MixtureSpec& spec) {
  constexpr double kSmall = 0.1;
  constexpr std::uint64_t kMostSeeds = 100;
  for (std::uint64_t seed = 1; seed < kMostSeeds; ++seed) {
    TestProblem test = random_problem(spec, 10'000, 0.01, seed);
    if (predicted_error(test, kBound) < kSmall) {
      return test;
    }
  }
  throw std::logic_error("no truth of these is determined by the data");
}

class EveryPairRecovers : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

// The squared error is a sum of p independent squares of normal variables, weighted: at worst one counts, and
// then it is beyond four standard errors once in 16,000 pairs. These seeds raise no false alarm.
TEST_P(EveryPairRecovers, AsCloselyAsItsStandardErrorSays) {
  const MixtureSpec spec = small_spec(std::get<0>(GetParam()), std::get<1>(GetParam()));
  const TestProblem test = determined_problem(spec);
  const MixtureChart chart(spec, kBound);
  const Eigen::VectorXd truth = chart.coordinates(test.truth.measure());
  const double predicted = predicted_error(test, kBound);
  EXPECT_LT(recovery_error(chart, estimate_of(test), truth), 4 * predicted);
  // The power: the truth of another problem is not that close.
  const TestProblem other = random_problem(spec, 1, 0, 0);
  EXPECT_GT(recovery_error(chart, chart.coordinates(other.truth.measure()), truth), 4 * predicted);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryPairRecovers,
                         testing::Combine(testing::ValuesIn(gate_names()), testing::ValuesIn(expert_names())),
                         [](const auto& param_info) {
                           return std::get<0>(param_info.param) + "_x_" + std::get<1>(param_info.param);
                         });

}  // namespace
}  // namespace moest
