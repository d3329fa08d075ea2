#include "moest/fit/bootstrap.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/fit/fit.h"
#include "moest/model/predict.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;
using testing::ThrowsMessage;

BootstrapOptions options_of(const std::string& kind, int replicates) {
  BootstrapOptions options;
  options.kind = kind;
  options.replicates = replicates;
  return options;
}

// Two lines with a smooth step between them, noise of standard deviation 0.2: regular, and far from any
// border.
TestProblem two_lines(Eigen::Index n) {
  TestProblem test;
  test.truth.spec.num_experts = 2;
  test.data.input_names = {"x"};
  test.data.target_names = {"y"};
  test.data.inputs.resize(n, 1);
  test.data.target.resize(n, 1);
  Stream stream(8, 0, "two lines");
  for (Eigen::Index i = 0; i < n; ++i) {
    const double x = stream.uniform(-2, 2);
    const double weight = 1 / (1 + std::exp(-4 * x));
    test.data.inputs(i, 0) = x;
    test.data.target(i, 0) = (1 - weight) * (1 - 2 * x) + weight * (3 * x - 1) + 0.2 * stream.normal();
  }
  return test;
}

FitResult fitted(const TestProblem& test, const std::string& covariance, FitOptions options = {}) {
  options.starts = 4;
  options.covariance = covariance;
  return fit(test.truth.spec, test.data, options);
}

// The error of a standard deviation of 1000 replicates is 2.2 %, that of the asymptotic ones of the order of
// p / n; a false alarm in one of a thousand coefficients.
TEST(Bootstrap, HasTheStandardErrorsOfTheory) {
  const TestProblem test = two_lines(1500);
  for (const auto& [kind, covariance] : {std::pair("pairs", "sandwich"), std::pair("residual", "classical"),
                                         std::pair("parametric", "classical")}) {
    const FitResult result = fitted(test, covariance);
    const Bootstrap bootstrapped = bootstrap(result.model, test.data, options_of(kind, 1000));
    ASSERT_EQ(bootstrapped.rows.size(), result.summary.coefficients.size());
    EXPECT_EQ(bootstrapped.estimates.rows(), 1000);
    EXPECT_EQ(bootstrapped.num_failed + bootstrapped.num_not_converged, 0);
    int num_compared = 0;
    for (std::size_t c = 0; c < bootstrapped.rows.size(); ++c) {
      const BootstrapRow& row = bootstrapped.rows[c];
      const CoefficientEstimate& expected = result.summary.coefficients[c];
      ASSERT_EQ(row.standard_error.has_value(), expected.standard_error.has_value());
      EXPECT_EQ(row.reason, expected.reason);
      if (row.standard_error) {
        EXPECT_NEAR(*row.standard_error / *expected.standard_error, 1, 0.12) << kind << row.coefficient.name;
        EXPECT_NEAR(*row.low, *expected.low, 0.5 * *row.standard_error);
        EXPECT_NEAR(*row.high, *expected.high, 0.5 * *row.standard_error);
        EXPECT_LT(std::abs(*row.bias), 0.3 * *row.standard_error);
        ++num_compared;
      }
    }
    EXPECT_EQ(num_compared, 6);
  }
}

TEST(Bootstrap, BringsExpertsIntoTheModelsOrder) {
  const TestProblem test = two_lines(400);
  const FitResult result = fitted(test, "sandwich");
  BootstrapOptions options = options_of("pairs", 60);
  const Bootstrap near = bootstrap(result.model, test.data, options);
  options.starts = 3;
  const Bootstrap anywhere = bootstrap(result.model, test.data, options);
  for (std::size_t c = 0; c < near.rows.size(); ++c) {
    ASSERT_EQ(near.rows[c].standard_error.has_value(), anywhere.rows[c].standard_error.has_value());
    if (near.rows[c].standard_error) {
      EXPECT_LT(*anywhere.rows[c].standard_error, 1.2 * *near.rows[c].standard_error)
          << near.rows[c].coefficient.name;
    }
  }
}

TEST(Bootstrap, GivesNoNumbersForWhatIsNotDetermined) {
  TestProblem test = random_problem("softmax", "linear", 1, 1, 200, 0.2, 13);
  test.truth.spec.num_experts = 2;
  FitOptions options;
  options.fix = {"atoms[1].expert[0]=atoms[0].expert[0]", "atoms[1].expert[1]=atoms[0].expert[1]"};
  const FitResult result = fitted(test, "sandwich", options);
  ASSERT_TRUE(result.summary.rank_deficient);
  for (const BootstrapRow& row : bootstrap(result.model, test.data, options_of("pairs", 20)).rows) {
    EXPECT_EQ(row.standard_error, std::nullopt) << row.coefficient.name;
    EXPECT_THAT(row.reason, testing::AnyOf("experts 1 and 2 coincide", "not determined by the data",
                                           "held by a bound", "a convention"));
  }
}

