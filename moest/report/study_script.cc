#include "moest/report/study_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "moest/report/gnuplot.h"

namespace moest {
namespace {

/// What the vertical axis shows.
struct Range {
  double low, high;
};

Range range_of(const std::vector<StudyCurve>& curves, bool is_log) {
  std::vector<double> shown;
  for (const StudyCurve& curve : curves) {
    for (const RatePoint& point : curve.rate->points) {
      shown.push_back(point.value);
      shown.push_back(point.value + point.standard_error);
      // A bar that goes down to nothing or below has no place on a logarithmic scale.
      constexpr double kLowestShare = 0.3;
      shown.push_back(is_log ? std::max(point.value - point.standard_error, kLowestShare * point.value)
                             : point.value - point.standard_error);
    }
    for (const auto* line : {&curve.fitted, &curve.expected}) {
      for (const std::optional<double>& value : *line) {
        shown.push_back(value.value_or(shown.back()));
      }
    }
  }
  std::erase_if(shown, [&](double value) { return !std::isfinite(value) || (is_log && value <= 0); });
  const auto [low, high] = std::ranges::minmax(shown);
  if (is_log) {
    const double margin = std::max(1.1, std::pow(high / low, 0.06));
    return {low / margin, high * margin};
  }
  const double margin = high > low ? 0.08 * (high - low) : std::max(1.0, std::abs(low));
  return {low - margin, high + margin};
}

/// "0.02", but "2 × 10^{-5}" for what has many digits.
std::string mark_text(double value) {
  constexpr double kSmall = 1e-3;
  constexpr double kLarge = 1e5;
  if (value > kSmall * (1 - 1e-9) && value < kLarge) {
    return fmt::format("{:.6g}", value);
  }
  const double power = std::floor(std::log10(value) + 1e-9);
  return fmt::format("{:.4g} × 10^{{{:.0f}}}", value / std::pow(10, power), power);
}

/// Marks for an axis on which gnuplot would have one or two: empty if it has enough.
std::string marks(const std::string& axis, const Range& range) {
  constexpr double kEnough = 30;
  constexpr double kFew = 6;
  if (range.high >= kEnough * range.low) {
    return "";
  }
  std::vector<std::string> values;
  const auto add = [&](double value) {
    if (value >= range.low && value <= range.high) {
      values.push_back(fmt::format("'{}' {:.6g}", mark_text(value), value));
    }
  };
  double step = std::pow(10.0, std::floor(std::log10(range.high - range.low)));
  step *= range.high - range.low < 2.5 * step ? 0.5 : range.high - range.low < 5 * step ? 1 : 2;
  if (range.high < kFew * range.low) {
    for (double i = std::ceil(range.low / step); i * step <= range.high; ++i) {
      add(i * step);
    }
  } else {
    for (double power = std::pow(10.0, std::floor(std::log10(range.low))); power <= range.high; power *= 10) {
      std::ranges::for_each(std::array{power, 2 * power, 5 * power}, add);
    }
  }
  return fmt::format("set {0}tics ({1})\n", axis, fmt::join(values, ", "));
}

/// The plot command, whose elements gnuplot numbers from 1, and what the entries of the legend switch.
class PlotBuilder {
 public:
  PlotBuilder(const std::string& metric, const std::vector<StudyCurve>& curves, Tooltips tooltips)
      : file_(in_quotes(metric + ".csv")), tooltips_(tooltips) {
    for (std::size_t i = 0; i < curves.size(); ++i) {
      add_curve(curves[i], i);
    }
    if (!fitted_.empty()) {
      switches_.push_back({add("keyentry with lines lw 2 lc rgb '#606060' title 'fitted'"), fitted_});
    }
    if (!expected_.empty()) {
      switches_.push_back(
          {add(fmt::format("keyentry with lines lw 2 dt 2 lc rgb '#606060' title 'expected{}'",
                           is_level(metric) ? "" : ", through the middle of the points")),
           expected_});
    }
  }

  PlotCommand command() const {
    return {fmt::format("plot {}\n", fmt::join(elements_, ", \\\n     ")), switches_};
  }

 private:
  int add(const std::string& element) {
    elements_.push_back(element);
    return static_cast<int>(elements_.size());
  }

