#include "moest/fit/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
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
#include "moest/fit/robust.h"
#include "moest/fit/scaled_samples.h"
#include "moest/model/catalogue.h"
#include "moest/model/chart.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// The least scale of residuals of a robust loss, in scaled units: data that are fitted without any error
/// have none.
constexpr double kLeastScale = 1e-9;
/// Covariances of more parameters would make a model file too long: at this number it has two megabytes.
constexpr Eigen::Index kMostCovariances = 400;

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
  single.ensemble = 1;
  const FitControl silent{control.interrupt, {}};
  Monitor monitor(silent, options.max_seconds);
  const MultistartResult result = run_starts(spec, samples.blocks(), std::nullopt, single, monitor);
  const LocalFit& only = result.starts.front().fit;
  if (only.status != FitStatus::converged) {
    return {};
  }
  Problem problem(spec, options.bound, samples.blocks());
  return samples.rss_by_target(problem, only.theta);
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

/// Which starts make the ensemble: the best, then whatever is lower than all others and differs from those
/// before it by more than a hundredth of a noise variance.
std::vector<int> distinct_optima(const MultistartResult& result, int number, double noise_variance) {
  constexpr double kDifference = 0.01;
  const auto fit_of = [&](int index) -> const LocalFit& {
    return result.starts[static_cast<std::size_t>(index)].fit;
  };
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(result.starts.size()); ++i) {
    if (fit_of(i).theta.size() > 0 && fit_of(i).status != FitStatus::failed) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return fit_of(a).objective < fit_of(b).objective; });
  std::vector<int> chosen;
  for (const int index : order) {
    const bool is_new = chosen.empty() || fit_of(index).objective - fit_of(chosen.back()).objective >
                                              kDifference * noise_variance;
    if (is_new && static_cast<int>(chosen.size()) < number) {
      chosen.push_back(index);
    }
  }
  return chosen;
}

/// One data set on its way to a model.
class Estimation {
 public:
  Estimation(MixtureSpec spec, const Dataset& data, const FitOptions& options,
             const std::optional<Model>& start)
      : spec_(std::move(spec)),
        data_(data),
        options_(options),
        start_(start),
        chart_(spec_, options.bound),
        scaling_(start             ? start->scaling
                 : options.scaling ? std::optional(choose_scaling(spec_, data))
                                   : std::nullopt),
        samples_(chart_, data, scaling_),
        problem_(spec_, options.bound, samples_.blocks(), resolve_threads(options.threads), options.ridge) {
    check_inputs(spec_, data.inputs, scaling_);
  }

  FitResult run(const FitControl& control) {
    const FitControl in_units = with_units(control);
    const auto begin = std::chrono::steady_clock::now();
    FitResult outcome;
    FitSummary& summary = outcome.summary;
    const std::vector<double> single_rss = single_expert_rss(spec_, samples_, options_, control);
    summary.best_single_expert_rss_by_target = single_rss;
    if (!single_rss.empty()) {
      summary.best_single_expert_rss = std::accumulate(single_rss.begin(), single_rss.end(), 0.0);
    }
    const std::optional<Eigen::VectorXd> given =
        start_ ? std::optional(MixtureChart(start_->spec, options_.bound).coordinates(start_->measure()))
               : std::nullopt;
    const MultistartResult result = search(given, in_units);
    if (result.best < 0) {
      throw InputError("no start could be evaluated", "the residual sum of squares is not finite anywhere",
                       "Look for huge values in the data or lower --bound.");
    }
    const Eigen::VectorXd theta = summarise(result, summary);
    outcome.model = model_at(theta, summary);
    if (summary.status == FitStatus::converged) {
      add_inference(theta, outcome);
    }
    add_members(result, outcome);
    summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return outcome;
  }

 private:
  bool is_robust() const { return options_.loss != "squared"; }
  void set_losses(const std::vector<double>& scales) {
    for (std::size_t target = 0; target < scales.size(); ++target) {
      samples_.set_loss(static_cast<int>(target), loss_of(options_.loss, scales[target]));
    }
  }