TEST(Bootstrap, CountsSamplesByTheirWeights) {
  TestProblem test = random_problem("softmax", "linear", 2, 1, 300, 0.3, 14);
  for (Eigen::Index i = 0; i < 300; ++i) {
    test.data.target(i, 0) += i % 2 == 0 ? 0.0 : 3 * (test.data.target(i, 0) - test.data.inputs(i, 0));
  }
  const FitResult plain = fitted(test, "classical");
  const Dataset unweighted = test.data;
  test.data.weights = Eigen::VectorXd::Constant(300, 5.0);
  const FitResult weighted = fitted(test, "classical");
  for (const std::string kind : {"residual", "parametric"}) {
    const Bootstrap without = bootstrap(plain.model, unweighted, options_of(kind, 50));
    const Bootstrap with = bootstrap(weighted.model, test.data, options_of(kind, 50));
    for (std::size_t c = 0; c < with.rows.size(); ++c) {
      EXPECT_NEAR(*with.rows[c].standard_error, *without.rows[c].standard_error,
                  1e-6 * *without.rows[c].standard_error)
          << kind;
    }
  }
}

TEST(Bootstrap, IsTheSameForAnyNumberOfThreadsAndFromAStore) {
  const std::string path = fs::temp_directory_path() / ("moest_bootstrap_test_" + std::to_string(::getpid()));
  fs::remove(path);
  const TestProblem test = random_problem("softmax", "tanh", 1, 2, 100, 0.1, 15);
  const FitResult result = fitted(test, "sandwich");
  BootstrapOptions options = options_of("residual", 30);
  options.threads = 1;
  const Bootstrap whole = bootstrap(result.model, test.data, options);
  {
    Journal journal(path);
    std::atomic<bool> interrupt{false};
    const Bootstrap part = bootstrap(result.model, test.data, options, &journal, {&interrupt, {}},
                                     [&](int done, int, double) { interrupt = done >= 11; });
    EXPECT_EQ(part.status, FitStatus::interrupted);
    EXPECT_EQ(part.estimates.rows(), 11);
  }
  options.threads = 3;
  Journal journal(path);
  int num_fits = 0;
  const Bootstrap rest =
      bootstrap(result.model, test.data, options, &journal, {}, [&](int, int, double) { ++num_fits; });
  EXPECT_EQ(num_fits, 30 - 11);
  EXPECT_EQ(rest.estimates, whole.estimates);
  options.kind = "pairs";
  Journal again(path);
  EXPECT_THAT([&] { bootstrap(result.model, test.data, options, &again); },
              ThrowsMessage<InputError>(HasSubstr("the store is that of another bootstrap")));
  fs::remove(path);
}

TEST(Bootstrap, RefitsAsTheModelWasFitted) {
  const TestProblem test = random_problem("softmax", "linear", 2, 2, 150, 0.3, 16);
  FitOptions options;
  options.ridge = 5;
  options.fix = {"atoms[0].expert[1]=0.25"};
  const FitResult result = fitted(test, "sandwich", options);
  const Bootstrap bootstrapped = bootstrap(result.model, test.data, options_of("pairs", 25));
  std::vector<double> fixed;
  for (std::size_t c = 0; c < bootstrapped.rows.size(); ++c) {
    const BootstrapRow& row = bootstrapped.rows[c];
    if (row.reason == "fixed") {
      fixed.push_back(row.coefficient.value);
    } else if (row.standard_error) {
      EXPECT_GT(*row.standard_error, 0);
    }
  }
  EXPECT_EQ(fixed.size(), 1U);
}

// A line through a curve that levels off goes beyond all targets at the ends, where a clipped model does not.
TEST(Bootstrap, IsThatOfTheFunctionAlsoOfAClippedModel) {
  TestProblem test;
  test.truth.spec.num_experts = 1;
  test.data.input_names = {"x"};
  test.data.target_names = {"y"};
  test.data.inputs = Eigen::VectorXd::LinSpaced(60, -1, 1);
  test.data.target = (4 * test.data.inputs.array()).tanh();
  FitOptions options;
  const FitResult free = fitted(test, "sandwich", options);
  options.clipping = true;
  const FitResult clipped = fitted(test, "sandwich", options);
  ASSERT_GT(predict_mean(free.model, test.data.inputs, 1).maxCoeff(), test.data.target.maxCoeff());
  EXPECT_EQ(bootstrap(clipped.model, test.data, options_of("residual", 10)).estimates,
            bootstrap(free.model, test.data, options_of("residual", 10)).estimates);
}

