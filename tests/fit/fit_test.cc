#include "moest/fit/fit.h"

#include <gmock/gmock.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include "moest/base/error.h"
#include "moest/base/json_text.h"
#include "moest/base/number.h"
#include "moest/base/random.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

// y = |x|-like with known lines: two linear experts whose gate is as sharp as its bound allows.
Dataset two_lines(Eigen::Index n, double noise_sd) {
  Dataset data;
  data.input_names = {"x"};
  data.target_names = {"y"};
  data.inputs = Eigen::VectorXd::LinSpaced(n, -1, 1);
  data.target.resize(n, 1);
  Stream stream(1, 0, "two lines");
  for (Eigen::Index row = 0; row < n; ++row) {
    const double x = data.inputs(row, 0);
    data.target(row) = (x < 0.2 ? 3 - 2 * x : 1.6 + 5 * x) + noise_sd * stream.normal();
  }
  return data;
}

MixtureSpec linear_spec(int num_experts) {
  MixtureSpec spec;
  spec.num_experts = num_experts;
  return spec;
}

// The oracle of two_lines: separate least-squares lines left and right of a jump between two samples.
double piecewise_rss(const Dataset& data) {
  const auto line_rss = [&](Eigen::Index first, Eigen::Index count) {
    Eigen::MatrixXd design(count, 2);
    design << data.inputs.middleRows(first, count), Eigen::VectorXd::Ones(count);
    const Eigen::VectorXd y = data.target.col(0).segment(first, count);
    const Eigen::VectorXd solution = (design.transpose() * design).ldlt().solve(design.transpose() * y);
    return (y - design * solution).squaredNorm();
  };
  double best = std::numeric_limits<double>::infinity();
  const Eigen::Index n = data.target.size();
  for (Eigen::Index cut = 3; cut < n - 3; ++cut) {
    best = std::min(best, line_rss(0, cut) + line_rss(cut, n - cut));
  }
  return best;
}

TEST(Fit, FindsTheTwoLinesOfAPiecewiseLinearCurve) {
  const Dataset data = two_lines(200, 0.1);
  const FitResult result = fit(linear_spec(2), data, {});
  // The mixture contains the cut into two lines as the limit of sharp gates, to which the bound comes close.
  EXPECT_LE(result.summary.rss, 1.001 * piecewise_rss(data));
  EXPECT_EQ(result.summary.status, FitStatus::converged);
  EXPECT_GT(result.summary.best_single_expert_rss.value(), 10 * result.summary.rss);
  EXPECT_GE(result.summary.agreeing_starts, 3);
  EXPECT_NEAR(std::accumulate(result.summary.expert_shares.begin(), result.summary.expert_shares.end(), 0.0),
              1.0, 1e-12);
}

TEST(Fit, OrdersTheExpertsAlongASingleInput) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    FitOptions options;
    options.seed = seed;
    const FitResult result = fit(linear_spec(2), two_lines(200, 0.1), options);
    // The left line falls, the right one rises, whatever the scaling.
    EXPECT_LT(result.model.atoms[0].expert[0], 0);
    EXPECT_GT(result.model.atoms[1].expert[0], 0);
  }
}

TEST(Fit, ReportsResidualsInTheTargetsUnits) {
  const Dataset data = two_lines(200, 0.1);
  const FitResult result = fit(linear_spec(2), data, {});
  const Eigen::VectorXd fitted = predict(result.model, data.inputs, 1).mean;
  EXPECT_NEAR((data.target - fitted).squaredNorm(), result.summary.rss, 1e-9 * result.summary.rss);
  const double tss = (data.target.array() - data.target.mean()).square().sum();
  EXPECT_NEAR(result.summary.r_squared, 1 - result.summary.rss / tss, 1e-12);
  const double degrees = 200 - result.summary.num_identifiable_parameters;
  EXPECT_NEAR(result.summary.noise_variance.at(0), result.summary.rss / degrees, 1e-12);
  const double log_likelihood = -100 * (std::log(2 * std::acos(-1.0) * result.summary.rss / 200) + 1);
  EXPECT_NEAR(*result.summary.aic, -2 * log_likelihood + 2 * (result.summary.num_identifiable_parameters + 1),
              1e-8);
}

