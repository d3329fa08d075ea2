// What the runs of a comparison say: means over the seeds, and differences paired by seed.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/study/router_comparison.h"

namespace moest {

/// A difference in the value, this contestant's less the reference's, over the seeds that both have: its
/// mean, and the interval mean +- t s / sqrt(S) with Student's quantile of S - 1 degrees of freedom. The
/// intervals of a comparison hold together with probability 0.95 (Bonferroni: each with 1 - 0.05 /
/// (contestants - 1)) where seeds, contestants and the reference were fixed beforehand: not with those that
/// were chosen after a look at the results.
struct PairedDifference {
  double mean = 0, low = 0, high = 0;
  int num_seeds = 0;
};

/// `unstable`: runs of the contestant or of the reference failed, and the seeds that are left, which are not
/// chosen at random, judge nobody. `incomplete`: runs of one of the two are missing, which may be those whose
/// process died, and a look before the end is not the test that was planned.
enum class DifferenceVerdict { better, worse, within_noise, unstable, incomplete };
std::string name_of(DifferenceVerdict verdict);

/// What is said of the routing at the last evaluation of each series of each run: means over layers, series
/// and seeds.
struct RoutingMeans {
  double load_entropy = 0, weight_entropy = 0;
  std::optional<double> change_rate, margin;
};

struct ContestantSummary {
  std::string name;
  std::optional<double> learning_rate;
  bool has_rate_at_edge = false;     // of several rates it took the least or the largest
  int num_runs = 0, num_failed = 0;  // with the seeds 1, 2, ..
  double mean = 0;                   // of the value, over the runs that did not fail
  std::optional<double> standard_error;
  std::optional<PairedDifference> difference;  // none of the reference, and with fewer than two seeds
  std::optional<DifferenceVerdict> verdict;
  std::int64_t num_parameters = 0;
  std::int64_t num_active_parameters = 0;     // in use at a token
  std::int64_t min_steps = 0, max_steps = 0;  // of the runs; 0 where these do not tell
  double seconds = 0;                         // mean of a run
  std::optional<RoutingMeans> routing;
};

/// One entry per contestant, in their order.
std::vector<ContestantSummary> summarise(const RouterComparison& comparison, std::span<const RunRow> rows);

nlohmann::ordered_json to_json(const ContestantSummary& summary);

/// `head`, then the fields task, value, reference and contestants: the summaries.
nlohmann::ordered_json results_json(const RouterComparison& comparison,
                                    std::span<const ContestantSummary> summaries,
                                    nlohmann::ordered_json head);

/// A mean over the seeds at one step, with its standard error (0 of a single seed).
struct CurvePoint {
  std::int64_t step = 0;
  double mean = 0, standard_error = 0;
  int num_seeds = 0;
};

/// A number of the evaluations over the steps: the task's own, or one of the routing (load_entropy,
/// change_rate, margin, ..). Of a run with several series (domains that were left out), and of several
/// layers, their mean; steps that not all series of a run have are left out.
std::vector<CurvePoint> learning_curve(const RouterComparison& comparison, std::span<const RunRow> rows,
                                       const std::string& contestant, const std::string& field);

}  // namespace moest
