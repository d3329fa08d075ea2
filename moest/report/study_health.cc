#include "moest/report/study_health.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace moest {
namespace {

double seconds_of(const TrialRow& row) {
  return row.simulate_seconds + row.fit_seconds + row.measure_seconds;
}

SizeHealth health_of(const std::string& arm, std::int64_t size, const std::vector<const TrialRow*>& trials) {
  SizeHealth health;
  health.arm = arm;
  health.size = size;
  health.num_done = static_cast<int>(trials.size());
  for (const TrialRow* trial : trials) {
    health.milliseconds += 1000 * seconds_of(*trial);
    if (trial->status == "failed") {
      ++health.num_failed;
      continue;
    }
    health.num_unconverged += trial->status == "converged" ? 0 : 1;
    health.mean_iterations += static_cast<double>(trial->iterations);
    health.mean_starts += trial->num_starts;
    health.mean_agreeing_starts += trial->agreeing_starts;
    health.share_at_bound += trial->active_bounds > 0 ? 1 : 0;
  }
  health.milliseconds /= std::max(1, health.num_done);
  const int num_fits = std::max(1, health.num_done - health.num_failed);
  for (double* mean :
       {&health.mean_iterations, &health.mean_starts, &health.mean_agreeing_starts, &health.share_at_bound}) {
    *mean /= num_fits;
  }
  return health;
}

}  // namespace

std::vector<SizeHealth> study_health(const Study& study, std::span<const TrialRow> rows) {
  std::map<std::pair<std::string, std::int64_t>, std::vector<const TrialRow*>> trials;
  for (const TrialRow& row : rows) {
    trials[{row.key.arm, row.key.size}].push_back(&row);
  }
  std::vector<SizeHealth> health;
  for (const Arm& arm : study.arms) {
    for (const std::int64_t size : study.sizes) {
      health.push_back(health_of(arm.name, size, trials[{arm.name, size}]));
    }
  }
  return health;
}

std::vector<FailureReason> failure_reasons(std::span<const TrialRow> rows) {
  std::map<std::pair<std::string, std::string>, FailureReason> reasons;
  for (const TrialRow& row : rows) {
    if (row.status == "failed") {
      FailureReason& reason =
          reasons.try_emplace({row.key.arm, row.message}, FailureReason{row.key.arm, row.message, 0, row.key})
              .first->second;
      ++reason.num_trials;
      reason.first = std::min(reason.first, row.key);
    }
  }
  std::vector<FailureReason> listed;
  listed.reserve(reasons.size());
  for (const auto& [key, reason] : reasons) {
    listed.push_back(reason);
  }
  return listed;
}

std::vector<RunShare> run_shares(std::span<const TrialRow> rows) {
  std::map<std::tuple<std::string, std::string, int>, RunShare> shares;
  for (const TrialRow& row : rows) {
    RunShare& share = shares
                          .try_emplace({row.by.host, row.by.version, row.by.threads},
                                       RunShare{row.by.host, row.by.version, row.by.threads})
                          .first->second;
    ++share.num_trials;
    share.seconds += seconds_of(row);
  }
  std::vector<RunShare> listed;
  listed.reserve(shares.size());
  for (const auto& [key, share] : shares) {
    listed.push_back(share);
  }
  return listed;
}

}  // namespace moest
