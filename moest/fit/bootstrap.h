// How a fit would vary with the data: refits to data that are drawn again.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/base/journal.h"
#include "moest/base/option.h"
#include "moest/data/dataset.h"
#include "moest/fit/control.h"
#include "moest/model/coefficients.h"
#include "moest/model/model.h"

namespace moest {

/// Options of bootstrap(); the sentences and ranges are in bootstrap_options().
struct BootstrapOptions {
  std::string kind = "pairs";
  int replicates = 999;
  int starts = 0;
  double confidence = 0.95;
  std::uint64_t seed = 0;
  int threads = 0;
};
std::span<const Option<BootstrapOptions>> bootstrap_options();

/// One coefficient over the replicates; empty where it does not vary, with the reason.
struct BootstrapRow {
  Coefficient coefficient;  // with the estimate
  std::optional<double> standard_error, bias;
  std::optional<double> low, high;  // percentile interval
  std::string reason;
};

struct Bootstrap {
  FitStatus status = FitStatus::converged;  // or interrupted: then of fewer replicates
  std::vector<BootstrapRow> rows;           // in the order of coefficients(model)
  Eigen::MatrixXd estimates;                // replicates x coefficients
  std::vector<int> replicates;              // their numbers, in increasing order
  int num_not_converged = 0;                // among them: still descending at the iteration limit
  int num_failed = 0;                       // not among them: nothing finite was found
  int num_elsewhere = 0;  // of which another start found an optimum lower by a noise variance
  BootstrapOptions options;
  double seconds = 0;
};

/// Refits the model, from its own optimum and options.starts random starts, to data that are drawn again:
///
///     pairs        n samples of the data, with replacement
///     residual     f(x_i) + e_i / sqrt(w_i), e drawn from the centred residuals sqrt(w_i) (y_i - f(x_i)), of
///     all
///                  targets together, times sqrt(n / (n - p / targets)), p the free parameters
///     parametric   f(x_i) + e_i / sqrt(w_i), e normal with the model's noise variance
///
/// with the scaling of the model and the bound, ridge, loss, tolerance, iterations and fixed numbers that its
/// record of the fit names (else their defaults). The experts of each refit are brought into the order of the
/// model's (aligned). Intervals are percentiles of the replicates, the bias is their mean less the estimate
/// (Efron and Tibshirani 1993, chapters 6, 9, 13).
///
/// Replicate r draws from the stream (seed, r, "bootstrap") alone: the same numbers for any number of
/// threads, and from the journal, which may hold some of them, of fewer or more replicates.
///
/// Throws InputError for options out of range, data that are not the model's, a parametric bootstrap of a
/// model without noise variance.
Bootstrap bootstrap(const Model& model, const Dataset& data, const BootstrapOptions& options,
                    Journal* journal = nullptr, const FitControl& control = {},
                    const std::function<void(int done, int planned, double seconds)>& progress = {});

nlohmann::ordered_json to_json(const Bootstrap& bootstrap);

}  // namespace moest