// The truth's gate has two experts of three outputs; noise differs by output.
TestProblem several_targets(const std::string& expert) {
  MixtureSpec spec;
  spec.expert.kind = expert;
  spec.num_inputs = 2;
  spec.num_experts = 2;
  spec.num_outputs = 3;
  return random_problem(spec, 400, 0.05, 9);
}

TEST(Fit, OfSeveralTargetsWithOneExpertIsARegressionForEach) {
  const TestProblem test = several_targets("linear");
  MixtureSpec spec = test.truth.spec;
  spec.num_experts = 1;
  const FitSummary all = fit(spec, test.data, {}).summary;
  ASSERT_EQ(all.rss_by_target.size(), 3U);
  double sum = 0;
  for (int j = 0; j < 3; ++j) {
    const auto at = static_cast<std::size_t>(j);
    Dataset one = test.data;
    one.target = test.data.target.col(j);
    one.target_names = {test.data.target_names[at]};
    const FitSummary alone = fit(spec, one, {}).summary;
    EXPECT_NEAR(all.rss_by_target[at], alone.rss, 1e-9 * alone.rss);
    EXPECT_NEAR(all.r_squared_by_target[at], alone.r_squared, 1e-9);
    EXPECT_NEAR(all.noise_variance.at(at), alone.noise_variance.at(0), 1e-9);
    sum += alone.rss;
  }
  EXPECT_NEAR(all.rss, sum, 1e-9 * sum);
  EXPECT_EQ(all.num_identifiable_parameters, 9);
}

TEST(Fit, OfSeveralTargetsFindsTheGateThatTheyShare) {
  for (const std::string expert : {"linear", "tanh", "ffn"}) {
    const TestProblem test = several_targets(expert);
    FitOptions options;
    options.scaling = false;
    const FitResult result = fit(test.truth.spec, test.data, options);
    EXPECT_LT(result.summary.rss, test.truth_rss()) << expert;
    const Predictions given = predict(result.model, test.data.inputs, 1);
    const Eigen::VectorXd errors = (given.mean - test.data.target).colwise().squaredNorm();
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(errors[static_cast<Eigen::Index>(j)], result.summary.rss_by_target[j],
                  1e-9 * result.summary.rss);
    }
    EXPECT_EQ(result.model.targets, test.data.target_names);
    EXPECT_EQ(result.model.noise_variance, result.summary.noise_variance);
  }
}

// The scaling of a target depends on where its experts can go; how much it counts must not.
TEST(Fit, WeighsTargetsTheSameWhereverTheyLie) {
  TestProblem test = random_problem("softmax", "linear", 1, 2, 400, 0.1, 3);
  Dataset data = test.data;
  data.target.resize(400, 2);
  Stream stream(3, 0, "two hinges");
  for (Eigen::Index row = 0; row < 400; ++row) {
    const double x = data.inputs(row, 0);
    data.target(row, 0) = std::abs(x) + 0.1 * stream.normal();
    data.target(row, 1) = std::max(x, 0.0) + 0.1 * stream.normal();
  }
  data.target_names = {"y", "z"};
  test.truth.spec.gate.kind = "sigmoid";
  for (const double shift : {0.0, 300.0}) {
    Dataset moved = data;
    moved.target.col(0).array() += shift;
    const FitSummary summary = fit(test.truth.spec, moved, {}).summary;
    EXPECT_GT(summary.r_squared_by_target[0], 0.8) << shift;
    EXPECT_GT(summary.r_squared_by_target[1], 0.8) << shift;
  }
}