  /// All starts; of a robust loss first with the scale of the targets themselves, and then with that of the
  /// residuals of the best optimum so far, until it is the best again.
  MultistartResult search(const std::optional<Eigen::VectorXd>& given, const FitControl& control) {
    const auto begin = std::chrono::steady_clock::now();
    const auto run = [&](const std::optional<Eigen::VectorXd>& start) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
      std::optional<double> left = options_.max_seconds;
      if (left) {
        left = std::max(1e-3, *left - spent.count());
      }
      Monitor monitor(control, left);
      return run_starts(spec_, samples_.blocks(), start, options_, monitor);
    };
    if (!is_robust()) {
      return run(given);
    }
    set_losses(target_scales());
    MultistartResult result = run(given);
    constexpr int kMostRounds = 3;
    for (int round = 0; round < kMostRounds && result.best >= 0 && !result.stopped; ++round) {
      const Eigen::VectorXd settled =
          settle(result.starts[static_cast<std::size_t>(result.best)].fit.theta, control);
      result = run(settled);
      if (result.best == 0) {  // the given one
        break;
      }
    }
    return result;
  }

  std::vector<double> target_scales() const {
    std::vector<double> scales;
    for (int target = 0; target < samples_.blocks().num_targets(); ++target) {
      std::vector<double> values;
      for (int block = 0; block < samples_.blocks().num_blocks(); ++block) {
        const double* run = samples_.blocks().target(block, target);
        values.insert(values.end(), run, run + samples_.blocks().block_samples(block));
      }
      scales.push_back(std::max(kLeastScale, median_scale(values, median(values))));
    }
    return scales;
  }

  /// The optimum near theta whose loss has the scale of its own residuals.
  Eigen::VectorXd settle(Eigen::VectorXd theta, const FitControl& control) {
    constexpr int kMostRounds = 50;
    constexpr double kRelativeChange = 1e-6;
    const FitControl silent{control.interrupt, {}};
    Monitor monitor(silent, options_.max_seconds);
    std::vector<double> scales;
    for (int round = 0; round < kMostRounds && !monitor.exhausted(); ++round) {
      const std::vector<double> before = std::exchange(scales, residual_scales(problem_, theta));
      bool is_settled = !before.empty();
      for (std::size_t target = 0; target < scales.size(); ++target) {
        scales[target] = std::max(kLeastScale, scales[target]);
        is_settled =
            is_settled && std::abs(scales[target] - before[target]) <= kRelativeChange * scales[target];
      }
      set_losses(scales);
      if (is_settled) {
        break;
      }
      theta = minimise(problem_, theta, {options_.tolerance, options_.max_iterations, options_.acceleration},
                       monitor)
                  .theta;
    }
    return theta;
  }

  FitControl with_units(const FitControl& control) const {
    FitControl in_units = control;
    if (control.progress) {
      in_units.progress = [this, &control](FitProgress progress) {
        if (samples_.to_rss().size() > 1) {
          progress.best_rss.reset();  // a sum over scaled targets tells nobody anything
        } else if (progress.best_rss) {
          *progress.best_rss *= samples_.to_rss().front();
        }
        control.progress(progress);
      };
    }
    return in_units;
  }

  /// All that is said of the optimum and of the way to it; the optimum, its experts in order.
  Eigen::VectorXd summarise(const MultistartResult& result, FitSummary& summary) {
    const LocalFit& best = result.starts[static_cast<std::size_t>(result.best)].fit;
    summary.options = options_;
    summary.num_samples = data_.target.rows();
    summary.num_parameters = chart_.num_gates() * (1 + num_gate_parameters(spec_)) +
                             chart_.num_experts() * num_expert_parameters(spec_) +
                             (learns_temperature(spec_.gate) ? 1 : 0);
    summary.status = result.stopped.value_or(best.status);
    summary.rss_by_target = samples_.rss_by_target(problem_, best.theta);
    summary.rss = std::accumulate(summary.rss_by_target.begin(), summary.rss_by_target.end(), 0.0);
    const double to_rss = samples_.to_rss().size() == 1 || best.objective == 0 ? samples_.to_rss().front()
                                                                               : summary.rss / best.objective;
    for (const StartResult& row : result.starts) {
      if (row.fit.theta.size() > 0) {
        summary.starts.push_back({row.kind, row.fit.objective * to_rss, row.fit.iterations, row.fit.status});
      }
    }
    Eigen::VectorXd theta = ordered(problem_, best.theta, data_, summary.expert_shares);
    describe_optimum(problem_, theta, summary);
    if (spec_.gate.top_k > 0 && spec_.gate.top_k < spec_.num_experts) {
      summary.samples_near_tie = count_near_ties(spec_, options_.bound, samples_.blocks(), theta);
    }
    add_statistics(data_, summary);
    summary.agreeing_starts = count_agreeing(result.starts, best.objective, noise_variance(best, summary));
    if (is_robust()) {
      summary.outliers = count_beyond_threshold(problem_, theta);
      summary.aic.reset();
      summary.bic.reset();
      for (std::size_t target = 0; target < summary.noise_variance.size(); ++target) {
        const double scale = residual_scales(problem_, theta)[target];
        summary.noise_variance[target] = scale * scale * samples_.to_rss()[target];
      }
    }
    summary.message = sentence_of(summary, best);
    summary.advice = advice_on(problem_, theta, summary);
    return theta;
  }

  /// In scaled units, of all targets.
  double noise_variance(const LocalFit& best, const FitSummary& summary) const {
    const double degrees = samples_.blocks().num_residuals() - summary.effective_parameters;
    return degrees > 0 ? best.objective / degrees : 0;
  }

  Model model_at(const Eigen::VectorXd& theta, const FitSummary& summary) const {
    Measure measure = chart_.measure(theta);
    MixtureSpec spec = spec_;
    spec.gate = chart_.gate_of(theta);
    spec.gate.groups = {0, group_sizes(spec)};
    return {.spec = spec,
            .inputs = data_.input_names,
            .targets = data_.target_names,
            .atoms = std::move(measure.atoms),
            .noise_variance = summary.noise_variance,
            .scaling = scaling_,
            .categories = data_.categories,
            .fit = record_of(summary),
            .groups = std::move(measure.groups)};
  }

  void add_inference(const Eigen::VectorXd& theta, FitResult& outcome) {
    FitSummary& summary = outcome.summary;
    if (options_.ridge > 0) {
      for (Coefficient& coefficient : coefficients(outcome.model)) {
        summary.coefficients.push_back({std::move(coefficient), {}, {}, {}, "drawn towards 0 by the ridge"});
      }
      return;
    }
    const bool is_classical = options_.covariance == "classical";
    Inference inference =
        infer(problem_, theta, outcome.model,
              {is_classical ? CovarianceKind::classical : CovarianceKind::sandwich, options_.confidence});
    summary.coefficients = std::move(inference.coefficients);
    const Eigen::Index size = inference.covariance.matrix.rows();
    if (size > 0 && size <= kMostCovariances) {
      outcome.model.covariance = std::move(inference.covariance);
    }
  }

  void add_members(const MultistartResult& result, FitResult& outcome) {
    const LocalFit& best = result.starts[static_cast<std::size_t>(result.best)].fit;
    outcome.ensemble.members = {outcome.model};
    const std::vector<int> optima =
        distinct_optima(result, options_.ensemble, noise_variance(best, outcome.summary));
    for (const int index : optima) {
      if (index != result.best) {
        std::vector<double> shares;
        const LocalFit& other = result.starts[static_cast<std::size_t>(index)].fit;
        Model member = model_at(ordered(problem_, other.theta, data_, shares), outcome.summary);
        member.fit.reset();
        outcome.ensemble.members.push_back(std::move(member));
      }
    }
    outcome.summary.num_members = static_cast<int>(outcome.ensemble.members.size());
  }

  MixtureSpec spec_;
  const Dataset& data_;
  const FitOptions& options_;
  const std::optional<Model>& start_;
  MixtureChart chart_;
  std::optional<Scaling> scaling_;
  ScaledSamples samples_;
  Problem problem_;
};

}  // namespace

int num_free_parameters(const MixtureSpec& spec) { return MixtureChart(spec, 1.0).num_free_parameters(); }

FitResult fit(MixtureSpec spec, const Dataset& data, const FitOptions& options, const FitControl& control,
              const std::optional<Model>& start) {
  MOEST_EXPECT(data.inputs.rows() == data.target.rows() && data.inputs.rows() > 0);
  check_options(options, fit_options());
  if (options.loss != "squared" && options.covariance == "classical") {
    throw InputError(fmt::format("covariance classical cannot be had with the loss {}", options.loss),
                     "it is that of least squares",
                     "Leave it out: the sandwich covariance is right for both.");
  }
  spec.num_inputs = static_cast<int>(data.inputs.cols());
  spec.num_outputs = static_cast<int>(data.target.cols());
  if (start) {
    check_start(spec, data, *start);
  }
  return Estimation(std::move(spec), data, options, start).run(control);
}

}  // namespace moest
