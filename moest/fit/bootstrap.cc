#include "moest/fit/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/json_reader.h"
#include "moest/base/option_json.h"
#include "moest/base/parallel.h"
#include "moest/base/random.h"
#include "moest/base/result_store.h"
#include "moest/data/parts.h"
#include "moest/fit/alignment.h"
#include "moest/fit/fit.h"
#include "moest/fit/inference.h"
#include "moest/fit/problem.h"
#include "moest/fit/record.h"
#include "moest/fit/scaled_samples.h"
#include "moest/fit/search.h"
#include "moest/model/chart.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/model/student.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kRounding = 1e-6;
constexpr std::array<std::string_view, 3> kKinds{"pairs", "residual", "parametric"};

/// Draws data sets.
class Resampler {
 public:
  /// num_parameters: free ones, of all targets.
  Resampler(const Model& model, const Dataset& data, const std::string& kind, int num_parameters)
      : data_(data), kind_(kind) {
    if (kind_ == "pairs") {
      return;
    }
    mean_ = predict_mean(model, data.inputs, 1);
    spread_ = sample_weights(data).sqrt().inverse();
    if (kind_ == "parametric") {
      if (model.noise_variance.empty()) {
        throw InputError("the model has no noise variance", "the errors of a parametric bootstrap have it",
                         "Take --kind residual, or fit the model with more samples than parameters.");
      }
      noise_sd_ = Eigen::Map<const Eigen::ArrayXd>(model.noise_variance.data(),
                                                   static_cast<Eigen::Index>(model.noise_variance.size()))
                      .sqrt();
      return;
    }
    residuals_ = (data.target - mean_).array().colwise() / spread_;
    residuals_.rowwise() -= residuals_.colwise().mean().eval();
    const auto n = static_cast<double>(data.target.rows());
    const double degrees = n - num_parameters / static_cast<double>(data.target.cols());
    residuals_ *= degrees > 0 ? std::sqrt(n / degrees) : 1.0;
  }

  Dataset draw(Stream& stream) const {
    const auto n = static_cast<int>(data_.target.rows());
    if (kind_ == "pairs") {
      Indices samples(static_cast<std::size_t>(n));
      for (Eigen::Index& sample : samples) {
        sample = stream.below(n);
      }
      return subset(data_, samples);
    }
    Dataset drawn = data_;
    for (Eigen::Index i = 0; i < n; ++i) {
      for (Eigen::Index j = 0; j < mean_.cols() && kind_ == "parametric"; ++j) {
        drawn.target(i, j) = mean_(i, j) + spread_[i] * noise_sd_[j] * stream.normal();
      }
      if (kind_ == "residual") {
        drawn.target.row(i) = mean_.row(i) + spread_[i] * residuals_.row(stream.below(n)).matrix();
      }
    }
    return drawn;
  }

 private:
  const Dataset& data_;
  const std::string& kind_;
  Eigen::MatrixXd mean_;
  Eigen::ArrayXd spread_;      // 1 / sqrt(w)
  Eigen::ArrayXd noise_sd_;    // by target
  Eigen::ArrayXXd residuals_;  // n x targets, of a sample of weight 1
};

/// Whether a line of a journal has a refit: failed, or with as many numbers as there are coefficients.
bool is_whole(const Json& result, std::size_t num_coefficients) {
  if (!result.is_object() || !result.contains("status") || !result["status"].is_string()) {
    return false;
  }
  if (!result.contains("values")) {
    return result["status"] == name_of(FitStatus::failed);
  }
  return is_list_of_numbers(result["values"], num_coefficients) && result.contains("elsewhere") &&
         result["elsewhere"].is_boolean();
}

/// f itself, whatever it predicts.
Model without_target_ranges(Model model) {
  model.target_ranges.clear();
  return model;
}

/// One bootstrap on its way.
class Bootstrapping {
 public:
  Bootstrapping(const Model& model, const Dataset& data, const BootstrapOptions& options)
      : model_(without_target_ranges(model)),
        data_(data),
        options_(options),
        fit_options_(recorded_options(model)),
        equations_(parse_equations(fit_options_.fix)),
        chart_(model.spec, fit_options_.bound, equations_),
        samples_(chart_, data, model.scaling),
        theta_(chart_.coordinates(model.measure())),
        resampler_(model_, data, options_.kind, chart_.num_free_parameters()) {
    check_paths(chart_, equations_);
    check_record();
    fit_options_.threads = 1;
    fit_options_.ensemble = 1;
    fit_options_.max_seconds.reset();
  }

