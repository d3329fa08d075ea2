#include "moest/selection/comparison.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/model/predict.h"
#include "moest/selection/baselines.h"
#include "moest/selection/blend.h"
#include "moest/selection/held_out.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kNeighbours = 5;

/// In the order of the grid: those of one row of the table, which differ in their ridge, follow each other.
std::vector<Contender> contenders_of(const Grid& grid, const Dataset& train) {
  constexpr double kMostParameters = 0.2;  // per number that is learned from, without a ridge
  std::vector<Contender> contenders;
  for (const GateSpec& gate : grid.gates) {
    for (const ExpertSpec& expert : grid.experts) {
      for (const int number : grid.num_experts) {
        const MixtureSpec spec{gate, expert, static_cast<int>(train.inputs.cols()), number,
                               static_cast<int>(train.target.cols())};
        check(spec);
        const bool is_large =
            num_free_parameters(spec) > kMostParameters * static_cast<double>(train.target.size());
        for (const double ridge : grid.ridges) {
          check_range("ridge", ridge, 0, 1e9);
          if (ridge > 0 || !is_large || grid.ridges.size() == 1) {
            contenders.push_back({spec, ridge});
          }
        }
      }
    }
  }
  if (contenders.empty()) {
    throw InputError("there is nothing to compare", "a list of gates, experts, numbers or ridges is empty",
                     "Name at least one of each.");
  }
  return contenders;
}

/// Of a fit in a fold.
FitOptions fit_options_of(const ComparisonOptions& options) {
  FitOptions fit;
  fit.starts = options.starts;
  fit.ensemble = std::min(options.ensemble, *options.starts);
  fit.tolerance = *options.tolerance;
  fit.max_iterations = options.max_iterations;
  fit.clipping = options.clipping;
  fit.seed = options.seed;
  fit.threads = options.threads;
  return fit;
}

/// One comparison on its way.
class Comparing {
 public:
  Comparing(const Grid& grid, const Dataset& data, const Indices& test, const ComparisonOptions& options)
      : train_(subset(data, complement(test, data.target.rows()))),
        units_(error_units(train_)),
        options_(with_default_effort(options, train_.target.rows())),
        test_(subset(data, test)),
        contenders_(contenders_of(grid, train_)) {}

  Comparison run(Journal* journal, const FitControl& control,
                 const std::function<void(const ContestProgress&)>& progress) {
    const auto begin = std::chrono::steady_clock::now();
    result_.options = options_;
    result_.targets = train_.target_names;
    result_.num_folds = *options_.folds;
    result_.has_test = test_.target.rows() > 0;
    folds_ = deal_folds(train_.inputs, result_.num_folds, options_.seed,
                        options_.repeats_together ? Repeats::together : Repeats::anywhere);
    const ContestOptions contest{most_optima(), fit_options_of(options_), options_.dropping};
    const std::vector<ContestRow> rows =
        run_contest(contenders_, train_, folds_, contest, journal, control, progress);
    const auto is_interrupted = [&] { return control.interrupt != nullptr && control.interrupt->load(); };
    for (std::size_t first = 0; first < rows.size();) {
      std::size_t end = first + 1;
      while (end < rows.size() && differ_in_ridge(rows[first].contender, rows[end].contender)) {
        ++end;
      }
      add_row({rows.data() + first, end - first});
      first = end;
    }
    judge_rows();
    if (!is_interrupted()) {
      if (options_.blending) {
        blend_rows();
      }
      fit_the_best(control);
      if (train_.target.cols() > 1) {
        add_errors_by_target();
      }
      add_baselines();
    }
    if (is_interrupted()) {
      result_.status = FitStatus::interrupted;
      result_.model = {};
    }
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return std::move(result_);
  }

