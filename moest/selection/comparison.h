// Which gate, which expert, how many of them, and is a mixture worth it at all?
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "moest/base/journal.h"
#include "moest/base/option.h"
#include "moest/data/dataset.h"
#include "moest/fit/control.h"
#include "moest/model/model.h"
#include "moest/selection/contest.h"

namespace moest {

/// Options of compare(); the sentences and ranges are in comparison_options(). The defaults are the
/// recommended recipe, which spends less on each fit the more samples there are (default_effort).
struct ComparisonOptions {
  std::optional<int> folds;
  std::optional<int> starts;
  std::optional<int> final_starts;
  std::optional<double> tolerance;
  int ensemble = 24;
  int max_iterations = 500;
  bool dropping = true;
  bool repeats_together = false;
  bool blending = true;
  std::uint64_t seed = 0;
  int threads = 0;
};
std::span<const Option<ComparisonOptions>> comparison_options();

/// What is compared: all gates with all experts, numbers of experts and ridges. Without a ridge, mixtures of
/// more than a fifth as many parameters as samples are left out, unless there is no other ridge.
struct Grid {
  std::vector<GateSpec> gates;
  std::vector<ExpertSpec> experts;
  std::vector<int> num_experts;
  std::vector<double> ridges;
};
/// Softmax gates; linear experts and tanh neurons with an output weight; 1, 2, 4, 8, 16 and 24 of them, of
/// 5000 samples or more 32 instead of 24; ridges of 0, 0.003, 0.03 and 0.3, of 5000 samples or more 0 and
/// 0.03, of 20,000 or more 0.003.
Grid default_grid(Eigen::Index num_samples);

/// What the options leave open, by the number of samples:
///
///     samples          folds  starts in a fold  final starts  tolerance
///     below 5000          10                 4            24        0.1
///     below 20,000           3                 4            12        0.1
///     20,000 or more       3                 2             6          5
///
/// A tolerance counts noise variances per iteration, of which the error of estimating p parameters takes p.
ComparisonOptions with_default_effort(ComparisonOptions options, Eigen::Index num_samples);

/// A root mean squared error, in the target's units, with its standard error: of the mean squared errors of
/// the folds or, where there are test samples, of their squared errors, by the delta method.
struct Error {
  double rmse = 0;
  double standard_error = 0;
};

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

struct Comparison {
  FitStatus status = FitStatus::converged;  // or interrupted: then of fewer folds, and without a best model
  int num_folds = 0;
  std::vector<ComparisonRow> rows;  // in the order of the grid
  int best = -1;                    // the row with the least error by cross-validation
  ComparisonBlend blend;            // of more than one row, if that has less
  int simplest = -1;                // with the fewest parameters within one standard error of it
  std::vector<Baseline> baselines;  // mean, linear, nearest_neighbours, single_expert
  ComparisonOptions options;        // as used
  bool has_test = false;            // there are test samples
  Ensemble model;                   // the blend or else the best, learned from all training samples
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
/// Throws InputError for options out of range, several targets, a grid that is empty or of which a mixture is
/// illegal, too few samples.
Comparison compare(const Grid& grid, const Dataset& data, const Indices& test,
                   const ComparisonOptions& options, Journal* journal = nullptr,
                   const FitControl& control = {},
                   const std::function<void(const ContestProgress&)>& progress = {});

nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace moest