  Bootstrap run(Journal* journal, const FitControl& control,
                const std::function<void(int, int, double)>& progress) {
    const auto begin = std::chrono::steady_clock::now();
    const std::size_t num_coefficients = coefficients(model_).size();
    ResultStore store(journal, specification(), "bootstrap", [&](const Json& key, const Json& result) {
      return key.is_number() && is_whole(result, num_coefficients);
    });
    std::vector<int> left;
    for (int replicate = 0; replicate < options_.replicates; ++replicate) {
      if (store.find(replicate) == nullptr) {
        left.push_back(replicate);
      }
    }
    std::mutex mutex;
    int num_done = options_.replicates - static_cast<int>(left.size());
    const auto is_interrupted = [&] { return control.interrupt != nullptr && control.interrupt->load(); };
    parallel_for(options_.threads, static_cast<int>(left.size()), [&](int job) {
      const int replicate = left[static_cast<std::size_t>(job)];
      const std::optional<Json> result =
          is_interrupted() ? std::nullopt : refit(replicate, {control.interrupt, {}});
      if (!result) {
        return;
      }
      store.add(replicate, *result);
      const std::lock_guard lock(mutex);
      ++num_done;
      if (progress) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
        progress(num_done, options_.replicates, spent.count());
      }
    });
    Bootstrap result = summarised(store);
    result.status = is_interrupted() ? FitStatus::interrupted : FitStatus::converged;
    result.options = options_;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
  }

 private:
  /// Refuses data that the model was not fitted to, and fixed numbers that it does not have, as far as its
  /// record tells.
  void check_record() {
    const MixtureChart free(model_.spec, fit_options_.bound);
    const Eigen::VectorXd theta = free.coordinates(model_.measure());
    const double moved =
        (free.kernel_parameters(theta) - free.kernel_parameters(theta_)).cwiseAbs().maxCoeff();
    if (!equations_.empty() && moved > kRounding * (1 + theta.cwiseAbs().maxCoeff())) {
      throw InputError("the model does not have the numbers that its record says are fixed",
                       fmt::format("fit.options.fix is {}", listed(fit_options_.fix)),
                       "Correct the record, or fit the model again.");
    }
    const auto recorded = [&](const char* name) {
      return model_.fit && model_.fit->is_object() && model_.fit->contains(name) &&
                     (*model_.fit)[name].is_number()
                 ? std::optional((*model_.fit)[name].get<double>())
                 : std::nullopt;
    };
    Problem problem(model_.spec, fit_options_.bound, samples_.blocks(), 1, 0, equations_);
    double rss = 0;
    for (const double of_target : samples_.rss_by_target(problem, theta_)) {
      rss += of_target;
    }
    const std::optional<double> number = recorded("num_samples");
    const std::optional<double> recorded_rss = recorded("rss");
    const bool is_other_number = number && *number != static_cast<double>(data_.target.rows());
    // A fit without any error leaves rounding of the targets.
    const double rounding = kRounding * rss + 1e-20 * data_.target.squaredNorm();
    const bool is_other_rss = recorded_rss && !(std::abs(rss - *recorded_rss) <= rounding);
    if (is_other_number || is_other_rss) {
      throw InputError(
          "these are not the data that the model was fitted to",
          fmt::format("its record has {} samples and a residual sum of squares of {:.8g}, these have "
                      "{} and {:.8g}",
                      number.value_or(0), recorded_rss.value_or(0), data_.target.rows(), rss),
          "Give the same table, with the --weights-column and --drop-missing of the fit.");
    }
  }

  /// All that a replicate depends on.
  Json specification() const {
    Json fit = options_json(fit_options(), fit_options_);
    fit["starts"] = options_.starts;
    for (const char* free :
         {"threads", "seed", "confidence", "covariance", "ensemble", "clipping", "max_seconds"}) {
      fit.erase(free);
    }
    Json model = to_json(model_);
    model.erase("covariance");
    return {{"moest_bootstrap", 1},
            {"kind", options_.kind},
            {"seed", options_.seed},
            {"data", fingerprint(data_)},
            {"fit", fit},
            {"model", fingerprint(model.dump())}};
  }

  /// {"status", "elsewhere", "values"}; nothing if it was interrupted.
  std::optional<Json> refit(int replicate, const FitControl& control) const {
    Stream stream(options_.seed, static_cast<std::uint64_t>(replicate), "bootstrap");
    const Dataset drawn = resampler_.draw(stream);
    ScaledSamples samples(chart_, drawn, model_.scaling);
    Problem problem(model_.spec, fit_options_.bound, samples.blocks(), 1, fit_options_.ridge, equations_);
    FitOptions options = fit_options_;
    options.seed = stream();
    options.starts = 0;
    MultistartResult found = search(samples, problem, theta_, options, control);
    const Eigen::VectorXd near = found.best >= 0 ? found.starts.front().fit.theta : theta_;
    if (options_.starts > 0 && !found.stopped) {
      options.starts = options_.starts;
      found = search(samples, problem, near, options, control);
    }
    if (found.stopped) {
      return std::nullopt;
    }
    if (found.best < 0) {
      return Json{{"status", name_of(FitStatus::failed)}};
    }
    const StartResult& best = found.starts[static_cast<std::size_t>(found.best)];
    // By a noise variance, as starts that agree are counted.
    const double noise_variance = best.fit.objective / samples.blocks().num_residuals();
    const bool is_lower_elsewhere = best.fit.objective + noise_variance < problem.objective(near);
    Problem original(model_.spec, fit_options_.bound, samples_.blocks(), 1, 0, equations_);
    return Json{{"status", name_of(best.fit.status)},
                {"elsewhere", is_lower_elsewhere},
                {"values", values_at(aligned(original, best.fit.theta, theta_))}};
  }

  std::vector<double> values_at(const Eigen::VectorXd& theta) const {
    Model model = model_;
    chart_.set_parameters(theta, model);
    const Eigen::VectorXd values = coefficient_values(model);
    return {values.begin(), values.end()};
  }

  Bootstrap summarised(const ResultStore& store) const {
    Bootstrap result;
    std::vector<Coefficient> all = coefficients(model_);
    std::vector<std::vector<double>> rows;
    for (int replicate = 0; replicate < options_.replicates; ++replicate) {
      const Json* found = store.find(replicate);
      if (found == nullptr) {
        continue;
      }
      if (!found->contains("values")) {
        ++result.num_failed;
        continue;
      }
      result.num_not_converged += found->at("status") == name_of(FitStatus::converged) ? 0 : 1;
      result.num_elsewhere += found->at("elsewhere").get<bool>() ? 1 : 0;
      result.replicates.push_back(replicate);
      rows.push_back(found->at("values").get<std::vector<double>>());
    }
    result.estimates.resize(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(all.size()));
    for (Eigen::Index r = 0; r < result.estimates.rows(); ++r) {
      result.estimates.row(r) = Eigen::Map<const Eigen::RowVectorXd>(rows[static_cast<std::size_t>(r)].data(),
                                                                     result.estimates.cols());
    }
    const std::vector<std::string> reasons = reasons_against();
    for (std::size_t c = 0; c < all.size(); ++c) {
      result.rows.push_back(
          row_of(std::move(all[c]), result.estimates.col(static_cast<Eigen::Index>(c)), reasons[c]));
    }
    return result;
  }

  /// Why there can be no standard error of a coefficient: where the data do not determine it, a bound holds
  /// it, or it is given, its replicates say nothing of its truth. With a ridge all are determined.
  std::vector<std::string> reasons_against() const {
    Problem problem(model_.spec, fit_options_.bound, samples_.blocks(), 1, fit_options_.ridge, equations_);
    std::vector<std::string> reasons;
    InferenceOptions inference;
    const int num_parameters = chart_.num_free_parameters();
    if (model_.spec.num_experts > 1 && samples_.blocks().num_residuals() > num_parameters) {
      inference.redundancy = ExpertComparison(problem, theta_, num_parameters).redundancy();
    }
    for (const CoefficientEstimate& estimate : infer(problem, theta_, model_, inference).coefficients) {
      reasons.push_back(estimate.reason);
    }
    return reasons;
  }

  BootstrapRow row_of(Coefficient coefficient, const Eigen::VectorXd& values, std::string reason) const {
    BootstrapRow row{std::move(coefficient), {}, {}, {}, {}, std::move(reason)};
    if (values.size() < 2) {
      row.reason = "there are too few replicates";
    }
    if (!row.reason.empty()) {
      return row;
    }
    const auto number = static_cast<double>(values.size());
    row.standard_error = std::sqrt((values.array() - values.mean()).square().sum() / (number - 1));
    row.bias = values.mean() - row.coefficient.value;
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double tail = (1 - options_.confidence) / 2;
    row.low = quantile(sorted, tail);
    row.high = quantile(sorted, 1 - tail);
    return row;
  }

  /// Of order statistics at (r - 1/2) / n, linear between them (Hyndman and Fan 1996, definition 5).
  static double quantile(const std::vector<double>& sorted, double share) {
    const auto n = static_cast<double>(sorted.size());
    const double place = std::clamp(n * share - 0.5, 0.0, n - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
  }

  Model model_;
  const Dataset& data_;
  const BootstrapOptions& options_;
  FitOptions fit_options_;
  std::vector<Equation> equations_;
  MixtureChart chart_;
  ScaledSamples samples_;
  Eigen::VectorXd theta_;
  Resampler resampler_;
};

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::span<const Option<BootstrapOptions>> bootstrap_options() {
  using Options = BootstrapOptions;
  static const std::array kOptions{
      Option<Options>{"kind", &Options::kind, 0, 0, "",
                      "what is drawn again: rows, residuals around the fit, or normal errors", kKinds},
      Option<Options>{"replicates", &Options::replicates, 2, 1e6, "", "refits"},
      Option<Options>{"starts", &Options::starts, 0, 1e6, "",
                      "starts of each refit beside the model's own optimum, as in `moest fit`"},
      Option<Options>{"confidence", &Options::confidence, kLeastConfidence, kMostConfidence, "",
                      "of the intervals"},
      Option<Options>{"seed", &Options::seed, 0, 1.8446744073709552e19, "",
                      "same seed, same replicates, for any number of threads"},
      Option<Options>{"threads", &Options::threads, 0, 4096, "", "number of threads, 0 for all cores"},
  };
  return kOptions;
}

