// What a fit costs: small fits a second, iterations where there are too many experts, and how a pass and a
// prediction scale with n, threads, k and d.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench_problem.h"
#include "bench/overspecified.h"
#include "moest/fit/levenberg_marquardt.h"
#include "moest/fit/starts.h"
#include "moest/model/predict.h"

namespace moest {
namespace {

const FitControl kNoControl;

std::span<const double> as_span(const Eigen::VectorXd& v) {
  return {v.data(), static_cast<std::size_t>(v.size())};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Fits of n = 300 samples, k = 3 tanh experts, d = 1, that overlap: 50 problems in turn, each from a start
/// near its truth.
void small_fits(benchmark::State& state) {
  constexpr std::size_t kProblems = 50;
  const bool acceleration = state.range(0) != 0;
  std::vector<BenchProblem> problems;
  for (std::uint64_t seed = 0; seed < kProblems; ++seed) {
    problems.push_back(bench_problem(1, 3, 300, seed));
  }
  std::vector<Problem> workspaces;
  for (const BenchProblem& problem : problems) {
    workspaces.emplace_back(problem.chart.spec(), 200.0, problem.samples);
  }
  Monitor monitor(kNoControl, std::nullopt);
  std::int64_t fits = 0;
  double iterations = 0;
  for (auto _ : state) {
    const std::size_t i = static_cast<std::size_t>(fits++) % kProblems;
    iterations += minimise(workspaces[i], problems[i].start, {1e-6, 500, acceleration}, monitor).iterations;
  }
  state.counters["fits_per_second"] =
      benchmark::Counter(static_cast<double>(fits), benchmark::Counter::kIsRate);
  state.counters["iterations"] = iterations / static_cast<double>(fits);
}
BENCHMARK(small_fits)->ArgName("acceleration")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

constexpr int kStartsPerProblem = 6;

struct Outcome {
  std::vector<double> iterations;
  std::vector<double> rss;  // per problem and start
  int at_limit = 0;
};

Outcome fit_overspecified(bool acceleration) {
  Outcome outcome;
  for (int index = 0; index < kNumOverspecified; ++index) {
    const OverspecifiedProblem problem = overspecified_problem(index);
    const SampleStatistics statistics(problem.samples);
    Problem least_squares(problem.spec, problem.bound, problem.samples);
    Monitor monitor(kNoControl, std::nullopt);
    for (std::uint64_t start = 0; start < kStartsPerProblem; ++start) {
      Stream stream(static_cast<std::uint64_t>(index), start, "bench start");
      const Eigen::VectorXd theta = random_start(least_squares, statistics, stream);
      const LocalFit fit = minimise(least_squares, theta, {1e-6, 500, acceleration}, monitor);
      outcome.iterations.push_back(fit.iterations);
      outcome.rss.push_back(fit.objective);
      outcome.at_limit += fit.status == FitStatus::iteration_limit ? 1 : 0;
    }
  }
  return outcome;
}

/// Share of starts within one noise variance of the lowest RSS that any start of either kind found.
double share_of_best(const Outcome& of, const Outcome& other) {
  int found = 0;
  for (int index = 0; index < kNumOverspecified; ++index) {
    const auto first = of.rss.begin() + index * kStartsPerProblem;
    const auto first_other = other.rss.begin() + index * kStartsPerProblem;
    const double best = std::min(*std::min_element(first, first + kStartsPerProblem),
                                 *std::min_element(first_other, first_other + kStartsPerProblem));
    const auto n = static_cast<double>(overspecified_problem(index).samples.num_samples());
    found += static_cast<int>(std::count_if(first, first + kStartsPerProblem,
                                            [&](double rss) { return rss <= best * (1 + 1 / n); }));
  }
  return static_cast<double>(found) / static_cast<double>(of.rss.size());
}

void overspecified(benchmark::State& state) {
  static const Outcome kPlain = fit_overspecified(false);
  const bool acceleration = state.range(0) != 0;
  Outcome outcome;
  for (auto _ : state) {
    outcome = fit_overspecified(acceleration);
  }
  const Outcome other = acceleration ? kPlain : fit_overspecified(true);
  state.counters["median_iterations"] = median(outcome.iterations);
  state.counters["share_at_limit"] = outcome.at_limit / static_cast<double>(outcome.rss.size());
  state.counters["share_of_best"] = share_of_best(outcome, other);
}
BENCHMARK(overspecified)
    ->ArgName("acceleration")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(1)
    ->Repetitions(1)
    ->Unit(benchmark::kSecond);

/// Memory of this process in MiB.
double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * 4096 / (1 << 20);
}

void pass_scaling(benchmark::State& state) {
  const auto d = static_cast<int>(state.range(0));
  const auto k = static_cast<int>(state.range(1));
  const Eigen::Index n = state.range(2);
  const BenchProblem problem = bench_problem(d, k, n, 1);
  const double before = resident_mib();
  FusedPass pass(problem.chart.layout(), problem.samples, static_cast<int>(state.range(3)));
  const Eigen::VectorXd v = problem.chart.kernel_parameters(problem.start);
  NormalEquations equations;
  for (auto _ : state) {
    pass.linearise(as_span(v), equations);
    benchmark::DoNotOptimize(equations.objective);
  }
  state.counters["extra_mib"] = resident_mib() - before;
  state.counters["ns"] =
      benchmark::Counter(static_cast<double>(n) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void scales(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"d", "k", "n", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int n : {1000, 10'000, 100'000, 1'000'000, 10'000'000}) {
    benchmark->Args({2, 3, n, 1});
  }
  benchmark->Args({2, 3, 1'000'000, 2});
  for (const int k : {2, 4, 8, 16, 32}) {
    benchmark->Args({4, k, 20'000, 1});
  }
  for (const int d : {1, 2, 4, 8, 16, 32, 64}) {
    benchmark->Args({d, 4, 20'000, 1});
  }
}
BENCHMARK(pass_scaling)->Apply(scales);

void predict_rows(benchmark::State& state) {
  constexpr Eigen::Index kRows = 1'000'000;
  const BenchProblem problem = bench_problem(2, 3, kRows, 1);
  Model model;
  model.spec = problem.chart.spec();
  model.inputs = {"x1", "x2"};
  model.targets = {"y"};
  model.atoms = problem.chart.measure(problem.truth).atoms;
  for (auto _ : state) {
    benchmark::DoNotOptimize(predict(model, problem.inputs, static_cast<int>(state.range(0))).mean.data());
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(predict_rows)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moest
