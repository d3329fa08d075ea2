#include "moest/selection/selection.h"

#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/fit/record.h"
#include "moest/selection/contest.h"
#include "moest/selection/errors.h"
#include "moest/selection/folds.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

/// Starts of each fit of the cross-validation.
constexpr int kStartsInFolds = 16;

/// The row with the least of a number; -1 if no row has it.
template <class NumberOf>
int row_of_least(const std::vector<SelectionRow>& rows, const NumberOf& number_of) {
  int best = -1;
  std::optional<double> least;
  for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
    const std::optional<double> number = number_of(rows[static_cast<std::size_t>(i)]);
    if (number && (!least || *number < *least)) {
      best = i;
      least = number;
    }
  }
  return best;
}

/// Of errors by fold, for K experts, K - 1, .., 1: the fewest within one standard error of the best.
int by_one_standard_error(const std::vector<Eigen::ArrayXd>& errors) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < errors.size(); ++i) {
    best = errors[i].mean() <= errors[best].mean() ? i : best;
  }
  for (std::size_t i = errors.size(); i-- > best;) {
    const Eigen::ArrayXd difference = errors[i] - errors[best];
    if (difference.mean() <= standard_error_of_mean(difference)) {
      return static_cast<int>(i);
    }
  }
  return static_cast<int>(best);
}

class Selecting {
 public:
  Selecting(const Dataset& data, const SelectionOptions& options, const FitControl& control,
            const std::function<void(int, int, double)>& progress)
      : data_(data), options_(options), control_(control), progress_(progress) {
    fit_options_.starts = options.starts;
    fit_options_.seed = options.seed;
    fit_options_.threads = options.threads;
  }

  Selection run(const Model& model) {
    std::vector<DendrogramLevel> levels = dendrogram(model, data_);
    const auto num_levels = static_cast<int>(levels.size());
    num_planned_ = num_levels * (1 + options_.folds);
    for (DendrogramLevel& level : levels) {
      if (is_interrupted()) {
        break;
      }
      const FitControl silent{control_.interrupt, {}};
      FitResult fit = moest::fit(level.model.spec, data_, fit_options_, silent, level.model);
      result_.rows.push_back({std::move(level), std::move(fit), {}, {}, {}});
      add_criterion(result_.rows.back());
      report(static_cast<int>(result_.rows.size()));
    }
    choose();
    if (options_.folds > 0 && !is_interrupted()) {
      cross_validate();
    }
    if (is_interrupted()) {
      result_.status = FitStatus::interrupted;
    }
    result_.seconds = seconds();
    return std::move(result_);
  }

 private:
  bool is_interrupted() const { return control_.interrupt != nullptr && control_.interrupt->load(); }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  void report(int done) const {
    if (progress_) {
      progress_(done, num_planned_, seconds());
    }
  }

  static void add_criterion(SelectionRow& row) {
    const FitSummary& summary = row.fit.summary;
    if (!row.level.merge || !summary.bic) {
      return;
    }
    const auto n = static_cast<double>(summary.num_samples);
    double log_likelihood = 0;
    for (const double rss : summary.rss_by_target) {
      log_likelihood -= 0.5 * std::log(rss / n);
    }
    row.dendrogram_criterion = -(row.level.merge->height + std::log(n) * log_likelihood);
  }

  void choose() {
    result_.by_bic = row_of_least(result_.rows, [](const SelectionRow& row) { return row.fit.summary.bic; });
    result_.by_aic = row_of_least(result_.rows, [](const SelectionRow& row) { return row.fit.summary.aic; });
    result_.by_dendrogram =
        row_of_least(result_.rows, [](const SelectionRow& row) { return row.dendrogram_criterion; });
  }

