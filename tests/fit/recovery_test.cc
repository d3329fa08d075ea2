// Exact-specified problems: do default fits find the optimum, and is the optimum as deep as the statistics
// demand?
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/predict.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

struct Configuration {
  std::string gate;
  std::string expert;
  int num_inputs;
  int num_experts;
  std::string router = "identity";
  bool learns_temperature = false;
  int num_outputs = 1;

  MixtureSpec spec() const {
    constexpr double kTemperature = 0.3;  // cosines and routers' values differ by about 1
    MixtureSpec result;
    result.gate.kind = gate;
    result.gate.router = router;
    if (learns_temperature) {
      result.gate.temperature = {kTemperature, true};
    }
    result.expert.kind = expert;
    if (expert == "ffn") {
      result.expert.hidden = 2;
    }
    result.num_inputs = num_inputs;
    result.num_experts = num_experts;
    result.num_outputs = num_outputs;
    return result;
  }
};

std::vector<Configuration> configurations() {
  std::vector<Configuration> all;
  for (const std::string gate : {"softmax", "perturbed_cosine"}) {
    for (const std::string expert : {"linear", "tanh"}) {
      for (const int num_inputs : {2, 8}) {
        for (const int num_experts : {2, 3}) {
          all.push_back({gate, expert, num_inputs, num_experts});
        }
      }
    }
  }
  // Every other gate and expert of the catalogue once with a common partner.
  const auto is_among = [](const std::string& name, const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const std::string& gate : gate_names()) {
    if (!is_among(gate, {"softmax", "perturbed_cosine"})) {
      all.push_back({gate, "linear", 2, 2});
      all.push_back({gate, "tanh", 2, 2});
    }
  }
  for (const int num_experts : {3, 4}) {  // of two experts, each is a group
    all.push_back({"hierarchical", "linear", 2, num_experts});
    all.push_back({"hierarchical", "tanh", 2, num_experts});
  }
  all.push_back({"softmax", "linear", 2, 3, "identity", false, 3});
  all.push_back({"perturbed_cosine", "tanh", 2, 3, "identity", false, 2});
  for (const std::string router : {"tanh", "gelu", "sigmoid"}) {
    all.push_back({"dense_to_sparse", "linear", 2, 2, router, true});
    all.push_back({"dense_to_sparse", "tanh", 2, 3, router, true});
  }
  all.push_back({"cosine", "linear", 3, 3, "identity", true});
  all.push_back({"cosine", "tanh", 2, 2, "identity", true});
  for (const std::string& expert : expert_names()) {
    if (!is_among(expert, {"linear", "tanh"})) {
      all.push_back({"softmax", expert, 2, 2});
    }
  }
  return all;
}

// Replicates per configuration: few here; docs/estimator.md tells the numbers of a run with 25.
int num_replicates() {
  const char* given = std::getenv("MOEST_RECOVERY_REPLICATES");
  return given == nullptr ? 3 : std::max(1, std::atoi(given));
}

struct Outcome {
  bool found_best = false;  // within one noise variance of the best RSS known, that from the truth included
  double depth = 0;         // (RSS(truth) - best RSS) / noise variance, a chi-square variable
  int degrees = 0;          // identifiable parameters
};

Outcome run(const Configuration& c, std::uint64_t seed) {
  constexpr double kNoise = 0.02;
  const TestProblem problem = random_problem(c.spec(), c.num_inputs == 2 ? 500 : 1000, kNoise, seed);
  FitOptions options;
  options.scaling = false;
  options.seed = seed;
  const FitSummary blind = fit(problem.truth.spec, problem.data, options).summary;
  options.starts = 0;
  options.tolerance = 1e-10;
  const FitSummary from_truth = fit(problem.truth.spec, problem.data, options, {}, problem.truth).summary;
  const double variance = kNoise * kNoise;
  const double best = std::min(blind.rss, from_truth.rss);
  return {blind.rss <= best + variance, (problem.truth_rss() - best) / variance,
          from_truth.num_identifiable_parameters};
}

TEST(Recovery, DefaultFitsFindTheOptimumAndItIsChiSquareDeep) {
  int found = 0;
  int total = 0;
  double all_depth = 0;
  int all_degrees = 0;
  for (const Configuration& c : configurations()) {
    double depth = 0;
    int degrees = 0;
    int found_here = 0;
    for (int replicate = 0; replicate < num_replicates(); ++replicate) {
      const Outcome outcome = run(c, static_cast<std::uint64_t>(replicate));
      found_here += outcome.found_best ? 1 : 0;
      depth += outcome.depth;
      degrees += outcome.degrees;
      ++total;
    }
    // Mean of R chi-square variables of p degrees: three standard errors are 3 sqrt(2 p / R), that is, false
    // alarms in 0.3 % of the configurations; these seeds raise none.
    EXPECT_NEAR(depth, degrees, 3 * std::sqrt(2.0 * degrees))
        << c.gate << " " << c.expert << " " << c.num_inputs;
    fmt::print(
        "{:<17} {:<8} {:<7} {:<7} d = {} k = {} m = {}: found {} of {}, mean depth {:.1f} for {} "
        "parameters\n",
        c.gate, c.router, c.learns_temperature ? "learned" : "", c.expert, c.num_inputs, c.num_experts,
        c.num_outputs, found_here, num_replicates(), depth / num_replicates(), degrees / num_replicates());
    found += found_here;
    all_depth += depth;
    all_degrees += degrees;
  }
  fmt::print("found {} of {}; total depth {:.0f} for {} parameters\n", found, total, all_depth, all_degrees);
  EXPECT_GE(found, 0.97 * total);
  EXPECT_NEAR(all_depth, all_degrees, 3 * std::sqrt(2.0 * all_degrees));
}

TEST(Recovery, TheDepthCheckNoticesNoiseOfAnotherSize) {
  // The power of the check above: with noise of twice the assumed size it must fail.
  const TestProblem problem = random_problem("softmax", "tanh", 8, 3, 1000, 0.02, 1);
  FitOptions options;
  options.scaling = false;
  options.starts = 0;
  const double degrees = num_free_parameters(problem.truth.spec);
  const FitSummary full = fit(problem.truth.spec, problem.data, options, {}, problem.truth).summary;
  Dataset doubled = problem.data;
  doubled.target += doubled.target - predict(problem.truth, problem.data.inputs, 1).mean;
  const FitSummary wrong = fit(problem.truth.spec, doubled, options, {}, problem.truth).summary;
  const double variance = problem.noise_sd * problem.noise_sd;
  const double depth = (problem.truth_rss() - full.rss) / variance;
  const double wrong_depth = (4 * problem.truth_rss() - wrong.rss) / variance;
  EXPECT_NEAR(depth, degrees, 3 * std::sqrt(2 * degrees));
  EXPECT_GT(std::abs(wrong_depth - degrees), 3 * std::sqrt(2 * degrees));
}

}  // namespace
}  // namespace moest
