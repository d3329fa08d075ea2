// Cross-validation of many models at once, in which those that are clearly worse drop out on the way.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "moest/base/journal.h"
#include "moest/data/dataset.h"
#include "moest/fit/control.h"
#include "moest/fit/options.h"
#include "moest/model/specification.h"
#include "moest/selection/folds.h"

namespace moest {

/// A mixture with the strength of its ridge. What the data say (inputs, outputs) need not be set.
struct Contender {
  MixtureSpec spec;
  double ridge = 0;
};

/// Whether half of the starts are greedy: of more than six experts that takes longer than it gains.
inline bool starts_greedily(const Contender& contender) { return contender.spec.num_experts <= 6; }

/// Whether two mixtures are the same but for their ridge.
bool differ_in_ridge(const Contender& a, const Contender& b);

/// {"gate", "expert", "experts", "ridge"}: gate and expert with their options.
nlohmann::ordered_json to_json(const Contender& contender);

/// A contender learned from all folds but one and judged on that one: mean squared errors by the weights of
/// the samples, in error_units() of all samples.
struct FoldScore {
  std::vector<double> held_out;  // for an ensemble of the best 1, 2, .. optima
  double train = 0;              // of the best optimum
  // By all distinct optima, for the samples of the fold in their order, one target after the other.
  std::vector<double> predicted;
  int num_optima = 1;  // distinct ones
  // Means over the optima a, and over pairs a != b, of mean r_a r_b, r residuals.
  double single = 0, pair = 0;
  double seconds = 0;

  /// Of the mean of so many optima, of which those of the fold are a sample: pair + (single - pair) / number,
  /// but no less than half of what it is for those of the fold. Where some of them are far off, `pair` is as
  /// good as unknown, and may be negative.
  double of_ensemble(double number) const;
};

/// One contender's scores of the folds that it took part in: 0, 1, .. in this order.
struct ContestRow {
  Contender contender;
  std::vector<FoldScore> scores;
  bool dropped = false;
  // The largest number of optima whose error over the folds is within one standard error, paired by fold, of
  // the least: the mean of more of them has less variance.
  int ensemble = 1;
  // Or all that a fit to all samples will find, num_final of them by the share that was distinct in the
  // folds.
  bool takes_all = false;
  double num_final = 1;

  /// By fold, of an ensemble of `number` optima, of num_final, or of as many as do best.
  Eigen::ArrayXd errors_of(int number) const;
  Eigen::ArrayXd errors_of_all() const;
  Eigen::ArrayXd errors() const { return takes_all ? errors_of_all() : errors_of(ensemble); }
};

struct ContestProgress {
  int num_done = 0;
  int num_planned = 0;    // falls when contenders drop out
  double share_done = 0;  // of the work, larger models counting more
  double seconds = 0;
};

struct ContestOptions {
  int final_starts = 1;  // of the fits to all samples that are to come
  FitOptions fit;        // of each contender but for the ridge and greedy starts; fit.ensemble is the
                         // largest that is tried
  bool dropping = true;
};

/// Each contender is fitted to all folds but one in turn, fold by fold, so that contenders are compared on
/// the same samples. After every fold but the last those drop out whose mean squared error is clearly above
/// that of the best: from three folds on, by more than a tenth of it and by a t test of the paired
/// differences at 1 % (less may still do good in a blend); before, by a share of more than 3 sqrt(10 / m), m
/// samples having been predicted (three standard errors of the ratio of two independent mean squares of
/// variables of kurtosis 6). Of one gate and kind, more than eight experts, which cost much, are not
/// tried, or no longer, where a smaller number of them has a larger error than one smaller still (in the
/// first fold by more than a tenth). Of single experts one ridge stays. Of neighbours that differ in their
/// ridge only, the two best are left after three folds and the best after six.
///
/// The result is the same for any number of threads. Scores are read from the journal where it has them and
/// written to it as they come; its first line is the specification, and a journal of another one is refused.
/// An interrupt ends it early: then contenders have scores of fewer folds.
std::vector<ContestRow> run_contest(const std::vector<Contender>& contenders, const Dataset& data,
                                    const std::vector<Indices>& folds, const ContestOptions& options,
                                    Journal* journal, const FitControl& control,
                                    const std::function<void(const ContestProgress&)>& progress);

}  // namespace moest