TEST(Fit, GivesNoCriteriaWhereATargetIsFittedWithoutError) {
  Dataset data = two_lines(100, 0.1);
  data.target.conservativeResize(100, 2);
  data.target.col(1) = 1 + 2 * data.inputs.col(0).array();
  data.target_names = {"y", "z"};
  const FitSummary summary = fit(linear_spec(2), data, {}).summary;
  EXPECT_FALSE(summary.aic || summary.bic);
}

// In units a thousand times larger, a target counts as much as before.
TEST(Fit, WeighsTargetsByTheirSpread) {
  TestProblem test = several_targets("tanh");
  const FitResult before = fit(test.truth.spec, test.data, {});
  test.data.target.col(1) *= 1000;
  const FitResult after = fit(test.truth.spec, test.data, {});
  const auto best = std::min_element(after.summary.starts.begin(), after.summary.starts.end(),
                                     [](const StartRow& a, const StartRow& b) { return a.rss < b.rss; });
  EXPECT_NEAR(best->rss, after.summary.rss, 1e-12 * after.summary.rss);
  EXPECT_NEAR(after.summary.rss_by_target[1], 1e6 * before.summary.rss_by_target[1],
              1e-5 * after.summary.rss_by_target[1]);
  EXPECT_NEAR(after.summary.rss_by_target[0], before.summary.rss_by_target[0],
              1e-5 * before.summary.rss_by_target[0]);
}

TEST(Fit, OfSeveralTargetsGivesTheSameBitsForAnyNumberOfThreads) {
  const TestProblem test = several_targets("ffn");
  std::string first;
  for (const int threads : {1, 2, 3}) {
    FitOptions options;
    options.threads = threads;
    options.starts = 4;
    const std::string text = readable_text(to_json(fit(test.truth.spec, test.data, options).model));
    first = first.empty() ? text : first;
    EXPECT_EQ(text, first) << threads << " threads";
  }
}

// One start of a large fit: the threads share the passes over the samples.
TEST(Fit, GivesTheSameBitsWhenThreadsShareAPass) {
  const Dataset data = two_lines(30'000, 0.1);
  std::string first;
  for (const int threads : {1, 2, 3}) {
    FitOptions options;
    options.starts = 1;
    options.threads = threads;
    const std::string text = readable_text(to_json(fit(linear_spec(2), data, options).model));
    first = first.empty() ? text : first;
    EXPECT_EQ(text, first) << threads << " threads";
  }
}

TEST(Fit, GivesTheSameBitsForAnyNumberOfThreads) {
  const TestProblem test = random_problem("perturbed_cosine", "tanh", 2, 3, 300, 0.05, 4);
  std::string first;
  for (const int threads : {1, 2, 3}) {
    FitOptions options;
    options.threads = threads;
    options.starts = 6;
    const std::string text = readable_text(to_json(fit(test.truth.spec, test.data, options).model));
    if (first.empty()) {
      first = text;
    }
    EXPECT_EQ(text, first) << threads << " threads";
  }
}

TEST(Fit, CountsTheIdentifiableParametersOfARegularModel) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 2, 500, 0.02, 6);
  FitOptions options;
  options.scaling = false;
  const FitSummary summary = fit(test.truth.spec, test.data, options).summary;
  EXPECT_EQ(summary.num_identifiable_parameters, 9);
  EXPECT_EQ(summary.num_parameters, 12);
  EXPECT_FALSE(summary.rank_deficient);
  EXPECT_EQ(summary.active_bounds, 0);
}

TEST(Fit, SaysThatTwoEqualExpertsAreNotDetermined) {
  // One line, fitted by two: where the experts coincide the gate has no effect.
  Dataset data = two_lines(200, 0.0);
  data.target = 1 + 2 * data.inputs.col(0).array();
  const FitSummary summary = fit(linear_spec(2), data, {}).summary;
  EXPECT_LT(summary.rss, 1e-20);
  EXPECT_TRUE(summary.rank_deficient);
}

