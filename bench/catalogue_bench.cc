// Every gate with every expert: how close a default fit of 10,000 samples comes to the truth in reduced
// coordinates, how close theory says it comes, how often it reaches the best optimum known, and the time of a
// pass over the data.
#include <benchmark/benchmark.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "moest/fit/active_set.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "tests/fit/test_problems.h"

namespace moest {
namespace {

constexpr Eigen::Index kSamples = 10'000;
constexpr double kNoiseSd = 0.1;
constexpr double kBound = 200;

/// Two inputs and two experts; of the hierarchical gate two groups of two.
MixtureSpec spec_of(const std::string& gate, const std::string& expert) {
  MixtureSpec spec;
  spec.gate.kind = gate;
  spec.expert.kind = expert;
  spec.expert.hidden = expert == "ffn" ? 2 : spec.expert.hidden;
  spec.num_inputs = 2;
  spec.num_experts = gate == "hierarchical" ? 4 : 2;
  return spec;
}

/// The squared distance of two experts, over all parameters that give the first one's function.
double squared_distance(const MixtureSpec& spec, const Eigen::VectorXd& eta, const Eigen::VectorXd& truth) {
  const bool is_even = spec.expert.kind == "polynomial" && spec.expert.degree % 2 == 0;
  if (spec.expert.kind != "ffn") {
    const double distance = (eta - truth).squaredNorm();
    return is_even ? std::min(distance, (eta + truth).squaredNorm()) : distance;
  }
  // Neurons may change places, and those of tanh their sign.
  const Eigen::Index size = spec.num_inputs + 2;
  std::vector<Eigen::Index> order(static_cast<std::size_t>(spec.expert.hidden));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (std::size_t m = 0; m < order.size(); ++m) {
      const auto own = eta.segment(order[m] * size, size);
      const auto wanted = truth.segment(static_cast<Eigen::Index>(m) * size, size);
      sum += std::min((own - wanted).squaredNorm(), (own + wanted).squaredNorm());
    }
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  const double offsets = eta[eta.size() - 1] - truth[truth.size() - 1];
  return least + offsets * offsets;
}

/// theta without its gauges: the gates relative to the reference of each softmax.
Eigen::VectorXd reduced(const MixtureChart& chart, const Eigen::VectorXd& theta) {
  const auto& sources = chart.kernel_sources();
  Eigen::VectorXd result(static_cast<Eigen::Index>(sources.size()));
  for (std::size_t p = 0; p < sources.size(); ++p) {
    const auto [plus, minus] = sources[p];
    result[static_cast<Eigen::Index>(p)] = theta[plus] - (minus < 0 ? 0.0 : theta[minus]);
  }
  return result;
}

/// Root mean square over the reduced coordinates, the experts in the order that makes it least.
double recovery_error(const MixtureChart& chart, const Eigen::VectorXd& theta, const Eigen::VectorXd& truth) {
  std::vector<int> ranks(static_cast<std::size_t>(chart.num_experts()));
  std::iota(ranks.begin(), ranks.end(), 0);
  const Eigen::VectorXd wanted = reduced(chart, truth);
  double least = std::numeric_limits<double>::infinity();
  do {
    const Arrangement order = arranged(chart.spec(), [&](std::span<const int> a, std::span<const int> b) {
      const auto rank = [&](std::span<const int> atoms) {
        return ranks[static_cast<std::size_t>(
            *std::min_element(atoms.begin(), atoms.end(), [&](int i, int j) {
              return ranks[static_cast<std::size_t>(i)] < ranks[static_cast<std::size_t>(j)];
            }))];
      };
      return rank(a) < rank(b);
    });
    const Eigen::VectorXd moved = chart.rearranged(chart, theta, order);
    double sum = (reduced(chart, moved) - wanted).squaredNorm();
    for (int i = 0; i < chart.num_experts(); ++i) {
      const auto eta = moved.segment(chart.expert_offset(i), chart.num_expert_parameters());
      const auto eta_true = truth.segment(chart.expert_offset(i), chart.num_expert_parameters());
      sum += squared_distance(chart.spec(), eta, eta_true) - (eta - eta_true).squaredNorm();
    }
    least = std::min(least, sum);
  } while (std::next_permutation(ranks.begin(), ranks.end()));
  return std::sqrt(least / static_cast<double>(wanted.size()));
}

/// Root mean square of the standard errors of the reduced coordinates: from sigma^2 (J'J)^-1 at the truth, in
/// the directions that are free there.
double predicted_error(const TestProblem& test, const Eigen::VectorXd& truth) {
  const MixtureChart chart(test.truth.spec, kBound);
  const SampleBlocks samples = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, kBound, samples);
  NormalEquations equations;
  problem.linearise(truth, equations);
  const ActiveSet active(chart, truth, equations);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(active.reduced_gram());
  const double threshold = 1e-12 * solver.eigenvalues().maxCoeff();
  double sum = 0;
  Eigen::VectorXd direction;
  for (Eigen::Index j = 0; j < solver.eigenvalues().size(); ++j) {
    if (solver.eigenvalues()[j] > threshold) {
      active.expand_direction(solver.eigenvectors().col(j), direction);
      sum += reduced(chart, direction).squaredNorm() / solver.eigenvalues()[j];
    }
  }
  return kNoiseSd * std::sqrt(sum / static_cast<double>(chart.kernel_sources().size()));
}

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
  const int num_replicates = given == nullptr ? 20 : std::max(1, std::atoi(given));
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
    predictions.push_back(predicted_error(test, truth));
  }
  return {median(errors), median(predictions), static_cast<double>(num_found) / num_replicates};
}

void pass(benchmark::State& state, const std::string& gate, const std::string& expert) {
  static std::map<std::string, Recovery> recoveries;
  const MixtureSpec spec = spec_of(gate, expert);
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
    benchmark::DoNotOptimize(equations.rss);
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
