#include "moest/study/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "moest/base/random.h"
#include "moest/study/truth.h"
#include "moest/theory/prediction.h"
#include "moest/theory/verdict.h"

namespace moest {
namespace {

/// The errors at one size.
PlannedSize planned_size(const Study& study, const Arm& arm, std::int64_t size) {
  Stream stream(study.seed, TrialKey{arm.name, 0, 0}.hash(), "truth");
  const Model model = truth_at(arm.truth, size, stream);
  const PredictedErrors errors = predicted_errors({{model.spec}, model.measure()}, static_cast<double>(size),
                                                  study.noise, study.inputs, study.seed);
  PlannedSize planned{size, 0, 0};
  for (const PredictedError& error : errors.parameters) {
    planned.largest_error = std::max(planned.largest_error, error.standard_error);
  }
  const Verdict verdict = known_verdict(model.spec);
  const bool has_splits = arm.fitted.num_experts > model.spec.num_experts &&
                          (verdict == Verdict::regular || verdict == Verdict::scale_gauge);
  if (has_splits) {
    for (const PredictedSplit& split : errors.splits) {
      planned.largest_split = std::max(planned.largest_split, split.root_mean_square);
    }
  }
  return planned;
}

/// At a fixed truth errors fall as n^-1/2, and splits as n^-1/4: one size says it for all.
std::vector<PlannedSize> planned_sizes(const Study& study, const Arm& arm) {
  std::vector<PlannedSize> sizes;
  if (!arm.has_losses || study.noise == 0) {
    return sizes;
  }
  if (arm.truth.sequence) {
    for (const std::int64_t size : study.sizes) {
      sizes.push_back(planned_size(study, arm, size));
    }
    return sizes;
  }
  const PlannedSize last = planned_size(study, arm, study.sizes.back());
  for (const std::int64_t size : study.sizes) {
    const double ratio = static_cast<double>(last.size) / static_cast<double>(size);
    sizes.push_back(
        {size, last.largest_error * std::sqrt(ratio), last.largest_split * std::pow(ratio, 0.25)});
  }
  return sizes;
}

bool expects_slope(const Arm& arm) {
  return std::ranges::any_of(arm.expected,
                             [](const ExpectedRate& rate) { return rate.metric != kChiSquare; });
}

std::vector<std::string> warnings_for(const Study& study, const Arm& arm, const PlannedArm& planned) {
  std::vector<std::string> warnings;
  if (!planned.sizes.empty() && planned.sizes.back().largest_error > kLargestUsefulError) {
    warnings.push_back(
        fmt::format("at n = {} some parameter will have a standard error of {:.2g}, above {}: slopes of its "
                    "atoms will be noise; take larger sizes, less noise, or another truth",
                    planned.sizes.back().size, planned.sizes.back().largest_error, kLargestUsefulError));
  }
  constexpr std::size_t kFewestSizes = 4;
  if (expects_slope(arm) && study.sizes.size() < kFewestSizes) {
    warnings.push_back(
        fmt::format("{} sizes cannot show a slope: take {} or more", study.sizes.size(), kFewestSizes));
  }
  if (expects_slope(arm) && study.sizes.back() < 10 * study.sizes.front()) {
    warnings.emplace_back("sizes that differ by less than a factor of 10 hardly show a slope");
  }
  if (expects_slope(arm) && study.replicates == 1) {
    warnings.emplace_back("one replicate gives a slope without a standard error: take 20 or more");
  }
  if (arm.start == Arm::Start::near) {
    warnings.emplace_back(
        "fits start beside the truth: they show what the optimum there does, and not the estimator");
  }
  return warnings;
}

}  // namespace

std::vector<PlannedArm> plan(const Study& study) {
  std::vector<PlannedArm> arms;
  for (const Arm& arm : study.arms) {
    PlannedArm planned{arm.name, planned_sizes(study, arm), {}};
    planned.warnings = warnings_for(study, arm, planned);
    arms.push_back(std::move(planned));
  }
  return arms;
}

nlohmann::ordered_json to_json(const PlannedArm& planned) {
  using Json = nlohmann::ordered_json;
  Json sizes = Json::array();
  for (const PlannedSize& size : planned.sizes) {
    sizes.push_back({{"size", size.size},
                     {"largest_error", size.largest_error},
                     {"largest_split", size.largest_split > 0 ? Json(size.largest_split) : Json(nullptr)}});
  }
  return {{"arm", planned.arm}, {"sizes", sizes}, {"warnings", planned.warnings}};
}

std::vector<TrialKey> pilot_keys(const Study& study) {
  std::vector<TrialKey> keys;
  for (const Arm& arm : study.arms) {
    keys.push_back({arm.name, study.sizes.front(), 0});
    if (study.sizes.size() > 1) {
      keys.push_back({arm.name, study.sizes.back(), 0});
    }
  }
  return keys;
}

double planned_seconds(const Study& study, std::span<const TrialRow> rows) {
  double total = 0;
  for (const Arm& arm : study.arms) {
    const auto seconds_at = [&](std::int64_t size) {
      const TrialKey key{arm.name, size, 0};
      const auto row = std::ranges::find(rows, key, &TrialRow::key);
      return row == rows.end() ? 0 : row->simulate_seconds + row->fit_seconds + row->measure_seconds;
    };
    const auto low = static_cast<double>(study.sizes.front());
    const auto high = static_cast<double>(study.sizes.back());
    const double at_low = seconds_at(study.sizes.front());
    const double at_high = seconds_at(study.sizes.back());
    for (const std::int64_t size : study.sizes) {
      const double share = high > low ? (static_cast<double>(size) - low) / (high - low) : 0;
      total += (at_low + share * (at_high - at_low)) * study.replicates;
    }
  }
  return total;
}

}  // namespace moest
