// Every gate with every expert: how close a default fit of 10,000 samples comes to the truth in reduced
// coordinates, how close theory says it comes, how often it reaches the best optimum known, and the time of a
// pass over the data.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "tests/fit/reduced_recovery.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

constexpr Eigen::Index kSamples = 10'000;
constexpr double kNoiseSd = 0.1;
constexpr double kBound = 200;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Recovery {
  double error, predicted;  // medians over the replicates
  double share_found;       // of default fits within one noise variance of the best RSS known
};

Recovery recover(const MixtureSpec& spec) {
  const char* given = std::getenv("MOEST_CATALOGUE_REPLICATES");
  // Fits of networks try many starts, each of which takes long.
  const int wanted = spec.expert.kind == "ffn" ? 5 : 10;
  const int num_replicates = given == nullptr ? wanted : std::max(1, std::atoi(given));
  std::vector<double> errors;
  std::vector<double> predictions;
  int num_found = 0;
  for (int replicate = 0; replicate < num_replicates; ++replicate) {
    const TestProblem test = random_problem(spec, kSamples, kNoiseSd, static_cast<std::uint64_t>(replicate));
    FitOptions options;
    options.scaling = false;  // parameters are compared with those of the truth
    options.bound = kBound;
    const FitResult blind = fit(spec, test.data, options);
    options.starts = 0;
    const FitResult from_truth = fit(spec, test.data, options, {}, test.truth);
    const double best = std::min(blind.summary.rss, from_truth.summary.rss);
    num_found += blind.summary.rss <= best + kNoiseSd * kNoiseSd ? 1 : 0;
    const Eigen::VectorXd theta = MixtureChart(blind.model.spec, kBound).coordinates(blind.model.measure());
    const MixtureChart chart(spec, kBound);
    const Eigen::VectorXd truth = chart.coordinates(test.truth.measure());
    errors.push_back(recovery_error(chart, theta, truth));
    predictions.push_back(predicted_error(test, kBound));
  }
  return {median(errors), median(predictions), static_cast<double>(num_found) / num_replicates};
}

void pass(benchmark::State& state, const std::string& gate, const std::string& expert) {
  static std::map<std::string, Recovery> recoveries;
  const MixtureSpec spec = small_spec(gate, expert);
  const std::string name = gate + " " + expert;
  if (recoveries.find(name) == recoveries.end()) {
    recoveries[name] = recover(spec);
  }
  const TestProblem test = random_problem(spec, kSamples, kNoiseSd, 0);
  const MixtureChart chart(spec, kBound);
  const SampleBlocks samples = blocks_of(chart, test.data);
  Problem problem(spec, kBound, samples);
  const Eigen::VectorXd truth = chart.coordinates(test.truth.measure());
  NormalEquations equations;
  for (auto _ : state) {
    problem.linearise(truth, equations);
    benchmark::DoNotOptimize(equations.objective);
  }
  state.counters["ns"] =
      benchmark::Counter(static_cast<double>(kSamples) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["error"] = recoveries[name].error;
  state.counters["predicted_error"] = recoveries[name].predicted;
  state.counters["share_found"] = recoveries[name].share_found;
}

}  // namespace
}  // namespace moest

int main(int argc, char** argv) {
  for (const std::string& gate : moest::gate_names()) {
    for (const std::string& expert : moest::expert_names()) {
      benchmark::RegisterBenchmark(
          ("catalogue/" + gate + "/" + expert).c_str(),
          [gate, expert](benchmark::State& state) { moest::pass(state, gate, expert); });
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
