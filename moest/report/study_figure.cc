#include "moest/report/study_figure.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/number.h"
#include "moest/report/gnuplot.h"
#include "moest/report/study_tables.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

constexpr int kWidth = 640;
constexpr int kPlotHeight = 430;
constexpr int kLegendLine = 21;
/// What each curve has in the data, after the column of the sizes.
constexpr std::array<const char*, 6> kColumns{"value",       "standard_error", "replicates",
                                              "local_slope", "fitted",         "expected"};

/// A folder of the system's temporary folder that goes away with its object.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((fs::temp_directory_path() / "moest-figure-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw EnvironmentError("cannot make a temporary folder", path_,
                             "Check TMPDIR and the free space on its disk.");
    }
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (fs::path(path_) / name).string(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

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

bool is_mean(const RateRow& rate) { return rate.metric == kChiSquare; }
bool can_be_drawn(const RateRow& rate) {
  return std::ranges::any_of(rate.points, [&](const RatePoint& point) {
    return std::isfinite(point.value) && (is_mean(rate) || (point.value > 0 && point.size > 1));
  });
}

/// The fitted line at the sizes of the points; of a mean over the upper half of them.
std::vector<std::optional<double>> fitted_line(const RateRow& rate) {
  std::vector<std::optional<double>> line(rate.points.size());
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (is_mean(rate)) {
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
    line[i] = is_mean(rate) ? rate.expected->value
                            : PowerLaw(rate.points, rate.expected->value).at(rate.points[i].size);
  }
  return line;
}

/// A curve of the figure.
struct Curve {
  const RateRow* rate;
  std::string name;  // of the arm, and the atom
  std::string legend;
  std::vector<std::optional<double>> fitted, expected;
};

std::string legend_of(const RateRow& rate, const std::string& name) {
  const std::optional<double>& value = is_mean(rate) ? rate.mean : rate.slope;
  const std::optional<double>& error = is_mean(rate) ? rate.mean_se : rate.slope_se;
  std::string text = name;
  if (value) {
    text += fmt::format(", {} {:.3f}", is_mean(rate) ? "mean" : "slope", *value);
    text += error ? fmt::format(" ({:.3f})", *error) : "";
  }
  return text + (rate.expected ? fmt::format(", expected {:.4g}", rate.expected->value) : "");
}

std::vector<Curve> curves_of(std::span<const RateRow> rates, const std::string& metric) {
  std::vector<Curve> curves;
  for (const RateRow& rate : rates) {
    if (rate.metric == metric && (!rate.atom || rate.expected) && can_be_drawn(rate)) {
      const std::string name = rate.atom ? fmt::format("{}, atom {}", rate.arm, *rate.atom) : rate.arm;
      curves.push_back({&rate, name, legend_of(rate, name), fitted_line(rate), expected_line(rate)});
    }
  }
  return curves;
}

/// `text` in one line.
std::string in_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

/// The six fields of a curve at one size; empty ones if it has no point there.
std::array<std::string, kColumns.size()> fields_at(const Curve& curve, std::int64_t size) {
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

std::string data_of(const Study& study, const std::vector<Curve>& curves) {
  std::string text = "size";
  for (const Curve& curve : curves) {
    for (const char* column : kColumns) {
      text += "," + csv_field(in_line(fmt::format("{} {}", curve.name, column)));
    }
  }
  for (const std::int64_t size : study.sizes) {
    text += fmt::format("\n{}", size);
    for (const Curve& curve : curves) {
      text += fmt::format(",{}", fmt::join(fields_at(curve, size), ","));
    }
  }
  return text + "\n";
}

/// What the vertical axis shows.
struct Range {
  double low, high;
};

Range range_of(const std::vector<Curve>& curves, bool is_log) {
  std::vector<double> shown;
  for (const Curve& curve : curves) {
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

/// Marks for an axis on which gnuplot would have one or two: empty if it has enough.
std::string marks(const std::string& axis, const Range& range) {
  constexpr double kEnough = 30;
  constexpr double kFew = 4;
  if (range.high >= kEnough * range.low) {
    return "";
  }
  std::vector<std::string> values;
  const auto add = [&](double value) {
    if (value >= range.low && value <= range.high) {
      values.push_back(fmt::format("{:.6g}", value));
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
  return fmt::format("set format {0} '%g'\nset {0}tics ({1})\n", axis, fmt::join(values, ", "));
}

/// Everything of the script but terminals and the plot command.
std::string settings_of(const Study& study, const std::string& metric, const std::vector<Curve>& curves) {
  const bool is_log = metric != kChiSquare;
  const Range vertical = range_of(curves, is_log);
  constexpr double kMargin = 1.25;
  const Range sizes{static_cast<double>(study.sizes.front()) / kMargin,
                    static_cast<double>(study.sizes.back()) * kMargin};
  const std::string label =
      fmt::format("{} of {}", statistic_title(is_log ? study.statistic : Statistic{}), metric_title(metric));
  std::string text =
      "set datafile separator comma\nset border 3 lc rgb '#606060'\nset tics nomirror textcolor rgb "
      "'#303030'\n"
      "set grid lc rgb '#e6e6e6' lt 1\nset bars 0.6\n"
      "set key bottom center outside vertical maxcols 1 Left reverse noenhanced samplen 2.5\n";
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

enum class Tooltips { none, shown };

/// The plot command, whose elements gnuplot numbers from 1, and what the entries of the legend switch.
class PlotCommand {
 public:
  PlotCommand(const std::string& metric, const std::vector<Curve>& curves, Tooltips tooltips)
      : file_(in_quotes(metric + ".csv")), tooltips_(tooltips) {
    for (std::size_t i = 0; i < curves.size(); ++i) {
      add_curve(curves[i], i);
    }
    if (!fitted_.empty()) {
      switches_.push_back({add("keyentry with lines lw 2 lc rgb '#606060' title 'fitted'"), fitted_});
    }
    if (!expected_.empty()) {
      switches_.push_back(
          {add("keyentry with lines lw 2 dt 2 lc rgb '#606060' title 'expected, through the middle'"),
           expected_});
    }
  }

  std::string text() const { return fmt::format("plot {}\n", fmt::join(elements_, ", \\\n     ")); }
  const std::vector<StudyFigure::Switch>& switches() const { return switches_; }

 private:
  int add(const std::string& element) {
    elements_.push_back(element);
    return static_cast<int>(elements_.size());
  }

  void add_curve(const Curve& curve, std::size_t index) {
    constexpr std::array kMarks{7, 5, 9, 13, 11, 15};
    const auto has_any = [](const auto& line) {
      return std::ranges::any_of(line, [](const auto& value) { return value.has_value(); });
    };
    const std::size_t first = 2 + kColumns.size() * index;
    // The seventh of the colours, a yellow, is too light for lines on white.
    const std::string of_curve =
        fmt::format("lc rgb '{}'", colour(static_cast<Eigen::Index>(index % kMarks.size())));
    const std::string mark = fmt::format("pt {} ps 0.9", kMarks[index % kMarks.size()]);
    StudyFigure::Switch all;
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
  static std::string tooltip(const Curve& curve, std::size_t first) {
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
  std::vector<StudyFigure::Switch> switches_;
  std::vector<int> fitted_, expected_;
};

/// The content of the picture METRIC.ENDING that the script draws of the figure's data.
std::string drawn(const StudyFigure& figure, const std::string& script, const std::string& ending) {
  const TemporaryFolder folder;
  const std::string picture = folder.file(fmt::format("{}.{}", figure.metric, ending));
  write_output(folder.file(figure.metric + ".csv"), figure.data);
  run_gnuplot(fmt::format("cd {}\n{}", in_quotes(folder.path()), script), picture);
  return read_input(picture);
}

StudyFigure figure_of(const Study& study, const std::string& metric, const std::vector<Curve>& curves) {
  StudyFigure figure;
  figure.metric = metric;
  figure.data = data_of(study, curves);
  const PlotCommand on_paper(metric, curves, Tooltips::none);
  const PlotCommand on_screen(metric, curves, Tooltips::shown);
  figure.switches = on_screen.switches();
  figure.width = kWidth;
  figure.height = kPlotHeight + kLegendLine * static_cast<int>(figure.switches.size());
  constexpr double kInches = 4.8;
  const std::string svg = fmt::format("background '#ffffff' font 'Helvetica,15' enhanced size {},{}\n",
                                      figure.width, figure.height);
  const std::string for_svg = "set terminal svg dynamic " + svg;
  const std::string for_pdf =
      fmt::format("set terminal pdfcairo font 'Helvetica,11' enhanced size {:.3g}in,{:.3g}in\n", kInches,
                  kInches * figure.height / figure.width);
  const std::string settings = settings_of(study, metric, curves);
  figure.script = fmt::format(
      "# Run `gnuplot {0}.gp` in this folder: it draws {0}.svg and {0}.pdf of {0}.csv.\n"
      "{1}set output '{0}.svg'\n{2}{3}{4}set output '{0}.pdf'\nreplot\n",
      metric, for_svg, settings, on_paper.text(), for_pdf);
  figure.svg = drawn(figure, for_svg + settings + on_paper.text(), "svg");
  figure.pdf = drawn(figure, for_pdf + settings + on_paper.text(), "pdf");
  figure.interactive =
      drawn(figure, "set terminal svg dynamic mouse standalone " + svg + settings + on_screen.text(), "svg");
  return figure;
}

}  // namespace

std::string metric_title(const std::string& metric) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTitles{
      {{"regression_l2", "regression error, L2"},
       {"voronoi_raw", "Voronoi loss, raw"},
       {"voronoi_reduced", "Voronoi loss, reduced"},
       {"l2r", "Voronoi loss L2,r"},
       {"split_rms", "split cells, root mean square"},
       {"largest_error", "error of single atoms"},
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

std::vector<StudyFigure> study_figures(const Study& study, std::span<const RateRow> rates) {
  std::vector<StudyFigure> figures;
  for (const Metric& metric : metrics()) {
    const std::vector<Curve> curves = curves_of(rates, metric.name);
    if (!curves.empty()) {
      figures.push_back(figure_of(study, metric.name, curves));
    }
  }
  return figures;
}

}  // namespace moest