TEST(Fit, ScalesTheTargetIntoTheRangeOfBoundedExperts) {
  Dataset data = two_lines(200, 0.1);
  MixtureSpec spec = linear_spec(3);
  for (const std::string kind : {"tanh", "sigmoid"}) {
    spec.expert.kind = kind;
    const FitSummary summary = fit(spec, data, {}).summary;
    EXPECT_GT(summary.r_squared, 0.99) << kind;
  }
}

// Weights that do not sum to one leave an offset of the target to nobody.
TEST(Fit, TakesNoOffsetOffTheTargetWhereWeightsDoNotSumToOne) {
  Dataset data = two_lines(200, 0.1);
  data.target.array() += 50;
  MixtureSpec spec = linear_spec(2);
  spec.gate.kind = "sigmoid";
  const auto sum_of_experts = [&](const Predictions& given) -> Eigen::VectorXd {
    return given.weights.cwiseProduct(given.experts).rowwise().sum();
  };
  const Model linear = fit(spec, data, {}).model;
  EXPECT_EQ(linear.scaling->targets.front().offset, 0);
  const Predictions of_linear = predict(linear, data.inputs, 1);
  EXPECT_LT((sum_of_experts(of_linear) - of_linear.mean).cwiseAbs().maxCoeff(), 1e-10);
  EXPECT_LT((of_linear.mean - data.target).squaredNorm(), 1.2 * 200 * 0.01);
  // Experts that cannot be negative need the offset, which predictions name apart.
  spec.expert.kind = "softplus";
  const Model rising = fit(spec, data, {}).model;
  const double offset = rising.scaling->targets.front().offset;
  EXPECT_NEAR(offset, data.target.minCoeff(), 1e-9);
  const Predictions of_rising = predict(rising, data.inputs, 1);
  EXPECT_LT((sum_of_experts(of_rising).array() + offset - of_rising.mean.array()).abs().maxCoeff(), 1e-10);
}

TEST(Fit, KeepsTheLargestScoresAndCountsSamplesBesideATie) {
  TestProblem test = random_problem("softmax", "linear", 2, 3, 1000, 0.05, 6);
  test.truth.spec.gate.top_k = 2;
  for (Atom& atom : test.truth.atoms) {  // sharp enough that the jumps are small
    for (double& omega : atom.gate) {
      omega *= 8;
    }
  }
  Stream stream(6, 0, "top k noise");
  test.data.target = predict(test.truth, test.data.inputs, 1).mean;
  for (double& value : test.data.target.reshaped()) {
    value += 0.05 * stream.normal();
  }
  const FitResult result = fit(test.truth.spec, test.data, {});
  EXPECT_LT(result.summary.rss, test.truth_rss());
  EXPECT_EQ(result.model.spec.gate.top_k, 2);
  const Predictions given = predict(result.model, test.data.inputs, 1);
  EXPECT_NEAR((given.mean - test.data.target).squaredNorm(), result.summary.rss, 1e-9);
  EXPECT_TRUE((given.weights.array() > 0).rowwise().count().maxCoeff() == 2);
  // By the definition: the second and third largest score of the same model over all experts.
  Model dense = result.model;
  dense.spec.gate.top_k = 0;
  const Eigen::MatrixXd weights = predict(dense, test.data.inputs, 1).weights;
  std::int64_t near = 0;
  for (Eigen::Index row = 0; row < weights.rows(); ++row) {
    Eigen::VectorXd sorted = weights.row(row).transpose();
    std::sort(sorted.begin(), sorted.end());
    near += std::log(sorted[1] / sorted[0]) < kTieMargin ? 1 : 0;
  }
  EXPECT_EQ(result.summary.samples_near_tie, near);
  MixtureSpec all = test.truth.spec;
  all.gate.top_k = 3;
  EXPECT_EQ(fit(all, test.data, {}).summary.samples_near_tie, std::nullopt);
  all.gate.top_k = 4;
  EXPECT_THROW(fit(all, test.data, {}), InputError);
}