Bootstrap bootstrap(const Model& model, const Dataset& data, const BootstrapOptions& options,
                    Journal* journal, const FitControl& control,
                    const std::function<void(int, int, double)>& progress) {
  check_options(options, bootstrap_options());
  check(model);
  if (data.input_names != model.inputs || data.target_names != model.targets) {
    throw InputError("the data are not those of the model", "inputs or targets have other names",
                     "Give the table that the model was fitted to.");
  }
  return Bootstrapping(model, data, options).run(journal, control, progress);
}

Json to_json(const Bootstrap& bootstrap) {
  Json rows = Json::array();
  for (const BootstrapRow& row : bootstrap.rows) {
    rows.push_back({{"part", name_of(row.coefficient.part)},
                    {"number", row.coefficient.index + 1},
                    {"name", row.coefficient.name},
                    {"estimate", row.coefficient.value},
                    {"scaled", row.coefficient.is_scaled},
                    {"standard_error", optional_json(row.standard_error)},
                    {"bias", optional_json(row.bias)},
                    {"low", optional_json(row.low)},
                    {"high", optional_json(row.high)},
                    {"reason", row.reason.empty() ? Json(nullptr) : Json(row.reason)}});
  }
  return {{"status", name_of(bootstrap.status)},
          {"coefficients", rows},
          {"num_replicates", bootstrap.replicates.size()},
          {"num_not_converged", bootstrap.num_not_converged},
          {"num_failed", bootstrap.num_failed},
          {"num_elsewhere", bootstrap.num_elsewhere},
          {"options", options_json(bootstrap_options(), bootstrap.options)},
          {"seconds", bootstrap.seconds}};
}

}  // namespace moest
