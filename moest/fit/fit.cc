#include "moest/fit/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "moest/base/build_info.h"
#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/base/parallel.h"
#include "moest/fit/active_set.h"
#include "moest/fit/advice.h"
#include "moest/fit/directions.h"
#include "moest/fit/inference.h"
#include "moest/fit/problem.h"
#include "moest/model/catalogue.h"
#include "moest/model/chart.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// The part of an expert's range that the scaled target fills: its extremes are reached at finite parameters.
constexpr double kUsedRange = 0.9;
/// Covariances of more parameters would make a model file too long: at this number it has two megabytes.
constexpr Eigen::Index kMostCovariances = 400;

std::span<const double> as_span(const Eigen::Ref<const Eigen::VectorXd>& column) {
  return {column.data(), static_cast<std::size_t>(column.size())};
}

/// Into the expert's range, unless an output weight stretches that; to mean 0 and variance 1 where it has no
/// end. Where the weights do not sum to one, an offset is no matter of the experts: there is none, unless
/// experts that only rise from 0 need it.
Affine target_scaling(const MixtureSpec& spec, const Eigen::Ref<const Eigen::VectorXd>& target) {
  const ExpertForm form = expert_form(spec.expert);
  const ExpertShape& shape = form.shape;
  const bool is_free = form.weight || !std::isfinite(shape.low);
  if (!weights_sum_to_one(spec.gate) && (is_free || shape.low < 0)) {
    const double largest = target.cwiseAbs().maxCoeff();
    return {0, largest > 0 ? largest / kUsedRange : 1};
  }
  Affine standard = standardisation(as_span(target));
  if (is_free) {
    return standard;
  }
  if (std::isfinite(shape.high)) {
    const double middle = 0.5 * (shape.low + shape.high);
    const double half = 0.5 * kUsedRange * (shape.high - shape.low);
    return range_scaling(as_span(target), middle - half, middle + half);
  }
  if (!form.offset) {
    standard.offset = target.minCoeff() - shape.low * standard.scale;
  }
  return standard;
}

std::optional<Scaling> choose_scaling(const MixtureSpec& spec, const Dataset& data, const FitOptions& options,
                                      const std::optional<Model>& start) {
  if (start) {
    return start->scaling;
  }
  if (!options.scaling) {
    return std::nullopt;
  }
  Scaling scaling;
  for (Eigen::Index j = 0; j < data.inputs.cols(); ++j) {
    scaling.inputs.push_back(standardisation(as_span(data.inputs.col(j))));
  }
  for (Eigen::Index target = 0; target < data.target.cols(); ++target) {
    scaling.targets.push_back(target_scaling(spec, data.target.col(target)));
  }
  return scaling;
}

void check_start(const MixtureSpec& spec, const Dataset& data, const Model& start) {
  const auto refuse = [](std::string_view what, const std::string& of_start, const std::string& of_fit) {
    throw InputError(fmt::format("the start cannot be used: its {} is {}", what, of_start),
                     fmt::format("the fit's is {}", of_fit), "Start from a model of the same kind and data.");
  };
  const MixtureSpec& given = start.spec;
  const auto without_convention = [](const MixtureSpec& of) {
    GateSpec gate = of.gate;
    gate.temperature.learned = learns_temperature(gate);
    gate.temperature.value = *gate.temperature.learned ? 1 : gate.temperature.value;
    gate.groups = {0, group_sizes(of)};
    return gate;
  };
  if (given.num_experts != spec.num_experts) {
    refuse("number of experts", std::to_string(given.num_experts), std::to_string(spec.num_experts));
  }
  if (!(without_convention(given) == without_convention(spec))) {
    refuse("gate", kind_json(gate_info(given.gate.kind), gate_options(), without_convention(given)).dump(),
           kind_json(gate_info(spec.gate.kind), gate_options(), without_convention(spec)).dump());
  }
  if (!(given.expert == spec.expert)) {
    refuse("expert", kind_json(expert_kind(given.expert.kind).info, expert_options(), given.expert).dump(),
           kind_json(expert_kind(spec.expert.kind).info, expert_options(), spec.expert).dump());
  }
  if (start.targets != data.target_names) {
    refuse("list of targets", listed(start.targets), listed(data.target_names));
  }
  if (start.inputs != data.input_names) {
    refuse("list of inputs", listed(start.inputs), listed(data.input_names));
  }
}

/// The samples as the kernel reads them, with what leads back to the targets' squared units.
struct ScaledSamples {
  SampleBlocks blocks;
  std::vector<double> to_rss;  // by target

  /// Of a fit by problem.
  std::vector<double> rss_by_target(Problem& problem, const LocalFit& fit) const {
    std::vector<double> sums =
        to_rss.size() == 1 ? std::vector<double>{fit.rss} : problem.residual_sums_of_squares(fit.theta);
    std::transform(sums.begin(), sums.end(), to_rss.begin(), sums.begin(), std::multiplies<>());
    return sums;
  }
};