// One expert at a time: no derivative shows the gate, which stays where the fit over all experts left it.
TEST(Fit, SaysThatNoDataDetermineTheGateOfOneExpertAtATime) {
  const TestProblem test = random_problem("softmax", "linear", 2, 3, 500, 0.05, 6);
  MixtureSpec spec = test.truth.spec;
  spec.gate.top_k = 1;
  const FitSummary summary = fit(spec, test.data, {}).summary;
  EXPECT_EQ(summary.num_identifiable_parameters, 9);
  EXPECT_TRUE(summary.rank_deficient);
}

// theory.md's dimension of the gauge: 1 + k + max(0, d - k + 1) of the k (1 + d) + 1 numbers of the gate.
TEST(Fit, CountsTheGaugeOfACosineGateWithALearnedTemperature) {
  for (const auto& [d, k] : {std::pair(2, 2), {2, 3}, {3, 2}, {4, 2}, {3, 3}}) {
    MixtureSpec spec = linear_spec(k);
    spec.gate.kind = "cosine";
    spec.gate.temperature = {0.4, true};
    spec.num_inputs = d;
    const TestProblem test = random_problem(spec, 1500, 0.02, 5);
    FitOptions options;
    options.scaling = false;
    options.starts = 0;
    const FitSummary summary = fit(spec, test.data, options, {}, test.truth).summary;
    const int of_gate = k * (1 + d) + 1 - (1 + k + std::max(0, d - k + 1));
    EXPECT_EQ(summary.num_identifiable_parameters, of_gate + k * (d + 1)) << d << " " << k;
    EXPECT_FALSE(summary.rank_deficient) << d << " " << k;
  }
}

TEST(Fit, StartsFromAGivenModelOfTheSameKindOnly) {
  const Dataset data = two_lines(200, 0.1);
  const FitResult first = fit(linear_spec(2), data, {});
  FitOptions only_given;
  only_given.starts = 0;
  const FitResult again = fit(linear_spec(2), data, only_given, {}, first.model);
  ASSERT_EQ(again.summary.starts.size(), 1U);
  EXPECT_EQ(again.summary.starts.front().kind, StartKind::given);
  EXPECT_LE(again.summary.rss, first.summary.rss * (1 + 1e-12));
  EXPECT_THROW(fit(linear_spec(3), data, only_given, {}, first.model), InputError);
  MixtureSpec other = linear_spec(2);
  other.gate.kind = "perturbed_cosine";
  EXPECT_THROW(fit(other, data, only_given, {}, first.model), InputError);
}

TEST(Fit, EndsEarlyWithTheBestSoFar) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 3, 500, 0.05, 8);
  std::atomic<bool> interrupt{false};
  FitControl control{&interrupt, {}};
  control.progress = [&](const FitProgress& progress) { interrupt = progress.share_done > 0.05; };
  FitOptions options;
  options.threads = 1;
  const FitResult result = fit(test.truth.spec, test.data, options, control);
  EXPECT_EQ(result.summary.status, FitStatus::interrupted);
  EXPECT_GE(result.summary.starts.size(), 2U);
  EXPECT_LT(result.summary.starts.size(), 16U);
  EXPECT_TRUE(std::isfinite(result.summary.rss));
}

TEST(Fit, RefusesOptionsOutOfRange) {
  const Dataset data = two_lines(50, 0.1);
  FitOptions options;
  options.bound = -1;
  EXPECT_THROW(fit(linear_spec(2), data, options), InputError);
  EXPECT_THROW(fit(linear_spec(0), data, {}), InputError);
  MixtureSpec learned = linear_spec(2);
  learned.gate.temperature.learned = true;  // softmax has none
  EXPECT_THROW(fit(learned, data, {}), InputError);
}