 private:
  /// The ridge that does best among those with the most folds; the seconds of all.
  void add_row(std::span<const ContestRow> of_ridges) {
    const ContestRow* best = &of_ridges.front();
    double seconds = 0;
    for (const ContestRow& row : of_ridges) {
      for (const FoldScore& score : row.scores) {
        seconds += score.seconds;
      }
      const bool has_more = row.scores.size() > best->scores.size();
      const bool is_lower = row.scores.size() == best->scores.size() && !row.scores.empty() &&
                            row.errors().mean() < best->errors().mean();
      best = has_more || is_lower ? &row : best;
    }
    ComparisonRow& row = result_.rows.emplace_back();
    row.contender = best->contender;
    row.ensemble = best->ensemble;
    row.final_ensemble = best->takes_all ? most_optima() : std::min(row.ensemble, most_optima());
    row.num_folds = static_cast<int>(best->scores.size());
    row.dropped = best->dropped;
    row.num_parameters = num_free_parameters(best->contender.spec);
    row.seconds = seconds;
    contest_rows_.push_back(*best);
    errors_.push_back(best->errors());
    if (row.num_folds > 0) {
      row.cv = error_of_folds(errors_.back());
      for (const FoldScore& score : best->scores) {
        row.train_rmse += std::sqrt(score.train) / row.num_folds;
      }
    }
  }

  void judge_rows() {
    int& best = result_.best;
    for (int i = 0; i < static_cast<int>(result_.rows.size()); ++i) {
      const ComparisonRow& row = result_.rows[static_cast<std::size_t>(i)];
      const bool is_candidate = !row.dropped && row.num_folds > 0;
      if (is_candidate && (best < 0 || row.cv.rmse < best_row().cv.rmse)) {
        best = i;
      }
    }
    if (best < 0) {
      return;
    }
    for (std::size_t i = 0; i < result_.rows.size(); ++i) {
      ComparisonRow& row = result_.rows[i];
      if (row.num_folds > 0) {
        const Eigen::ArrayXd difference =
            errors_[i] - errors_[static_cast<std::size_t>(best)].head(errors_[i].size());
        row.difference = difference.mean();
        row.difference_se = standard_error_of_mean(difference);
        row.within_one_se = !row.dropped && row.difference <= row.difference_se;
      }
    }
    for (int i = 0; i < static_cast<int>(result_.rows.size()); ++i) {
      const ComparisonRow& row = result_.rows[static_cast<std::size_t>(i)];
      const int simplest = result_.simplest;
      if (row.within_one_se &&
          (simplest < 0 ||
           row.num_parameters < result_.rows[static_cast<std::size_t>(simplest)].num_parameters)) {
        result_.simplest = i;
      }
    }
  }

  void blend_rows() {
    std::vector<const ContestRow*> candidates;
    std::vector<int> rows;
    for (std::size_t i = 0; i < contest_rows_.size(); ++i) {
      if (result_.rows[i].num_folds == result_.num_folds) {
        candidates.push_back(&contest_rows_[i]);
        rows.push_back(static_cast<int>(i));
      }
    }
    if (candidates.empty()) {
      return;
    }
    const Blend blend = find_blend(candidates, train_, folds_);
    if (blend.members.size() > 1 &&
        blend.errors.mean() < errors_[static_cast<std::size_t>(result_.best)].mean()) {
      result_.blend.cv = error_of_folds(blend.errors);
      for (const int member : blend.members) {
        result_.blend.rows.push_back(rows[static_cast<std::size_t>(member)]);
      }
    }
  }

  const ComparisonRow& best_row() const { return result_.rows[static_cast<std::size_t>(result_.best)]; }

  int most_optima() const { return std::min(options_.ensemble, *options_.final_starts); }

  /// With all its distinct optima.
  Ensemble fit_to_all(const ComparisonRow& row, const FitControl& control) const {
    FitOptions fit_options = fit_options_of(options_);
    fit_options.ridge = row.contender.ridge;
    fit_options.greedy = starts_greedily(row.contender);
    fit_options.starts = options_.final_starts;
    fit_options.ensemble = most_optima();
    const FitControl silent{control.interrupt, {}};
    return fit(row.contender.spec, train_, fit_options, silent).ensemble;
  }

  Error test_error(const Ensemble& model) const {
    return error_of_samples(test_, predict_mean(model, test_.inputs, options_.threads), units_);
  }

