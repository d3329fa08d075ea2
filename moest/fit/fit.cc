#include "moest/fit/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/base/parallel.h"
#include "moest/fit/active_set.h"
#include "moest/fit/assessment.h"
#include "moest/fit/inference.h"
#include "moest/fit/problem.h"
#include "moest/fit/record.h"
#include "moest/fit/scaled_samples.h"
#include "moest/fit/search.h"
#include "moest/model/catalogue.h"
#include "moest/model/chart.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

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
  single.fix.clear();
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
        equations_(parse_equations(options.fix)),
        chart_(spec_, options.bound, equations_),
        scaling_(start             ? start->scaling
                 : options.scaling ? std::optional(choose_scaling(spec_, data))
                                   : std::nullopt),
        samples_(chart_, data, scaling_),
        problem_(spec_, options.bound, samples_.blocks(), resolve_threads(options.threads), options.ridge,
                 equations_) {
    check_inputs(spec_, data.inputs, scaling_);
    check_paths(chart_, equations_);
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
    const MultistartResult result = run_search(in_units);
    const Eigen::VectorXd theta = assess(result, data_, samples_, problem_, options_, summary);
    outcome.model = model_at(theta);
    outcome.model.noise_variance = summary.noise_variance;
    outcome.model.fit = record_of(summary);
    if (summary.status == FitStatus::converged) {
      add_inference(theta, outcome);
    }
    add_members(result, outcome);
    summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return outcome;
  }

  Optimum optimum(const FitControl& control) {
    const MultistartResult result = run_search(with_units(control));
    const LocalFit& best = result.starts[static_cast<std::size_t>(result.best)].fit;
    Optimum found;
    found.status = result.stopped.value_or(best.status);
    const std::vector<double> rss = samples_.rss_by_target(problem_, best.theta);
    found.rss = std::accumulate(rss.begin(), rss.end(), 0.0);
    const double degrees = problem_.samples().num_residuals() - chart_.num_free_parameters();
    found.agreeing_starts =
        count_agreeing(result.starts, best.objective, degrees > 0 ? best.objective / degrees : 0);
    for (const StartResult& start : result.starts) {
      found.num_starts += start.fit.theta.size() > 0 ? 1 : 0;
      found.iterations += start.fit.iterations;
    }
    NormalEquations equations;
    problem_.linearise(best.theta, equations);
    found.active_bounds = ActiveSet(problem_.chart(), best.theta, equations).num_active_bounds();
    std::vector<double> shares;
    found.model = model_at(ordered(problem_, best.theta, data_, shares));
    return found;
  }

 private:
  MultistartResult run_search(const FitControl& control) {
    std::optional<Eigen::VectorXd> given;
    if (start_) {
      given = MixtureChart(start_->spec, options_.bound).coordinates(start_->measure());
      chart_.make_feasible(*given);
    }
    MultistartResult result = search(samples_, problem_, given, options_, control);
    if (result.best < 0) {
      throw InputError("no start could be evaluated", "the residual sum of squares is not finite anywhere",
                       "Look for huge values in the data or lower --bound.");
    }
    return result;
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

  Model model_at(const Eigen::VectorXd& theta) const {
    Model model{.spec = spec_,
                .inputs = data_.input_names,
                .targets = data_.target_names,
                .atoms = {},
                .noise_variance = {},
                .scaling = scaling_,
                .categories = data_.categories,
                .fit = {}};
    chart_.set_parameters(theta, model);
    model.spec.gate.groups = {0, group_sizes(spec_)};
    for (Eigen::Index j = 0; options_.clipping && j < data_.target.cols(); ++j) {
      model.target_ranges.push_back({data_.target.col(j).minCoeff(), data_.target.col(j).maxCoeff()});
    }
    return model;
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
    Inference inference = infer(problem_, theta, outcome.model,
                                {is_classical ? CovarianceKind::classical : CovarianceKind::sandwich,
                                 options_.confidence, summary.redundancy});
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
        distinct_optima(result, options_.ensemble, noise_variance(problem_, best, outcome.summary));
    for (const int index : optima) {
      if (index != result.best) {
        std::vector<double> shares;
        const LocalFit& other = result.starts[static_cast<std::size_t>(index)].fit;
        Model member = model_at(ordered(problem_, other.theta, data_, shares));
        member.noise_variance = outcome.summary.noise_variance;
        outcome.ensemble.members.push_back(std::move(member));
      }
    }
    outcome.summary.num_members = static_cast<int>(outcome.ensemble.members.size());
  }

  MixtureSpec spec_;
  const Dataset& data_;
  const FitOptions& options_;
  const std::optional<Model>& start_;
  std::vector<Equation> equations_;
  MixtureChart chart_;
  std::optional<Scaling> scaling_;
  ScaledSamples samples_;
  Problem problem_;
};

/// Throws InputError for what fit() refuses; sets what the data say.
void prepare(MixtureSpec& spec, const Dataset& data, const FitOptions& options,
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
}

}  // namespace

int num_free_parameters(const MixtureSpec& spec, std::span<const std::string> fix) {
  const std::vector<Equation> equations = parse_equations(fix);
  const MixtureChart chart(spec, FitOptions{}.bound, equations);
  check_paths(chart, equations);
  return chart.num_free_parameters();
}

FitResult fit(MixtureSpec spec, const Dataset& data, const FitOptions& options, const FitControl& control,
              const std::optional<Model>& start) {
  prepare(spec, data, options, start);
  return Estimation(std::move(spec), data, options, start).run(control);
}

Optimum find_optimum(MixtureSpec spec, const Dataset& data, const FitOptions& options,
                     const FitControl& control, const std::optional<Model>& start) {
  prepare(spec, data, options, start);
  return Estimation(std::move(spec), data, options, start).optimum(control);
}

}  // namespace moest