TEST(Fit, CountsASampleByItsWeight) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 2, 150, 0.1, 4);
  const Dataset& plain = test.data;
  Dataset weighted = plain;
  weighted.weights = Eigen::VectorXd::Ones(150);
  weighted.weights.tail(75).array() = 2;
  Dataset repeated = plain;
  repeated.inputs.resize(225, 2);
  repeated.target.resize(225, 1);
  repeated.inputs << plain.inputs, plain.inputs.bottomRows(75);
  repeated.target << plain.target, plain.target.bottomRows(75);
  FitOptions options;
  options.scaling = false;  // the mean of the inputs is not weighted
  options.starts = 0;
  options.tolerance = 1e-10;
  const auto fit_to = [&](const Dataset& data) {
    return fit(test.truth.spec, data, options, {}, test.truth);
  };
  const FitResult given = fit_to(weighted);
  const FitResult expected = fit_to(repeated);
  EXPECT_NEAR(given.summary.rss, expected.summary.rss, 1e-8 * expected.summary.rss);
  EXPECT_NEAR(given.summary.r_squared, expected.summary.r_squared, 1e-8);
  const Eigen::VectorXd fitted = predict(given.model, plain.inputs, 1).mean;
  EXPECT_LT((fitted - predict(expected.model, plain.inputs, 1).mean).cwiseAbs().maxCoeff(), 1e-5);
  const Eigen::ArrayXd errors = plain.target.col(0) - fitted;
  EXPECT_NEAR((weighted.weights.array() * errors.square()).sum(), given.summary.rss, 1e-9);
  // The Gaussian likelihood of variances sigma^2 / w.
  const double log_likelihood =
      -75 * (std::log(2 * std::acos(-1.0) * given.summary.rss / 150) + 1) + 75 * 0.5 * std::log(2.0);
  EXPECT_NEAR(*given.summary.aic, -2 * log_likelihood + 2 * (given.summary.num_identifiable_parameters + 1),
              1e-8);
  // In units of the weights nothing but the noise of a sample of weight 1 changes.
  Dataset heavy = weighted;
  heavy.weights *= 8;
  const FitResult same = fit_to(heavy);
  EXPECT_EQ(predict(same.model, plain.inputs, 1).mean.col(0), fitted);
  EXPECT_NEAR(same.summary.noise_variance[0], 8 * given.summary.noise_variance[0], 1e-12);
  EXPECT_NEAR(*same.summary.aic, *given.summary.aic, 1e-8);
  for (std::size_t i = 0; i < given.summary.coefficients.size(); ++i) {
    EXPECT_EQ(same.summary.coefficients[i].standard_error, given.summary.coefficients[i].standard_error);
  }
}

// One linear expert without scaling: (X'X + lambda I) a = X'y on centred data.
TEST(Fit, ShrinksAsRidgeRegressionDoes) {
  const TestProblem test = random_problem("softmax", "linear", 3, 1, 60, 0.5, 4);
  constexpr double kLambda = 12;
  FitOptions options;
  options.scaling = false;
  options.ridge = kLambda;
  const FitResult result = fit(linear_spec(1), test.data, options);
  const Eigen::MatrixXd x = test.data.inputs.rowwise() - test.data.inputs.colwise().mean();
  const Eigen::VectorXd y = test.data.target.col(0).array() - test.data.target.mean();
  const Eigen::MatrixXd gram = x.transpose() * x;
  const Eigen::MatrixXd shrunk = gram + kLambda * Eigen::MatrixXd::Identity(3, 3);
  const Eigen::VectorXd slopes = shrunk.ldlt().solve(x.transpose() * y);
  for (int j = 0; j < 3; ++j) {
    EXPECT_NEAR(result.model.atoms[0].expert[static_cast<std::size_t>(j)], slopes[j], 1e-8);
  }
  EXPECT_NEAR(result.summary.rss, (y - x * slopes).squaredNorm(), 1e-8);
  EXPECT_NEAR(result.summary.effective_parameters, 1 + shrunk.ldlt().solve(gram).trace(), 1e-9);
  EXPECT_EQ(result.summary.aic, std::nullopt);
  ASSERT_EQ(result.summary.coefficients.size(), 4U);
  EXPECT_EQ(result.summary.coefficients.back().standard_error, std::nullopt);
  EXPECT_THROW(mean_standard_errors(result.model, test.data.inputs, 1), InputError);
}

