#include "moest/fit/assessment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "moest/fit/active_set.h"
#include "moest/fit/advice.h"
#include "moest/fit/directions.h"
#include "moest/fit/robust.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

void describe_optimum(Problem& problem, const Eigen::VectorXd& theta, FitSummary& summary) {
  NormalEquations equations;
  problem.linearise(theta, equations);
  const ActiveSet active(problem.chart(), theta, equations);
  const Directions directions = find_directions(active, theta.size());
  summary.active_bounds = active.num_active_bounds();
  summary.num_identifiable_parameters = directions.rank();
  summary.rank_deficient = summary.num_identifiable_parameters < active.num_identifiable();
  summary.effective_parameters = directions.rank();
  if (problem.ridge().lambda() > 0) {
    const Eigen::MatrixXd& q = directions.determined;
    const Eigen::ArrayXd shrunk = q.cwiseProduct(problem.ridge().half_hessian() * q).colwise().sum();
    summary.effective_parameters -= (shrunk / directions.information.array()).sum();
  }
}

/// Samples beside a jump of f: K-th and (K + 1)-th largest score almost equal, by the weights over all
/// experts.
std::int64_t count_near_ties(MixtureSpec spec, double bound, const SampleBlocks& samples,
                             const Eigen::VectorXd& theta) {
  const auto kept = static_cast<std::size_t>(std::exchange(spec.gate.top_k, 0));
  Problem dense(spec, bound, samples);
  std::int64_t count = 0;
  std::vector<double> weights(static_cast<std::size_t>(spec.num_experts));
  for (int block = 0; block < samples.num_blocks(); ++block) {
    const BlockValues& values = dense.evaluate(theta, block);
    for (int s = 0; s < samples.block_samples(block); ++s) {
      std::transform(values.weights.begin(), values.weights.end(), weights.begin(),
                     [&](const double* run) { return run[s]; });
      std::sort(weights.rbegin(), weights.rend());
      count += weights[kept - 1] < std::exp(kTieMargin) * weights[kept] ? 1 : 0;
    }
  }
  return count;
}

void add_statistics(const Dataset& data, FitSummary& summary) {
  const auto n = static_cast<double>(summary.num_samples);
  const auto num_targets = static_cast<double>(data.target.cols());
  const double degrees = n - summary.effective_parameters / num_targets;
  Eigen::ArrayXd weights = data.weights;
  if (weights.size() == 0) {
    weights = Eigen::ArrayXd::Ones(data.target.rows());
  }
  double deviance = -num_targets * weights.log().sum();
  bool has_noise = true;  // no residual sum of squares is mere rounding
  for (Eigen::Index j = 0; j < data.target.cols(); ++j) {
    const double rss = summary.rss_by_target[static_cast<std::size_t>(j)];
    const auto target = data.target.col(j).array();
    const double mean = (weights * target).sum() / weights.sum();
    summary.r_squared_by_target.push_back(1 - rss / (weights * (target - mean).square()).sum());
    summary.r_squared += summary.r_squared_by_target.back() / num_targets;
    if (degrees > 0) {
      summary.noise_variance.push_back(rss / degrees);
    }
    constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
    has_noise &= rss > 4 * kEpsilon * kEpsilon * (weights * target.square()).sum();
    deviance += n * (std::log(2 * std::numbers::pi * rss / n) + 1);
  }
  if (has_noise && summary.options.ridge == 0) {
    const double num_parameters = summary.num_identifiable_parameters + num_targets;
    summary.aic = deviance + 2 * num_parameters;
    summary.bic = deviance + std::log(n) * num_parameters;
  }
}

std::string sentence_of(const FitSummary& summary, const LocalFit& best) {
  const auto num_starts = summary.starts.size();
  const auto num_abandoned =
      std::count_if(summary.starts.begin(), summary.starts.end(),
                    [](const StartRow& start) { return start.status == FitStatus::abandoned; });
  switch (summary.status) {
    case FitStatus::converged:
      return fmt::format(
          "the best start took {} iterations; {} of {} starts agree with it within one noise variance{}",
          best.iterations, summary.agreeing_starts, num_starts,
          num_abandoned > 0 ? fmt::format(", {} {} abandoned on the way", num_abandoned,
                                          num_abandoned == 1 ? "was" : "were")
                            : "");
    case FitStatus::iteration_limit:
      return fmt::format("the best start was still descending after {} iterations; raise --max-iterations",
                         best.iterations);
    case FitStatus::time_limit:
      return fmt::format(
          "the time of {} s was up; the best of {} starts so far is given; raise --max-seconds",
          summary.options.max_seconds.value_or(0), num_starts);
    case FitStatus::interrupted:
      return fmt::format("the best of {} starts so far is given", num_starts);
    case FitStatus::abandoned:  // never the best
    case FitStatus::failed:
      break;
  }
  return "no start had a finite residual sum of squares; look for huge values in the data or lower --bound";
}

/// How many numbers the atoms have, gauges included.
int count_parameters(const MixtureChart& chart) {
  const MixtureSpec& spec = chart.spec();
  return chart.num_gates() * (1 + num_gate_parameters(spec)) +
         chart.num_experts() * num_expert_parameters(spec) + (learns_temperature(spec.gate) ? 1 : 0);
}

