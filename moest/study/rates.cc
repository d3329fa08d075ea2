#include "moest/study/rates.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "moest/base/random.h"

namespace moest {
namespace {

constexpr int kNumBootstraps = 500;

/// Values of one metric by size and replicate.
using Samples = std::map<std::int64_t, std::map<int, double>>;

double quantile_of(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

double summary_of(const std::vector<double>& values, const Statistic& statistic) {
  if (statistic.kind == Statistic::Kind::quantile) {
    return quantile_of(values, statistic.quantile);
  }
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

/// Of y on x, by least squares; requires two different x.
double slope_of(const std::vector<double>& x, const std::vector<double>& y) {
  const Eigen::Map<const Eigen::ArrayXd> xs(x.data(), static_cast<Eigen::Index>(x.size()));
  const Eigen::Map<const Eigen::ArrayXd> ys(y.data(), static_cast<Eigen::Index>(y.size()));
  const Eigen::ArrayXd centred = xs - xs.mean();
  return (centred * (ys - ys.mean())).sum() / centred.square().sum();
}

/// What is made of samples: a value for each size, and the slopes.
struct Curve {
  std::vector<std::int64_t> sizes;
  std::vector<double> values;
  std::optional<double> slope, slope_log;
};

/// The values of the replicates in `chosen`, each as often as it is there.
std::vector<double> chosen_values(const std::map<int, double>& by_replicate, const std::vector<int>& chosen) {
  std::vector<double> values;
  for (const int replicate : chosen) {
    if (const auto found = by_replicate.find(replicate); found != by_replicate.end()) {
      values.push_back(found->second);
    }
  }
  return values;
}

Curve curve_of(const Samples& samples, const std::vector<int>& replicates, const Statistic& statistic) {
  Curve curve;
  std::vector<double> log_n;
  std::vector<double> log_ratio;
  std::vector<double> log_value;
  for (const auto& [size, by_replicate] : samples) {
    const std::vector<double> values = chosen_values(by_replicate, replicates);
    if (values.empty()) {
      continue;
    }
    curve.sizes.push_back(size);
    curve.values.push_back(summary_of(values, statistic));
    if (curve.values.back() > 0 && size > 1) {
      log_n.push_back(std::log(static_cast<double>(size)));
      log_ratio.push_back(log_n.back() - std::log(log_n.back()));
      log_value.push_back(std::log(curve.values.back()));
    }
  }
  if (log_n.size() > 1) {
    curve.slope = slope_of(log_n, log_value);
    curve.slope_log = slope_of(log_ratio, log_value);
  }
  return curve;
}

/// Mean over the upper half of the sizes, each counting the same.
std::optional<double> upper_mean(const Curve& curve) {
  if (curve.values.empty()) {
    return std::nullopt;
  }
  const std::size_t first = curve.values.size() / 2;
  double sum = 0;
  for (std::size_t i = first; i < curve.values.size(); ++i) {
    sum += curve.values[i];
  }
  return sum / static_cast<double>(curve.values.size() - first);
}

/// Sums for the standard deviation of what may be missing now and then.
class Spread {
 public:
  void add(std::optional<double> value) {
    if (value) {
      ++number_;
      const double before = *value - mean_;
      mean_ += before / number_;
      squares_ += before * (*value - mean_);
    }
  }
  double standard_deviation() const { return number_ > 1 ? std::sqrt(squares_ / (number_ - 1)) : 0; }

 private:
  int number_ = 0;
  double mean_ = 0, squares_ = 0;
};

std::vector<int> replicates_of(const Samples& samples) {
  std::vector<int> replicates;
  for (const auto& [size, by_replicate] : samples) {
    for (const auto& [replicate, value] : by_replicate) {
      replicates.push_back(replicate);
    }
  }
  std::ranges::sort(replicates);
  const auto repeated = std::ranges::unique(replicates);
  replicates.erase(repeated.begin(), repeated.end());
  return replicates;
}

/// By least squares over the sizes within a factor of kWindow, and the neighbours at least.
void add_local_slopes(std::vector<RatePoint>& points) {
  constexpr double kWindow = 3;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<double> log_n;
    std::vector<double> log_value;
    for (std::size_t j = 0; j < points.size(); ++j) {
      const double ratio = static_cast<double>(points[j].size) / static_cast<double>(points[i].size);
      const bool is_near = (ratio <= kWindow && ratio * kWindow >= 1) || (i <= j + 1 && j <= i + 1);
      if (is_near && points[j].value > 0) {
        log_n.push_back(std::log(static_cast<double>(points[j].size)));
        log_value.push_back(std::log(points[j].value));
      }
    }
    if (log_n.size() > 1) {
      points[i].local_slope = slope_of(log_n, log_value);
    }
  }
}

/// Everything but what is expected.
void describe(const Samples& samples, const Study& study, RateRow& row) {
  const bool is_chi_square = row.metric == kChiSquare;
  const Statistic statistic = is_chi_square ? Statistic{} : study.statistic;
  const std::vector<int> replicates = replicates_of(samples);
  const Curve curve = curve_of(samples, replicates, statistic);
  std::map<std::int64_t, Spread> of_sizes;
  Spread of_slope;
  Spread of_slope_log;
  Spread of_mean;
  Stream stream(study.seed, text_hash(fmt::format("{}\n{}\n{}", row.arm, row.metric, row.atom.value_or(-1))),
                "bootstrap of rates");
  std::vector<int> drawn(replicates.size());
  for (int b = 0; b < kNumBootstraps && replicates.size() > 1; ++b) {
    for (int& replicate : drawn) {
      replicate = replicates[static_cast<std::size_t>(stream.below(static_cast<int>(replicates.size())))];
    }
    const Curve sample = curve_of(samples, drawn, statistic);
    for (std::size_t i = 0; i < sample.sizes.size(); ++i) {
      of_sizes[sample.sizes[i]].add(sample.values[i]);
    }
    of_slope.add(sample.slope);
    of_slope_log.add(sample.slope_log);
    of_mean.add(upper_mean(sample));
  }
  for (std::size_t i = 0; i < curve.sizes.size(); ++i) {
    const std::int64_t size = curve.sizes[i];
    const int number = static_cast<int>(samples.at(size).size());
    row.points.push_back({size, number, curve.values[i], of_sizes[size].standard_deviation(), {}});
    row.num_replicates = std::max(row.num_replicates, number);
  }
  const bool has_errors = replicates.size() > 1;
  if (is_chi_square) {
    row.mean = upper_mean(curve);
    row.mean_se = has_errors ? std::optional(of_mean.standard_deviation()) : std::nullopt;
    return;
  }
  add_local_slopes(row.points);
  row.slope = curve.slope;
  row.slope_log = curve.slope_log;
  if (has_errors && curve.slope) {
    row.slope_se = of_slope.standard_deviation();
    row.slope_log_se = of_slope_log.standard_deviation();
  }
}

RateVerdict verdict_on_mean(const RateRow& row) {
  constexpr double kLargestShare = 0.25;
  constexpr double kSurely = 3;
  if (!row.mean_se || kSurely * *row.mean_se > kLargestShare * std::abs(*row.mean)) {
    return RateVerdict::too_noisy;
  }
  return std::abs(*row.mean - row.expected->value) <= kSurely * *row.mean_se ? RateVerdict::agrees
                                                                             : RateVerdict::differs;
}

RateVerdict verdict_on_slope(const RateRow& row, std::span<const PlannedArm> planned) {
  const auto of_arm = std::ranges::find(planned, row.arm, &PlannedArm::arm);
  const bool is_of_parameters = row.metric != "regression_l2";
  const bool is_undetermined = is_of_parameters && of_arm != planned.end() && !of_arm->sizes.empty() &&
                               of_arm->sizes.back().largest_error > kLargestUsefulError;
  if (!row.slope_se || *row.slope_se > kNoisySlope || is_undetermined) {
    return RateVerdict::too_noisy;
  }
  return std::abs(*row.slope - row.expected->value) <= row.expected->tolerance + 2 * *row.slope_se
             ? RateVerdict::agrees
             : RateVerdict::differs;
}

void judge(const Arm& arm, std::span<const PlannedArm> planned, RateRow& row) {
  for (const ExpectedRate& expected : arm.expected) {
    if (expected.metric == row.metric && expected.atom == row.atom) {
      row.expected = expected;
    }
  }
  if (row.expected) {
    row.verdict = row.metric == kChiSquare ? verdict_on_mean(row) : verdict_on_slope(row, planned);
  }
}

/// The metric's value of a trial: of one atom, or the largest.
std::optional<double> value_of(const TrialRow::Values& values, std::optional<int> atom) {
  if (atom) {
    const auto at = static_cast<std::size_t>(*atom);
    return at < values.size() ? values[at] : std::nullopt;
  }
  std::optional<double> largest;
  for (const std::optional<double>& value : values) {
    if (value && (!largest || *value > *largest)) {
      largest = value;
    }
  }
  return largest;
}

Samples samples_of(std::span<const TrialRow> rows, const std::string& arm, std::size_t metric,
                   std::optional<int> atom) {
  Samples samples;
  for (const TrialRow& row : rows) {
    if (row.key.arm == arm) {
      if (const std::optional<double> value = value_of(row.values[metric], atom)) {
        samples[row.key.size][row.key.replicate] = *value;
      }
    }
  }
  return samples;
}

}  // namespace

std::string verdict_name(RateVerdict verdict) {
  constexpr std::array kNames{"agrees", "differs", "too_noisy"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

std::vector<RateRow> rates(const Study& study, std::span<const TrialRow> rows,
                           std::span<const PlannedArm> planned) {
  std::vector<RateRow> result;
  for (const Arm& arm : study.arms) {
    for (std::size_t m = 0; m < metrics().size(); ++m) {
      const int num_atoms = metrics()[m].is_of_atoms ? arm.truth.model.spec.num_experts : 0;
      for (int atom = -1; atom < num_atoms; ++atom) {
        RateRow row;
        row.arm = arm.name;
        row.metric = metrics()[m].name;
        row.atom = atom < 0 ? std::nullopt : std::optional(atom);
        const Samples samples = samples_of(rows, arm.name, m, row.atom);
        if (!samples.empty()) {
          describe(samples, study, row);
          judge(arm, planned, row);
          result.push_back(std::move(row));
        }
      }
    }
  }
  return result;
}

nlohmann::ordered_json to_json(const RateRow& row) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  Json points = Json::array();
  for (const RatePoint& point : row.points) {
    points.push_back({{"size", point.size},
                      {"num_replicates", point.num_replicates},
                      {"value", point.value},
                      {"standard_error", point.standard_error},
                      {"local_slope", or_null(point.local_slope)}});
  }
  return {{"arm", row.arm},
          {"atom", or_null(row.atom)},
          {"metric", row.metric},
          {"slope", or_null(row.slope)},
          {"slope_se", or_null(row.slope_se)},
          {"slope_log", or_null(row.slope_log)},
          {"slope_log_se", or_null(row.slope_log_se)},
          {"mean", or_null(row.mean)},
          {"mean_se", or_null(row.mean_se)},
          {"expected", row.expected ? Json(row.expected->value) : Json(nullptr)},
          {"verdict", row.verdict ? Json(verdict_name(*row.verdict)) : Json(nullptr)},
          {"source", row.expected ? Json(row.expected->source) : Json(nullptr)},
          {"num_sizes", row.points.size()},
          {"num_replicates", row.num_replicates},
          {"points", points}};
}

}  // namespace moest