// Regression with a slope that is given and two that are equal.
TEST(Fit, HoldsWhatIsFixedAndTied) {
  const TestProblem test = random_problem("softmax", "linear", 4, 1, 60, 0.5, 4);
  FitOptions options;
  options.scaling = false;
  options.covariance = "classical";
  options.fix = {"atoms[0].expert[1]=0.25", "atoms[0].expert[3]=atoms[0].expert[2]"};
  const FitResult result = fit(linear_spec(1), test.data, options);
  const Eigen::MatrixXd& x = test.data.inputs;
  Eigen::MatrixXd design(60, 3);
  design << x.col(0), x.col(2) + x.col(3), Eigen::VectorXd::Ones(60);
  const Eigen::VectorXd y = test.data.target.col(0) - 0.25 * x.col(1);
  const Eigen::MatrixXd inverse = (design.transpose() * design).inverse();
  const Eigen::VectorXd beta = inverse * design.transpose() * y;
  const double rss = (y - design * beta).squaredNorm();
  EXPECT_NEAR(result.summary.rss, rss, 1e-9);
  EXPECT_EQ(result.summary.num_identifiable_parameters, 3);
  const std::vector<double>& expert = result.model.atoms[0].expert;
  EXPECT_NEAR(expert[0], beta[0], 1e-9);
  EXPECT_EQ(expert[1], 0.25);
  EXPECT_NEAR(expert[2], beta[1], 1e-9);
  EXPECT_EQ(expert[3], expert[2]);
  EXPECT_NEAR(expert[4], beta[2], 1e-9);
  const auto& coefficients = result.summary.coefficients;
  ASSERT_EQ(coefficients.size(), 5U);
  EXPECT_EQ(coefficients[1].standard_error, std::nullopt);
  EXPECT_EQ(coefficients[1].reason, "fixed");
  for (const auto& [place, column] : {std::pair(0, 0), std::pair(2, 1), std::pair(3, 1), std::pair(4, 2)}) {
    EXPECT_NEAR(*coefficients[static_cast<std::size_t>(place)].standard_error,
                std::sqrt(rss / 57 * inverse(column, column)), 1e-8);
  }
}

TEST(Fit, FindsItsOptimumAgainWhenPartsOfItAreFixed) {
  for (const std::string gate :
       {"softmax", "quadratic", "sigmoid", "normalized_sigmoid", "laplace", "hierarchical"}) {
    const TestProblem test = random_problem(gate, "tanh", 2, 3, 400, 0.1, 12);
    FitOptions options;
    options.starts = 6;
    options.tolerance = 1e-9;
    const FitResult free = fit(test.truth.spec, test.data, options);
    const auto exact = [](double value) { return exact_text(value); };
    const std::vector<Atom>& atoms = free.model.atoms;
    options.fix = {"atoms[0].expert[1]=" + exact(atoms[0].expert[1]),
                   "atoms[0].gate[0]=" + exact(atoms[0].gate[0]), "atoms[0].bias=" + exact(atoms[0].bias)};
    options.starts = 0;
    const FitResult held = fit(test.truth.spec, test.data, options, {}, free.model);
    EXPECT_NEAR(held.summary.rss, free.summary.rss, 1e-7 * free.summary.rss) << gate;
    EXPECT_EQ(held.model.atoms[0].expert[1], atoms[0].expert[1]) << gate;
    EXPECT_EQ(held.model.atoms[0].gate[0], atoms[0].gate[0]) << gate;
    EXPECT_EQ(held.model.atoms[0].bias, atoms[0].bias) << gate;
    EXPECT_EQ(held.summary.num_identifiable_parameters, free.summary.num_identifiable_parameters - 3) << gate;

    options.starts = 6;
    options.fix = {"atoms[*].expert[0]=0", "atoms[2].expert[1]=atoms[0].expert[1]"};
    const FitResult less = fit(test.truth.spec, test.data, options);
    EXPECT_GT(less.summary.rss, free.summary.rss) << gate;
    EXPECT_EQ(less.model.atoms[2].expert[0], 0) << gate;
    EXPECT_EQ(less.model.atoms[2].expert[1], less.model.atoms[0].expert[1]) << gate;
    EXPECT_NE(less.model.atoms[1].expert[1], less.model.atoms[0].expert[1]) << gate;
  }
}