  void fit_the_best(const FitControl& control) {
    const std::vector<int>& blended = result_.blend.rows;
    for (int i = 0; i < static_cast<int>(result_.rows.size()); ++i) {
      ComparisonRow& row = result_.rows[static_cast<std::size_t>(i)];
      const bool is_blended = std::find(blended.begin(), blended.end(), i) != blended.end();
      const bool is_wanted = blended.empty() ? i == result_.best : is_blended;
      if (!is_wanted && (!result_.has_test || row.dropped)) {
        continue;
      }
      const Ensemble all = fit_to_all(row, control);
      Ensemble own = all;
      own.members.resize(std::min(own.members.size(), static_cast<std::size_t>(row.final_ensemble)), Model{});
      if (result_.has_test) {
        row.test = test_error(own);
      }
      if (is_blended) {
        add_to_blend(all);
      } else if (is_wanted) {
        result_.model = std::move(own);
      }
    }
    if (!blended.empty() && result_.has_test) {
      result_.blend.test = test_error(result_.model);
    }
  }

  /// The rows of a blend count the same, whatever the number of their optima.
  void add_to_blend(const Ensemble& of_row) {
    Ensemble& model = result_.model;
    model.members.insert(model.members.end(), of_row.members.begin(), of_row.members.end());
    model.weights.resize(model.members.size(), 1 / static_cast<double>(of_row.members.size()));
  }

  /// Of the model that was learned in the end, or of its rows in the folds.
  void add_errors_by_target() {
    const HeldOut held_out(train_, folds_);
    const std::vector<int> rows =
        result_.blend.rows.empty() ? std::vector<int>{result_.best} : result_.blend.rows;
    Eigen::ArrayXXd residuals = Eigen::ArrayXXd::Zero(train_.target.rows(), train_.target.cols());
    for (const int row : rows) {
      residuals +=
          held_out.residuals(contest_rows_[static_cast<std::size_t>(row)]) / static_cast<double>(rows.size());
    }
    for (Eigen::Index j = 0; j < residuals.cols(); ++j) {
      result_.by_target.push_back(result_.has_test ? test_error_of_target(j)
                                                   : error_of_folds(held_out.errors_of_target(residuals, j)));
    }
  }

  Error test_error_of_target(Eigen::Index target) const {
    Dataset test = test_;
    test.target = test_.target.col(target).eval();
    const Eigen::MatrixXd predicted = predict_mean(result_.model, test_.inputs, options_.threads);
    return error_of_samples(test, predicted.col(target), Eigen::RowVectorXd::Ones(1));
  }

  void add_baselines() {
    const auto add = [&](const std::string& name, const auto& predict_from) {
      if (result_.has_test) {
        result_.baselines.push_back(
            {name, error_of_samples(test_, predict_from(train_, test_.inputs), units_)});
        return;
      }
      Eigen::ArrayXd errors(result_.num_folds);
      for (int fold = 0; fold < result_.num_folds; ++fold) {
        const Indices& samples = folds_[static_cast<std::size_t>(fold)];
        const Dataset held_out = subset(train_, samples);
        const Dataset rest = subset(train_, complement(samples, train_.target.rows()));
        errors[fold] = mean_square(residuals_of(held_out, predict_from(rest, held_out.inputs), units_),
                                   sample_weights(held_out));
      }
      result_.baselines.push_back({name, error_of_folds(errors)});
    };
    add("mean", predict_by_mean);
    add("linear", predict_by_regression);
    add("nearest_neighbours", [&](const Dataset& train, const Eigen::MatrixXd& inputs) {
      return predict_by_neighbours(train, inputs, kNeighbours, options_.threads);
    });
    const ComparisonRow* single = nullptr;
    for (const ComparisonRow& row : result_.rows) {
      if (row.contender.spec.num_experts == 1 && (single == nullptr || row.cv.rmse < single->cv.rmse)) {
        single = &row;
      }
    }
    if (single != nullptr) {
      if (const std::optional<Error> error = result_.error_of(*single)) {
        result_.baselines.push_back({"single_expert", *error});
      }
    }
  }

  Dataset train_;
  Eigen::RowVectorXd units_;
  ComparisonOptions options_;
  Dataset test_;
  std::vector<Contender> contenders_;
  std::vector<Indices> folds_;
  std::vector<ContestRow> contest_rows_;  // of the rows: the ridge that does best
  std::vector<Eigen::ArrayXd> errors_;    // of the rows: mean squared errors of their folds
  Comparison result_;
};

