// The fits of the race against general solvers: peer_bench and scipy_bench.py run the same ones from the
// files that `race_bench --dump FOLDER` writes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "bench/bench_problem.h"
#include "moest/fit/levenberg_marquardt.h"

namespace moest {
namespace {

// A solver has arrived when its residual sum of squares is this close to the optimum, relatively.
constexpr double kCloseToOptimum = 1e-8;
constexpr int kMostIterations = 500;

struct Race {
  BenchProblem problem;
  double target_rss;  // optimum x (1 + kCloseToOptimum)
};

LocalFit fit_moest(const BenchProblem& problem, const LocalOptions& options) {
  SampleBlocks samples = problem.chart.blocks(problem.inputs);
  samples.set_target(problem.target);
  Problem least_squares(problem.chart.spec(), 200.0, samples);
  const FitControl control;
  Monitor monitor(control, std::nullopt);
  return minimise(least_squares, problem.start, options, monitor);
}

const Race& race_of(int d, int k, int n) {
  static std::map<std::tuple<int, int, int>, std::unique_ptr<Race>> races;
  std::unique_ptr<Race>& race = races[{d, k, n}];
  if (!race) {
    BenchProblem problem = bench_problem(d, k, n, 1);
    const double best = fit_moest(problem, {1e-14, kMostIterations, true}).objective;
    race = std::make_unique<Race>(Race{std::move(problem), best * (1 + kCloseToOptimum)});
  }
  return *race;
}

// The whole fit, copying of the data into blocks included, up to the iteration that arrives: like its peers
// it does not go on to make sure that it has converged.
template <bool kAcceleration>
void moest_fit(benchmark::State& state) {
  const Race& race = race_of(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)),
                             static_cast<int>(state.range(2)));
  LocalOptions options{1e-14, 0, kAcceleration};
  LocalFit fit;
  do {
    ++options.max_iterations;
    fit = fit_moest(race.problem, options);
  } while (fit.objective > race.target_rss && options.max_iterations < kMostIterations);
  for (auto _ : state) {
    fit = fit_moest(race.problem, options);
  }
  state.counters["iterations"] = fit.iterations;
  if (!(fit.objective <= race.target_rss)) {
    state.SkipWithError(fmt::format("stopped at {:.12g}", fit.objective).c_str());
  }
}

void all_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"d", "k", "n"})->Unit(benchmark::kMillisecond);
  for (const auto& [d, k] : {std::pair{1, 2}, {2, 3}, {8, 4}}) {
    for (const int n : {1000, 10'000, 100'000}) {
      benchmark->Args({d, k, n});
    }
  }
}

BENCHMARK_TEMPLATE(moest_fit, true)->Name("moest")->Apply(all_shapes);
BENCHMARK_TEMPLATE(moest_fit, false)->Name("moest_plain")->Apply(all_shapes);

/// One file per problem for peers in other languages: a line of d, k, n and the target, the start, then x and
/// y per sample.
void dump_races(const std::string& folder) {
  for (const auto& [d, k] : {std::pair{1, 2}, {2, 3}, {8, 4}}) {
    for (const int n : {1000, 10'000, 100'000}) {
      const Race& race = race_of(d, k, n);
      const Eigen::VectorXd start = race.problem.chart.kernel_parameters(race.problem.start);
      std::ofstream file(fmt::format("{}/d{}_k{}_n{}.txt", folder, d, k, n));
      file << fmt::format("{} {} {} {:.17g}\n{:.17g}\n", d, k, n, race.target_rss,
                          fmt::join(start.begin(), start.end(), " "));
      for (Eigen::Index i = 0; i < n; ++i) {
        const auto row = race.problem.inputs.row(i);
        file << fmt::format("{:.17g} {:.17g}\n", fmt::join(row.begin(), row.end(), " "),
                            race.problem.target[i]);
      }
    }
  }
}

}  // namespace
}  // namespace moest

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--dump") {
    moest::dump_races(argv[2]);
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
