#include "moest/report/study_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "moest/base/number.h"
#include "moest/report/study_tables.h"

namespace moest {
namespace {

/// The line of slope `slope` through the middle of the points, both on logarithmic scales.
class PowerLaw {
 public:
  PowerLaw(const std::vector<RatePoint>& points, double slope) : slope_(slope) {
    int number = 0;
    for (const RatePoint& point : points) {
      if (point.value > 0 && point.size > 1) {
        middle_x_ += std::log(static_cast<double>(point.size));
        middle_y_ += std::log(point.value);
        ++number;
      }
    }
    middle_x_ /= number;
    middle_y_ /= number;
  }
  double at(std::int64_t size) const {
    return std::exp(middle_y_ + slope_ * (std::log(static_cast<double>(size)) - middle_x_));
  }

 private:
  double slope_;
  double middle_x_ = 0, middle_y_ = 0;
};

bool can_be_drawn(const RateRow& rate) {
  return std::ranges::any_of(rate.points, [&](const RatePoint& point) {
    return std::isfinite(point.value) && (is_level(rate.metric) || (point.value > 0 && point.size > 1));
  });
}

/// The fitted line at the sizes of the points; of a mean over the upper half of them.
std::vector<std::optional<double>> fitted_line(const RateRow& rate) {
  std::vector<std::optional<double>> line(rate.points.size());
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (is_level(rate.metric)) {
      line[i] = i >= line.size() / 2 ? rate.mean : std::nullopt;
    } else if (rate.slope) {
      line[i] = PowerLaw(rate.points, *rate.slope).at(rate.points[i].size);
    }
  }
  return line;
}

std::vector<std::optional<double>> expected_line(const RateRow& rate) {
  std::vector<std::optional<double>> line(rate.points.size());
  for (std::size_t i = 0; i < line.size() && rate.expected; ++i) {
    line[i] = is_level(rate.metric) ? rate.expected->value
                                    : PowerLaw(rate.points, rate.expected->value).at(rate.points[i].size);
  }
  return line;
}

std::string legend_of(const RateRow& rate, const std::string& name) {
  const std::optional<double>& value = is_level(rate.metric) ? rate.mean : rate.slope;
  const std::optional<double>& error = is_level(rate.metric) ? rate.mean_se : rate.slope_se;
  std::string text = name;
  if (value) {
    text += fmt::format(", {} {:.3f}", is_level(rate.metric) ? "mean" : "slope", *value);
    text += error ? fmt::format(" ({:.3f})", *error) : "";
  }
  return text + (rate.expected ? fmt::format(", expected {:.4g}", rate.expected->value) : "");
}

/// `text` in one line.
std::string in_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

/// The six fields of a curve at one size; empty ones if it has no point there.
std::array<std::string, kCurveColumns.size()> fields_at(const StudyCurve& curve, std::int64_t size) {
  const auto or_nothing = [](const std::optional<double>& value) {
    return value && std::isfinite(*value) ? exact_text(*value) : "";
  };
  const std::vector<RatePoint>& points = curve.rate->points;
  const auto point = std::ranges::find(points, size, &RatePoint::size);
  if (point == points.end()) {
    return {};
  }
  const auto i = static_cast<std::size_t>(point - points.begin());
  return {or_nothing(point->value),
          or_nothing(point->standard_error),
          std::to_string(point->num_replicates),
          or_nothing(point->local_slope),
          or_nothing(curve.fitted[i]),
          or_nothing(curve.expected[i])};
}

}  // namespace

bool is_level(const std::string& metric) { return metric == kChiSquare; }

std::vector<StudyCurve> study_curves(std::span<const RateRow> rates, const std::string& metric) {
  std::vector<StudyCurve> curves;
  for (const RateRow& rate : rates) {
    if (rate.metric == metric && (!rate.atom || rate.expected) && can_be_drawn(rate)) {
      const std::string name = rate.atom ? fmt::format("{}, atom {}", rate.arm, *rate.atom) : rate.arm;
      curves.push_back({&rate, name, legend_of(rate, name), fitted_line(rate), expected_line(rate)});
    }
  }
  return curves;
}

std::string curves_csv(const Study& study, const std::vector<StudyCurve>& curves) {
  std::string text = "size";
  for (const StudyCurve& curve : curves) {
    for (const char* column : kCurveColumns) {
      text += "," + csv_field(in_line(fmt::format("{} {}", curve.name, column)));
    }
  }
  for (const std::int64_t size : study.sizes) {
    text += fmt::format("\n{}", size);
    for (const StudyCurve& curve : curves) {
      text += fmt::format(",{}", fmt::join(fields_at(curve, size), ","));
    }
  }
  return text + "\n";
}

}  // namespace moest