  void add_curve(const StudyCurve& curve, std::size_t index) {
    // A number of marks and one of colours without a common factor: thirty curves differ.
    constexpr std::array kMarks{7, 5, 9, 13, 11};
    constexpr std::size_t kNumColours = 6;
    const auto has_any = [](const auto& line) {
      return std::ranges::any_of(line, [](const auto& value) { return value.has_value(); });
    };
    const std::size_t first = 2 + kCurveColumns.size() * index;
    // The seventh of the colours, a yellow, is too light for lines on white.
    const std::string of_curve =
        fmt::format("lc rgb '{}'", colour(static_cast<Eigen::Index>(index % kNumColours)));
    const std::string mark = fmt::format("pt {} ps 0.9", kMarks[index % kMarks.size()]);
    LegendSwitch all;
    if (has_any(curve.fitted)) {
      fitted_.push_back(
          add(fmt::format("{} skip 1 using 1:{} with lines lw 2 {} notitle", file_, first + 4, of_curve)));
      all.elements.push_back(fitted_.back());
    }
    if (has_any(curve.expected)) {
      expected_.push_back(add(
          fmt::format("{} skip 1 using 1:{} with lines lw 2 dt 2 {} notitle", file_, first + 5, of_curve)));
      all.elements.push_back(expected_.back());
    }
    all.entry = add(fmt::format(
        "{0} skip 1 using 1:{1}:(low_end(${1}, ${2})):(${1} + ${2}) with yerrorbars {3} lw 1.5 {4} "
        "title {5}",
        file_, first, first + 1, mark, of_curve, in_quotes(curve.legend)));
    if (tooltips_ == Tooltips::shown) {
      all.elements.push_back(
          add(fmt::format("{} skip 1 using 1:{}:({}) with labels hypertext noenhanced point "
                          "{} {} notitle",
                          file_, first, tooltip(curve, first), mark, of_curve)));
    }
    switches_.push_back(std::move(all));
  }

  /// The terminal puts a tooltip between double quotes and leaves those inside as they are. A missing value
  /// that is read by $ takes the whole point away, by column() it does not.
  static std::string tooltip(const StudyCurve& curve, std::size_t first) {
    std::string name;
    for (const char c : curve.name) {
      name += c == '"' ? "”" : std::string(1, c);
    }
    return fmt::format(
        R"(sprintf("n = %.0f\n", $1) . {0} . sprintf("\n%.4g, standard error %.2g\n%.0f replicates", )"
        R"(${1}, ${2}, ${3}) . (valid({4}) ? sprintf("\nlocal slope %.2f", column({4})) : ''))",
        in_quotes(name), first, first + 1, first + 2, first + 3);
  }

  std::string file_;
  Tooltips tooltips_;
  std::vector<std::string> elements_;
  std::vector<LegendSwitch> switches_;
  std::vector<int> fitted_, expected_;
};

}  // namespace

std::string metric_title(const std::string& metric) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTitles{
      {{"regression_l2", "regression error, L2"},
       {"voronoi_raw", "Voronoi loss, raw"},
       {"voronoi_reduced", "Voronoi loss, reduced"},
       {"l2r", "Voronoi loss L2,r"},
       {"split_rms", "distances in split cells"},
       {"largest_error", "distance of single atoms"},
       {"mass_error", "error of masses"},
       {kChiSquare, "chi-square"}}};
  const auto known =
      std::ranges::find(kTitles, metric, &std::pair<std::string_view, std::string_view>::first);
  return known == kTitles.end() ? metric : std::string(known->second);
}

std::string statistic_title(const Statistic& statistic) {
  return statistic.kind == Statistic::Kind::mean ? "mean"
         : statistic.quantile == 0.5             ? "median"
                                                 : fmt::format("{:g} quantile", statistic.quantile);
}

std::string figure_settings(const Study& study, const std::string& metric,
                            const std::vector<StudyCurve>& curves) {
  const bool is_log = !is_level(metric);
  const Range vertical = range_of(curves, is_log);
  constexpr double kMargin = 1.25;
  const Range sizes{static_cast<double>(study.sizes.front()) / kMargin,
                    static_cast<double>(study.sizes.back()) * kMargin};
  const std::string label =
      fmt::format("{} ({})", metric_title(metric), statistic_title(is_log ? study.statistic : Statistic{}));
  std::string text =
      "set encoding utf8\n"
      "set datafile separator comma\n"
      "set border 3 lc rgb '#606060'\n"
      "set tics nomirror textcolor rgb '#303030'\n"
      "set grid lc rgb '#e6e6e6' lt 1\n"
      "set bars 0.6\n"
      "set key top center outside vertical maxcols 1 Left reverse noenhanced samplen 2.5\n";
  text += fmt::format("set xlabel 'samples n'\nset ylabel {} noenhanced\n", in_quotes(label));
  text += fmt::format("set logscale x\nset xrange [{:.6g}:{:.6g}]\nset format x '10^{{%T}}'\n", sizes.low,
                      sizes.high);
  text += marks("x", sizes);
  text += is_log ? "set logscale y\nset format y '10^{%T}'\n" + marks("y", vertical) : "";
  return text + fmt::format(
                    "bottom = {0:.6g}\nset yrange [bottom:{1:.6g}]\n"
                    "low_end(value, error) = value - error > bottom ? value - error : bottom\n",
                    vertical.low, vertical.high);
}

PlotCommand plot_command(const std::string& metric, const std::vector<StudyCurve>& curves,
                         Tooltips tooltips) {
  return PlotBuilder(metric, curves, tooltips).command();
}

}  // namespace moest
