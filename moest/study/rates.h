// How fast a metric falls as samples grow, and whether that is what theory expects.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/study/plan.h"
#include "moest/study/specification.h"
#include "moest/study/trial.h"

namespace moest {

enum class RateVerdict {
  agrees,
  differs,
  too_noisy,  // the slope's standard error, or the parameters' predicted errors, are too large to say
};
std::string verdict_name(RateVerdict verdict);

/// The trials of one size.
struct RatePoint {
  std::int64_t size = 0;
  int num_replicates = 0;  // that have the metric
  double value = 0;        // their mean or quantile
  double standard_error = 0;
  std::optional<double> local_slope;  // over the sizes within a factor of 3, and the neighbours at least
};

/// One metric of one arm.
struct RateRow {
  std::string arm;
  std::string metric;
  std::optional<int>
      atom;  // true one, from 0; none where the metric has none, and for the largest over all atoms
  std::vector<RatePoint> points;
  /// Of log value against log n by least squares, with its standard error; none with fewer than two points,
  /// or for chi_square.
  std::optional<double> slope, slope_se;
  std::optional<double> slope_log, slope_log_se;  // the same against log(n / log n)
  /// Of chi_square over the upper half of the sizes.
  std::optional<double> mean, mean_se;
  std::optional<ExpectedRate> expected;
  std::optional<RateVerdict> verdict;  // where something is expected
  int num_replicates = 0;              // most at one size
};

/// Standard errors of slopes above this say nothing.
inline constexpr double kNoisySlope = 0.05;

/// A row for each arm and metric that has values; metrics of atoms have one for each true atom and one for
/// the largest over all atoms of a trial. Trials without a fit are left out.
///
/// Standard errors are those of 500 bootstrap samples of the replicates (each with its trials of all sizes),
/// of the stream (seed, arm and metric). A slope agrees if it is within the tolerance and two standard errors
/// of what is expected; it is too noisy to say with a standard error above kNoisySlope or, but for
/// regression_l2, where `planned` predicts parameters worse than kLargestUsefulError at the largest size. The
/// mean of chi_square agrees within three standard errors, and is too noisy if these are above a quarter of
/// it.
std::vector<RateRow> rates(const Study& study, std::span<const TrialRow> rows,
                           std::span<const PlannedArm> planned);

/// `arm`, `metric`, `atom`, `slope`, `slope_se`, `slope_log`, `slope_log_se`, `mean`, `mean_se`, `expected`,
/// `verdict`, `source`, `num_sizes`, `num_replicates`, `points`.
nlohmann::ordered_json to_json(const RateRow& row);

}  // namespace moest