Json row_json(const Comparison& comparison, const ComparisonRow& row) {
  const MixtureSpec& spec = row.contender.spec;
  const std::optional<Error> error = comparison.error_of(row);
  const bool has_error = row.num_folds > 0;
  const auto number = [&](double value) { return has_error ? Json(value) : Json(nullptr); };
  return {{"gate", spec.gate.kind},
          {"expert", spec.expert.kind},
          {"experts", spec.num_experts},
          {"ridge", row.contender.ridge},
          {"ensemble", row.final_ensemble},
          {"test_rmse", error ? Json(error->rmse) : Json(nullptr)},
          {"test_rmse_se", error ? Json(error->standard_error) : Json(nullptr)},
          {"cv_rmse", number(row.cv.rmse)},
          {"cv_rmse_se", number(row.cv.standard_error)},
          {"train_rmse", number(row.train_rmse)},
          {"difference", number(row.difference)},
          {"difference_se", number(row.difference_se)},
          {"within_one_se", row.within_one_se},
          {"dropped", row.dropped},
          {"folds", row.num_folds},
          {"num_parameters", row.num_parameters},
          {"gate_options", to_json(row.contender)["gate"]},
          {"expert_options", to_json(row.contender)["expert"]},
          {"seconds", row.seconds}};
}

/// The blend, in the form of the row that it begins with.
Json blend_json(const Comparison& comparison, Json best) {
  const ComparisonBlend& blend = comparison.blend;
  const std::optional<Error> error = comparison.has_test ? blend.test : std::optional(blend.cv);
  best["test_rmse"] = error ? Json(error->rmse) : Json(nullptr);
  best["test_rmse_se"] = error ? Json(error->standard_error) : Json(nullptr);
  best["cv_rmse"] = blend.cv.rmse;
  best["cv_rmse_se"] = blend.cv.standard_error;
  best["ensemble"] = comparison.model.members.size();
  best["blend"] = Json::array();
  for (const int index : blend.rows) {
    const ComparisonRow& row = comparison.rows[static_cast<std::size_t>(index)];
    Json of_row = to_json(row.contender);
    of_row["cv_rmse"] = row.cv.rmse;
    best["blend"].push_back(std::move(of_row));
  }
  return best;
}

}  // namespace

std::optional<Error> Comparison::error_of(const ComparisonRow& row) const {
  return has_test ? row.test : row.num_folds > 0 ? std::optional(row.cv) : std::nullopt;
}

Comparison compare(const Grid& grid, const Dataset& data, const Indices& test,
                   const ComparisonOptions& options, Journal* journal, const FitControl& control,
                   const std::function<void(const ContestProgress&)>& progress) {
  check_options(options, comparison_options());
  return Comparing(grid, data, test, options).run(journal, control, progress);
}

Json to_json(const Comparison& comparison) {
  Json rows = Json::array();
  for (const ComparisonRow& row : comparison.rows) {
    rows.push_back(row_json(comparison, row));
  }
  Json baselines = Json::object();
  for (const Baseline& baseline : comparison.baselines) {
    baselines[baseline.name] = {{"test_rmse", baseline.error.rmse},
                                {"test_rmse_se", baseline.error.standard_error}};
  }
  const auto row_of = [&](int index) {
    return index < 0 ? Json(nullptr) : rows[static_cast<std::size_t>(index)];
  };
  Json best = comparison.blend.rows.empty() ? row_of(comparison.best)
                                            : blend_json(comparison, row_of(comparison.blend.rows.front()));
  for (std::size_t j = 0; j < comparison.by_target.size(); ++j) {
    const Error& error = comparison.by_target[j];
    best["by_target"][comparison.targets[j]] = {{"test_rmse", error.rmse},
                                                {"test_rmse_se", error.standard_error}};
  }
  return {{"status", name_of(comparison.status)},
          {"folds", comparison.num_folds},
          {"unit", comparison.targets.size() > 1 ? "standard deviations of the targets" : "the target's"},
          {"rows", rows},
          {"best", best},
          {"simplest", row_of(comparison.simplest)},
          {"baselines", baselines},
          {"seconds", comparison.seconds}};
}

}  // namespace moest
