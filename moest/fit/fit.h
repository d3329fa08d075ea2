// Least-squares fit of a mixture of experts to a data set.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "moest/data/dataset.h"
#include "moest/fit/control.h"
#include "moest/fit/options.h"
#include "moest/fit/summary.h"
#include "moest/model/model.h"

namespace moest {

struct FitResult {
  Model model;        // the best
  Ensemble ensemble;  // it and, where options.ensemble asks for them, the next best distinct optima
  FitSummary summary;
};

/// The least-squares estimator: minimises sum_i (Y_i - f(X_i))^2 over the mixtures of `spec` whose
/// coordinates lie in the regions of its chart. spec.num_inputs is taken from the data.
///
/// With options.scaling the fit works on inputs of mean 0 and variance 1 and a target scaled alike, or, when
/// the experts' values are bounded, to the range that they can reach; with `start` it takes that model's
/// scaling, and the model adds one start. The experts are ordered along the first input when there is only
/// one, else by their share of the data, unless options.fix names some of them.
///
/// Throws InputError for illegal options or a start of another kind. Numerical trouble is a status of the
/// summary. The same data, specification, seed and start give the same bits for any number of threads
/// on processors of the same instruction set.
FitResult fit(MixtureSpec spec, const Dataset& data, const FitOptions& options,
              const FitControl& control = {}, const std::optional<Model>& start = std::nullopt);

/// The lowest optimum that the starts found, and no more.
struct Optimum {
  Model model;  // without noise variance, covariance and record
  FitStatus status = FitStatus::failed;
  double rss = 0;
  int num_starts = 0;
  int agreeing_starts = 0;      // within one noise variance of the best
  std::int64_t iterations = 0;  // of all starts
  int active_bounds = 0;
};

/// The estimator of fit() without what fit() says about it: for those who fit thousands of samples. Throws
/// InputError as fit().
Optimum find_optimum(MixtureSpec spec, const Dataset& data, const FitOptions& options,
                     const FitControl& control = {}, const std::optional<Model>& start = std::nullopt);

/// Numbers that a fit of this specification determines at most: those of the atoms less the gauge and less
/// what options.fix takes. Throws InputError for a fix that the specification cannot fulfil.
int num_free_parameters(const MixtureSpec& spec, std::span<const std::string> fix = {});

}  // namespace moest