  void cross_validate() {
    std::vector<Contender> contenders;
    contenders.reserve(result_.rows.size());
    for (const SelectionRow& row : result_.rows) {
      contenders.push_back({row.level.model.spec, 0});
    }
    const std::vector<Indices> folds = deal_folds(data_.inputs, options_.folds, options_.seed);
    const auto num_levels = static_cast<int>(result_.rows.size());
    FitOptions in_folds = fit_options_;
    in_folds.starts = options_.starts.value_or(kStartsInFolds);
    const std::vector<ContestRow> rows =
        run_contest(contenders, data_, folds, {1, in_folds, false}, nullptr, control_,
                    [&](const ContestProgress& state) { report(num_levels + state.num_done); });
    if (is_interrupted()) {
      return;
    }
    std::vector<Eigen::ArrayXd> errors;
    errors.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      errors.push_back(rows[i].errors());
      const double rmse = std::sqrt(errors.back().mean());
      result_.rows[i].cv_rmse = rmse;
      result_.rows[i].cv_rmse_se = rmse > 0 ? standard_error_of_mean(errors.back()) / (2 * rmse) : 0;
    }
    result_.by_cross_validation = by_one_standard_error(errors);
  }

  const Dataset& data_;
  const SelectionOptions& options_;
  const FitControl& control_;
  const std::function<void(int, int, double)>& progress_;
  FitOptions fit_options_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  int num_planned_ = 0;
  Selection result_;
};

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json row_json(const SelectionRow& row) {
  const FitSummary& summary = row.fit.summary;
  const std::optional<Merge>& merge = row.level.merge;
  return {{"experts", row.level.model.spec.num_experts},
          {"rss", summary.rss},
          {"num_identifiable_parameters", summary.num_identifiable_parameters},
          {"aic", optional_json(summary.aic)},
          {"bic", optional_json(summary.bic)},
          {"height", merge ? Json(merge->height) : Json(nullptr)},
          {"merges", merge ? Json{merge->first + 1, merge->second + 1} : Json(nullptr)},
          {"dendrogram_criterion", optional_json(row.dendrogram_criterion)},
          {"cv_rmse", optional_json(row.cv_rmse)},
          {"cv_rmse_se", optional_json(row.cv_rmse_se)}};
}

}  // namespace

std::span<const Option<SelectionOptions>> selection_options() {
  using Options = SelectionOptions;
  static const std::array kOptions{
      Option<Options>{
          "starts", &Options::starts, 0, 1e6, "",
          "starts for each number of experts, beside that from the merged atoms; by default as many "
          "as a fit takes, and 16 in the folds of the cross-validation"},
      Option<Options>{"folds", &Options::folds, 0, 1e6, "", "folds of the cross-validation; 0 for none"},
      Option<Options>{"seed", &Options::seed, 0, 1.8446744073709552e19, "",
                      "same seed, same result, for any number of threads"},
      Option<Options>{"threads", &Options::threads, 0, 4096, "", "number of threads, 0 for all cores"},
  };
  return kOptions;
}

Selection select(const Model& model, const Dataset& data, const SelectionOptions& options,
                 const FitControl& control, const std::function<void(int, int, double)>& progress) {
  check_options(options, selection_options());
  if (!recorded_options(model).fix.empty()) {
    throw InputError("the model has numbers that --fix holds",
                     "mixtures of fewer experts would not have them", "Fit it without --fix.");
  }
  check_range("folds", options.folds == 1 ? 1 : 2, 2, 1e6);  // one fold is none
  return Selecting(data, options, control, progress).run(model);
}

Json to_json(const Selection& selection) {
  Json rows = Json::array();
  for (const SelectionRow& row : selection.rows) {
    rows.push_back(row_json(row));
  }
  const auto experts = [&](int index) {
    return index < 0 ? Json(nullptr)
                     : Json(selection.rows[static_cast<std::size_t>(index)].level.model.spec.num_experts);
  };
  return {{"status", name_of(selection.status)},
          {"rows", rows},
          {"experts_by_bic", experts(selection.by_bic)},
          {"experts_by_aic", experts(selection.by_aic)},
          {"experts_by_dendrogram", experts(selection.by_dendrogram)},
          {"experts_by_cross_validation", experts(selection.by_cross_validation)},
          {"seconds", selection.seconds}};
}

}  // namespace moest
