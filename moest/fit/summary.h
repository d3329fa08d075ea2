// What a fit found, and how far it can be believed.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "moest/fit/control.h"
#include "moest/fit/expert_comparison.h"
#include "moest/fit/inference.h"
#include "moest/fit/multistart.h"
#include "moest/fit/options.h"
#include "moest/fit/residuals.h"

namespace moest {

/// Scores this close make weights that differ by one per cent.
inline constexpr double kTieMargin = 0.01;

/// One start: where it came from and where it ended. RSS in squared units of the target, a ridge's penalty
/// included. With several targets it is the objective, the sum over the scaled targets, in a unit in which
/// that of the best start is the summary's rss: the starts are in its order.
struct StartRow {
  StartKind kind;
  double rss;
  int iterations;
  FitStatus status;
};

/// All numbers are in the targets' units. A field that could not be computed is empty. What is said by target
/// has one number for each.
struct FitSummary {
  FitStatus status = FitStatus::failed;
  std::string message;   // one sentence with the numbers behind the status
  double rss = 0;        // residual sum of squares of the best start, over all targets
  double r_squared = 0;  // mean over the targets
  std::vector<double> rss_by_target, r_squared_by_target;
  // By target: its rss / (n - effective_parameters / number of targets), the variance of a sample of weight
  // 1; empty if n is not larger. With a robust loss the square of the scale of the residuals.
  std::vector<double> noise_variance;
  std::int64_t num_samples = 0;
  int num_parameters = 0;               // numbers in the atoms, gauges included
  int num_identifiable_parameters = 0;  // rank of the Jacobian at the optimum, in the free directions
  // tr (J'J + H)^-1 J'J, H half the Hessian of the ridge: the same number without one.
  double effective_parameters = 0;
  int num_members = 1;           // distinct optima in the ensemble
  std::vector<StartRow> starts;  // in the order of their index
  int agreeing_starts = 0;       // within one noise variance of the best
  int active_bounds = 0;         // coordinates, or gates of a ball, that a bound holds
  // With top_k: those whose K-th and (K + 1)-th largest score differ by less than kTieMargin.
  std::optional<std::int64_t> samples_near_tie;
  // With a robust loss: samples beyond its threshold, which count less the further off they are.
  std::optional<int> outliers;
  Redundancy redundancy;        // experts that the data do not need
  bool rank_deficient = false;  // fewer identifiable parameters than free directions
  // The same expert alone, without a gate; empty if its fit did not end.
  std::optional<double> best_single_expert_rss;
  std::vector<double> best_single_expert_rss_by_target;
  // Gaussian likelihood, noise variance counted as a parameter; none with a ridge or a robust loss.
  std::optional<double> aic, bic;
  std::vector<ResidualDiagnostics> residuals;     // by target; none of a fit without any error
  std::vector<double> expert_shares;              // mean weight of each expert over the samples
  std::vector<CoefficientEstimate> coefficients;  // none where the fit has not converged
  std::vector<std::string> advice;                // see advice_on()
  double seconds = 0;                             // of the fit alone
  FitOptions options;                             // as given

  bool any_start_converged() const;
};

nlohmann::ordered_json to_json(const FitSummary& summary);

}  // namespace moest