ScaledSamples scale_samples(const MixtureChart& chart, const Dataset& data,
                            const std::optional<Scaling>& scaling) {
  ScaledSamples samples{chart.blocks(scaling ? scaled(data.inputs, scaling->inputs) : data.inputs), {}};
  for (int j = 0; j < chart.spec().num_outputs; ++j) {
    const Affine target = scaling ? scaling->targets[static_cast<std::size_t>(j)] : Affine{};
    samples.blocks.set_target((data.target.col(j).array() - target.offset) / target.scale, j);
    samples.to_rss.push_back(target.scale * target.scale);
    if (scaling && chart.spec().num_outputs > 1) {
      // Each target counts by its spread, whatever range its experts have.
      const double spread = target.scale / standardisation(as_span(data.target.col(j))).scale;
      samples.blocks.set_target_weight(j, spread * spread);
    }
  }
  return samples;
}

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
  const auto comes_first = [&](std::span<const int> a, std::span<const int> b) {
    const auto sum = [](const std::vector<double>& values, std::span<const int> atoms) {
      return std::accumulate(atoms.begin(), atoms.end(), 0.0, [&](double total, int atom) {
        return total + values[static_cast<std::size_t>(atom)];
      });
    };
    return along_input ? sum(location, a) * sum(weight, b) < sum(location, b) * sum(weight, a)
                       : sum(weight, a) > sum(weight, b);
  };
  const Arrangement order = arranged(chart.spec(), comes_first);
  shares.clear();
  for (const int atom : order.atoms) {
    shares.push_back(weight[static_cast<std::size_t>(atom)] / static_cast<double>(data.target.rows()));
  }
  return chart.rearranged(chart, theta, order);
}