// A neuron's sign is no matter of the model's order where one of its numbers is given.
TEST(Bootstrap, KeepsWhatIsFixedInEachReplicate) {
  TestProblem test = random_problem("softmax", "tanh", 1, 1, 40, 0.8, 18);
  test.truth.spec.expert.output_weight = true;
  FitOptions options;
  options.fix = {"atoms[0].expert[0]=0.1"};
  options.scaling = false;
  const FitResult result = fitted(test, "sandwich", options);
  const Bootstrap bootstrapped = bootstrap(result.model, test.data, options_of("pairs", 100));
  EXPECT_EQ(bootstrapped.estimates.col(0), Eigen::VectorXd::Constant(100, 0.1));
}

// n = 4 and one free parameter: standard errors of the two kinds have the same inflation.
TEST(Bootstrap, CountsOnlyFreeParametersInResiduals) {
  const TestProblem test = random_problem("softmax", "linear", 1, 1, 6, 0.5, 19);
  FitOptions options;
  options.fix = {"atoms[0].expert[0]=0"};
  const FitResult result = fitted(test, "classical", options);
  const Bootstrap bootstrapped = bootstrap(result.model, test.data, options_of("residual", 4000));
  const double expected = *result.summary.coefficients[1].standard_error;
  EXPECT_NEAR(*bootstrapped.rows[1].standard_error, expected, 0.05 * expected);
}

TEST(Bootstrap, RefusesOtherDataAndARecordThatTheModelContradicts) {
  const TestProblem test = random_problem("softmax", "linear", 1, 2, 80, 0.2, 20);
  FitOptions options;
  options.fix = {"atoms[0].expert[0]=0.5"};
  FitResult result = fitted(test, "sandwich", options);
  TestProblem other = test;
  other.data.target(3, 0) += 1;
  EXPECT_THAT([&] { bootstrap(result.model, other.data, options_of("pairs", 5)); },
              ThrowsMessage<InputError>(HasSubstr("not the data that the model was fitted to")));
  // Small units are no excuse.
  TestProblem small = test;
  small.data.target *= 1e-6;
  const FitResult in_small_units = fitted(small, "sandwich");
  small.data.target(3, 0) += 1e-6;
  EXPECT_THAT([&] { bootstrap(in_small_units.model, small.data, options_of("pairs", 5)); },
              ThrowsMessage<InputError>(HasSubstr("not the data that the model was fitted to")));
  (*result.model.fit)["options"]["fix"] = {"atoms[0].expert[0]=0.75"};
  EXPECT_THAT([&] { bootstrap(result.model, test.data, options_of("pairs", 5)); },
              ThrowsMessage<InputError>(HasSubstr("does not have the numbers")));
  (*result.model.fit)["options"]["fix"] = {"atoms[7].expert[0]=1"};
  EXPECT_THAT([&] { bootstrap(result.model, test.data, options_of("pairs", 5)); },
              ThrowsMessage<InputError>(HasSubstr("there are 2 atoms")));
}

TEST(Bootstrap, RefusesWhatItCannotDo) {
  const TestProblem test = random_problem("softmax", "linear", 1, 1, 30, 0.3, 17);
  FitResult result = fitted(test, "sandwich");
  EXPECT_THAT([&] { bootstrap(result.model, test.data, options_of("jackknife", 10)); },
              ThrowsMessage<InputError>(HasSubstr("kind")));
  EXPECT_THROW(bootstrap(result.model, test.data, options_of("pairs", 1)), InputError);
  Dataset other = test.data;
  other.input_names = {"z"};
  EXPECT_THAT([&] { bootstrap(result.model, other, options_of("pairs", 10)); },
              ThrowsMessage<InputError>(HasSubstr("not those of the model")));
  (*result.model.fit)["options"]["bound"] = "far";
  EXPECT_THAT([&] { bootstrap(result.model, test.data, options_of("pairs", 10)); },
              ThrowsMessage<InputError>(HasSubstr("fit.options.bound")));
  result.model.noise_variance.clear();
  result.model.fit.reset();
  EXPECT_THAT([&] { bootstrap(result.model, test.data, options_of("parametric", 10)); },
              ThrowsMessage<InputError>(HasSubstr("no noise variance")));
}

}  // namespace
}  // namespace moest
