// Which gate, which expert, how many of them, and is a mixture worth it at all?
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "moest/base/journal.h"
#include "moest/data/dataset.h"
#include "moest/fit/control.h"
#include "moest/model/model.h"
#include "moest/selection/contest.h"
#include "moest/selection/errors.h"
#include "moest/selection/recipe.h"

namespace moest {

/// One gate, expert and number of experts, with the ridge and the size of the ensemble that do best by
/// cross-validation.
struct ComparisonRow {
  Contender contender;
  int ensemble = 1;        // in the folds
  int final_ensemble = 1;  // of a fit to all samples for learning
  int num_folds = 0;       // that it took part in; fewer than there are where it dropped out
  bool dropped = false;
  Error cv;
  std::optional<Error> test;  // where there are test samples and it has not dropped out
  double train_rmse = 0;      // of the best optimum, mean over the folds
  // Its mean squared error less that of the best row, and the standard error of that, paired by fold.
  double difference = 0, difference_se = 0;
  bool within_one_se = false;  // of the best: no more than one standard error of the difference above it
  int num_parameters = 0;      // free ones
  double seconds = 0;          // of all its fits
};

struct Baseline {
  std::string name;
  Error error;
};

/// What is learned from all rows for learning in the end: one row of the table, or the mean of several, all
/// distinct optima of each.
struct ComparisonBlend {
  std::vector<int> rows;
  Error cv;
  std::optional<Error> test;
};

/// All errors are in error_units() of the samples for learning: those of one target in its unit, of several
/// in their standard deviations.
struct Comparison {
  FitStatus status = FitStatus::converged;  // or interrupted: then of fewer folds, and without a best model
  int num_folds = 0;
  std::vector<ComparisonRow> rows;  // in the order of the grid
  int best = -1;                    // the row with the least error by cross-validation
  ComparisonBlend blend;            // of more than one row, if that has less
  int simplest = -1;                // with the fewest parameters within one standard error of it
  std::vector<Baseline> baselines;  // mean, linear, nearest_neighbours, single_expert
  std::vector<std::string> targets;
  // Of several targets what the model predicts each with, in the target's own unit: on the test samples where
  // there are any, else in the folds.
  std::vector<Error> by_target;
  ComparisonOptions options;  // as used
  bool has_test = false;      // there are test samples
  Ensemble model;             // the blend or else the best, learned from all training samples
  double seconds = 0;

  /// What a row is judged by: the test samples where there are any, else the folds; nothing for a row that
  /// has not come so far.
  std::optional<Error> error_of(const ComparisonRow& row) const;
};

/// Compares the grid on the samples that are not among `test`, by cross-validation (run_contest), and fits
/// the best once more to all of them, from options.final_starts starts; if the mean of all optima did best in
/// the folds, it is that of all of these too, options.ensemble at most. With options.blending the mean of
/// several rows takes its place where that did better (find_blend). Where there are test samples, every
/// row that has not dropped out is fitted to all others and judged on them, and so are the baselines; else
/// errors are those of the folds. Test samples serve for nothing else.
///
/// Several targets share a model, whose error is the mean over them. Throws InputError for options out of
/// range, a grid that is empty or of which a mixture is illegal, too few samples.
Comparison compare(const Grid& grid, const Dataset& data, const Indices& test,
                   const ComparisonOptions& options, Journal* journal = nullptr,
                   const FitControl& control = {},
                   const std::function<void(const ContestProgress&)>& progress = {});

nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace moest
