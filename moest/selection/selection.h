// How many experts: from one over-specified fit down to a single expert.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "moest/base/option.h"
#include "moest/data/dataset.h"
#include "moest/fit/fit.h"
#include "moest/model/model.h"
#include "moest/selection/dendrogram.h"

namespace moest {

/// Options of select(); the sentences and ranges are in selection_options().
struct SelectionOptions {
  std::optional<int> starts;
  int folds = 5;
  std::uint64_t seed = 0;
  int threads = 0;
};
std::span<const Option<SelectionOptions>> selection_options();

/// A mixture of so many experts.
struct SelectionRow {
  DendrogramLevel level;  // of the over-specified fit, atoms merged
  FitResult fit;          // from there, and from new starts
  // - (height + log(n) l) with the height of the next merge and the mean log-likelihood of the fit but for a
  // constant, l = -sum_j log(rss_j / n) / 2 over the targets: low where atoms are far apart and the fit is
  // good; none for a single expert.
  std::optional<double> dendrogram_criterion;
  std::optional<double> cv_rmse, cv_rmse_se;
};

/// What each criterion chooses, as an index of the rows; -1 where it cannot.
struct Selection {
  FitStatus status = FitStatus::converged;  // or interrupted: rows may be missing
  std::vector<SelectionRow> rows;           // K experts, K - 1, .., 1
  int by_bic = -1, by_aic = -1, by_dendrogram = -1, by_cross_validation = -1;
  double seconds = 0;
};

/// The dendrogram of `model`, which should have more experts than are needed, and for each number of experts
/// a fit that starts from the merged atoms, and from others as fit() does or options.starts of them: its RSS,
/// number of identifiable parameters, AIC and BIC. With options.folds > 0 also the cross-validated error of
/// each number, chosen by the one-standard-error rule (the fewest experts within one standard error, paired
/// by fold, of the best).
///
/// Throws InputError for options out of range, as dendrogram(), and as fit() for a model of other data.
Selection select(const Model& model, const Dataset& data, const SelectionOptions& options,
                 const FitControl& control = {},
                 const std::function<void(int done, int planned, double seconds)>& progress = {});

nlohmann::ordered_json to_json(const Selection& selection);

}  // namespace moest