/// What a robust loss says of the noise: by the residuals' own scale, not by their squares.
void replace_noise_variance(Problem& problem, const Eigen::VectorXd& theta, const ScaledSamples& samples,
                            FitSummary& summary) {
  summary.outliers = count_beyond_threshold(problem, theta);
  summary.aic.reset();
  summary.bic.reset();
  const std::vector<double> scales = residual_scales(problem, theta);
  for (std::size_t target = 0; target < summary.noise_variance.size(); ++target) {
    summary.noise_variance[target] = scales[target] * scales[target] * samples.to_rss()[target];
  }
}

}  // namespace

/// Moves the experts of theta into the order in which a reader meets them.
Eigen::VectorXd ordered(Problem& problem, const Eigen::VectorXd& theta, const Dataset& data,
                        std::vector<double>& shares) {
  const MixtureChart& chart = problem.chart();
  const auto k = static_cast<std::size_t>(chart.num_experts());
  std::vector<double> weight(k, 0.0);
  std::vector<double> location(k, 0.0);
  for (int block = 0; block < problem.samples().num_blocks(); ++block) {
    const BlockValues& values = problem.evaluate(theta, block);
    for (std::size_t i = 0; i < k; ++i) {
      for (int s = 0; s < problem.samples().block_samples(block); ++s) {
        weight[i] += values.weights[i][s];
        location[i] += values.weights[i][s] * data.inputs(Eigen::Index{block} * kBlockSize + s, 0);
      }
    }
  }
  const bool along_input = data.inputs.cols() == 1;
  const bool are_named = !chart.constraints().empty();
  const auto comes_first = [&](std::span<const int> a, std::span<const int> b) {
    const auto sum = [](const std::vector<double>& values, std::span<const int> atoms) {
      return std::accumulate(atoms.begin(), atoms.end(), 0.0, [&](double total, int atom) {
        return total + values[static_cast<std::size_t>(atom)];
      });
    };
    return are_named     ? a.front() < b.front()
           : along_input ? sum(location, a) * sum(weight, b) < sum(location, b) * sum(weight, a)
                         : sum(weight, a) > sum(weight, b);
  };
  const Arrangement order = arranged(chart.spec(), comes_first);
  shares.clear();
  for (const int atom : order.atoms) {
    shares.push_back(weight[static_cast<std::size_t>(atom)] / static_cast<double>(data.target.rows()));
  }
  return chart.rearranged(chart, theta, order);
}

double noise_variance(const Problem& problem, const LocalFit& best, const FitSummary& summary) {
  const double degrees = problem.samples().num_residuals() - summary.effective_parameters;
  return degrees > 0 ? best.objective / degrees : 0;
}

Eigen::VectorXd assess(const MultistartResult& result, const Dataset& data, const ScaledSamples& samples,
                       Problem& problem, const FitOptions& options, FitSummary& summary) {
  const LocalFit& best = result.starts[static_cast<std::size_t>(result.best)].fit;
  const MixtureSpec& spec = problem.chart().spec();
  summary.options = options;
  summary.num_samples = data.target.rows();
  summary.num_parameters = count_parameters(problem.chart());
  summary.status = result.stopped.value_or(best.status);
  summary.rss_by_target = samples.rss_by_target(problem, best.theta);
  summary.rss = std::accumulate(summary.rss_by_target.begin(), summary.rss_by_target.end(), 0.0);
  const double to_rss = samples.to_rss().size() == 1 || best.objective == 0 ? samples.to_rss().front()
                                                                            : summary.rss / best.objective;
  for (const StartResult& row : result.starts) {
    if (row.fit.theta.size() > 0) {
      summary.starts.push_back({row.kind, row.fit.objective * to_rss, row.fit.iterations, row.fit.status});
    }
  }
  Eigen::VectorXd theta = ordered(problem, best.theta, data, summary.expert_shares);
  describe_optimum(problem, theta, summary);
  if (spec.gate.top_k > 0 && spec.gate.top_k < spec.num_experts) {
    summary.samples_near_tie = count_near_ties(spec, options.bound, samples.blocks(), theta);
  }
  add_statistics(data, summary);
  summary.agreeing_starts =
      count_agreeing(result.starts, best.objective, noise_variance(problem, best, summary));
  if (options.loss != "squared") {
    replace_noise_variance(problem, theta, samples, summary);
  }
  summary.residuals = diagnose_residuals(problem, theta);
  for (ResidualDiagnostics& of_target : summary.residuals) {
    const auto sample = static_cast<std::size_t>(of_target.largest_row);
    of_target.largest_row =
        data.rows.empty() ? of_target.largest_row : static_cast<std::int64_t>(data.rows[sample]);
  }
  summary.message = sentence_of(summary, best);
  if (spec.num_experts > 1 && !summary.noise_variance.empty() && summary.rss > 0) {
    const ExpertComparison comparison(problem, theta, summary.num_identifiable_parameters);
    summary.redundancy = comparison.redundancy();
    summary.advice = advice_on(comparison, spec, summary);
  }
  return theta;
}

}  // namespace moest