TEST(Fit, RefusesToFixWhatIsNotThere) {
  const Dataset data = two_lines(50, 0.1);
  FitOptions options;
  options.fix = {"atoms[2].bias=0"};
  EXPECT_THAT([&] { fit(linear_spec(2), data, options); },
              testing::ThrowsMessage<InputError>(testing::HasSubstr("there are 2 atoms")));
}

TEST(Fit, AveragesTheBestDistinctOptima) {
  const TestProblem test = random_problem("softmax", "tanh", 2, 3, 80, 0.3, 2);
  MixtureSpec spec = test.truth.spec;
  spec.num_experts = 5;
  FitOptions options;
  options.starts = 12;
  options.ridge = 0.05;
  options.ensemble = 3;
  const FitResult result = fit(spec, test.data, options);
  ASSERT_EQ(result.ensemble.members.size(), 3U);
  EXPECT_EQ(result.summary.num_members, 3);
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(80, 1);
  for (const Model& member : result.ensemble.members) {
    const Eigen::MatrixXd mean = predict(member, test.data.inputs, 1).mean;
    EXPECT_TRUE(&member == &result.ensemble.members.front() ||
                (mean - predict(result.model, test.data.inputs, 1).mean).norm() > 1e-3);
    sum += mean;
  }
  EXPECT_TRUE(predict_mean(result.ensemble, test.data.inputs, 2).isApprox(sum / 3, 1e-14));
  // What is written is what is read.
  const Ensemble again = ensemble_from_json(to_json(result.ensemble));
  EXPECT_EQ(predict_mean(again, test.data.inputs, 1), predict_mean(result.ensemble, test.data.inputs, 1));
  EXPECT_THROW(model_from_json(to_json(result.ensemble)), InputError);
  // Where all starts agree there is one.
  options = {};
  options.ensemble = 3;
  EXPECT_EQ(fit(linear_spec(1), test.data, options).ensemble.members.size(), 1U);
}

TEST(Fit, ClipsPredictionsToTheRangeOfTheTargetWhereThatIsWanted) {
  const Dataset data = two_lines(60, 0.1);
  FitOptions options;
  options.starts = 4;
  const Model free = fit(linear_spec(1), data, options).model;
  options.clipping = true;
  const FitResult clipped = fit(linear_spec(1), data, options);
  Eigen::MatrixXd inputs = 20 * data.inputs;
  const Eigen::MatrixXd beyond = predict(free, inputs, 1).mean;
  const double low = data.target.minCoeff();
  const double high = data.target.maxCoeff();
  ASSERT_LT(beyond.minCoeff(), low);
  ASSERT_GT(beyond.maxCoeff(), high);
  for (const Model& model :
       {clipped.model, clipped.ensemble.members.front(), model_from_json(to_json(clipped.model))}) {
    EXPECT_EQ(predict(model, inputs, 1).mean, beyond.cwiseMax(low).cwiseMin(high));
  }
}

TEST(Fit, WorksWithFewerSamplesThanParameters) {
  const Dataset data = two_lines(4, 0.1);
  const FitSummary summary = fit(linear_spec(2), data, {}).summary;
  EXPECT_LT(summary.rss, 1e-6);
  EXPECT_LE(summary.num_identifiable_parameters, 4);
}

}  // namespace
}  // namespace moest