void describe_optimum(Problem& problem, const Eigen::VectorXd& theta, FitSummary& summary) {
  NormalEquations equations;
  problem.linearise(theta, equations);
  const ActiveSet active(problem.chart(), theta, equations);
  summary.active_bounds = active.num_active_bounds();
  summary.num_identifiable_parameters = find_directions(active, theta.size()).rank();
  summary.rank_deficient = summary.num_identifiable_parameters < active.num_identifiable();
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
  const double degrees = n - summary.num_identifiable_parameters / num_targets;
  double deviance = 0;
  bool has_noise = true;  // no residual sum of squares is mere rounding
  for (Eigen::Index j = 0; j < data.target.cols(); ++j) {
    const double rss = summary.rss_by_target[static_cast<std::size_t>(j)];
    const auto target = data.target.col(j).array();
    summary.r_squared_by_target.push_back(1 - rss / (target - target.mean()).square().sum());
    summary.r_squared += summary.r_squared_by_target.back() / num_targets;
    if (degrees > 0) {
      summary.noise_variance.push_back(rss / degrees);
    }
    constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
    has_noise &= rss > 4 * kEpsilon * kEpsilon * target.square().sum();
    deviance += n * (std::log(2 * std::numbers::pi * rss / n) + 1);
  }
  if (has_noise) {
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

/// RSS of one expert alone by target, in its units; empty if its fit did not converge.
std::vector<double> single_expert_rss(MixtureSpec spec, const ScaledSamples& samples,
                                      const FitOptions& options, const FitControl& control) {
  spec = with_experts(spec, 1);
  spec.gate.top_k = 0;
  if (!weights_sum_to_one(spec.gate)) {
    spec.gate.kind = "softmax";  // the same features, and the weight of one expert alone is 1
  }
  FitOptions single = options;
  single.starts = 1;
  const FitControl silent{control.interrupt, {}};
  Monitor monitor(silent, options.max_seconds);
  const MultistartResult result = run_starts(spec, samples.blocks, std::nullopt, single, monitor);
  const LocalFit& only = result.starts.front().fit;
  if (only.status != FitStatus::converged) {
    return {};
  }
  Problem problem(spec, options.bound, samples.blocks);
  return samples.rss_by_target(problem, only);
}

// What the model file remembers; nothing here may depend on the machine's speed or the number of threads.
nlohmann::ordered_json record_of(const FitSummary& summary) {
  nlohmann::ordered_json options = options_json(fit_options(), summary.options);
  options.erase("threads");
  return {{"program", fmt::format("moest {}", build_info().version)},
          {"status", name_of(summary.status)},
          {"num_samples", summary.num_samples},
          {"rss", summary.rss},
          {"num_identifiable_parameters", summary.num_identifiable_parameters},
          {"agreeing_starts", summary.agreeing_starts},
          {"num_starts", summary.starts.size()},
          {"options", options}};
}

}  // namespace

int num_free_parameters(const MixtureSpec& spec) { return MixtureChart(spec, 1.0).num_free_parameters(); }

FitResult fit(MixtureSpec spec, const Dataset& data, const FitOptions& options, const FitControl& control,
              const std::optional<Model>& start) {
  MOEST_EXPECT(data.inputs.rows() == data.target.rows() && data.inputs.rows() > 0);
  check_options(options, fit_options());
  spec.num_inputs = static_cast<int>(data.inputs.cols());
  spec.num_outputs = static_cast<int>(data.target.cols());
  if (start) {
    check_start(spec, data, *start);
  }
  const MixtureChart chart(spec, options.bound);
  const std::optional<Scaling> scaling = choose_scaling(spec, data, options, start);
  check_inputs(spec, data.inputs, scaling);
  const ScaledSamples samples = scale_samples(chart, data, scaling);

  FitControl in_units = control;
  if (control.progress) {
    in_units.progress = [&](FitProgress progress) {
      if (samples.to_rss.size() > 1) {
        progress.best_rss.reset();  // a sum over scaled targets tells nobody anything
      } else if (progress.best_rss) {
        *progress.best_rss *= samples.to_rss.front();
      }
      control.progress(progress);
    };
  }
  Monitor monitor(in_units, options.max_seconds);
  const std::vector<double> single_rss = single_expert_rss(spec, samples, options, control);
  const std::optional<Eigen::VectorXd> given =
      start ? std::optional(MixtureChart(start->spec, options.bound).coordinates(start->measure()))
            : std::nullopt;
  const MultistartResult result = run_starts(spec, samples.blocks, given, options, monitor);
  if (result.best < 0) {
    throw InputError("no start could be evaluated", "the residual sum of squares is not finite anywhere",
                     "Look for huge values in the data or lower --bound.");
  }
  const LocalFit& best = result.starts[static_cast<std::size_t>(result.best)].fit;

  FitResult outcome;
  FitSummary& summary = outcome.summary;
  summary.options = options;
  summary.num_samples = data.target.rows();
  summary.num_parameters = chart.num_gates() * (1 + num_gate_parameters(spec)) +
                           chart.num_experts() * num_expert_parameters(spec) +
                           (learns_temperature(spec.gate) ? 1 : 0);
  summary.status = result.stopped.value_or(best.status);
  Problem problem(spec, options.bound, samples.blocks, resolve_threads(options.threads));
  summary.rss_by_target = samples.rss_by_target(problem, best);
  summary.rss = std::accumulate(summary.rss_by_target.begin(), summary.rss_by_target.end(), 0.0);
  const double to_rss =
      samples.to_rss.size() == 1 || best.rss == 0 ? samples.to_rss.front() : summary.rss / best.rss;
  for (const StartResult& row : result.starts) {
    if (row.fit.theta.size() > 0) {
      summary.starts.push_back({row.kind, row.fit.rss * to_rss, row.fit.iterations, row.fit.status});
    }
  }
  const Eigen::VectorXd theta = ordered(problem, best.theta, data, summary.expert_shares);
  describe_optimum(problem, theta, summary);
  if (spec.gate.top_k > 0 && spec.gate.top_k < spec.num_experts) {
    summary.samples_near_tie = count_near_ties(spec, options.bound, samples.blocks, theta);
  }
  add_statistics(data, summary);
  const double degrees = samples.blocks.num_residuals() - summary.num_identifiable_parameters;
  summary.agreeing_starts = count_agreeing(result.starts, best.rss, degrees > 0 ? best.rss / degrees : 0);
  summary.best_single_expert_rss_by_target = single_rss;
  if (!single_rss.empty()) {
    summary.best_single_expert_rss = std::accumulate(single_rss.begin(), single_rss.end(), 0.0);
  }
  summary.message = sentence_of(summary, best);
  summary.advice = advice_on(problem, theta, summary);

  Measure measure = chart.measure(theta);
  spec.gate = chart.gate_of(theta);
  spec.gate.groups = {0, group_sizes(spec)};
  outcome.model = {.spec = spec,
                   .inputs = data.input_names,
                   .targets = data.target_names,
                   .atoms = std::move(measure.atoms),
                   .noise_variance = summary.noise_variance,
                   .scaling = scaling,
                   .categories = data.categories,
                   .fit = record_of(summary),
                   .groups = std::move(measure.groups)};
  if (summary.status == FitStatus::converged) {
    const bool is_classical = options.covariance == "classical";
    Inference inference =
        infer(problem, theta, outcome.model,
              {is_classical ? CovarianceKind::classical : CovarianceKind::sandwich, options.confidence});
    summary.coefficients = std::move(inference.coefficients);
    const Eigen::Index size = inference.covariance.matrix.rows();
    if (size > 0 && size <= kMostCovariances) {
      outcome.model.covariance = std::move(inference.covariance);
    }
  }
  summary.seconds = monitor.seconds();
  return outcome;
}

}  // namespace moest
