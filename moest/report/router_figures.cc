#include "moest/report/router_figures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>

#include "moest/base/number.h"
#include "moest/report/gnuplot.h"

namespace moest {
namespace {

/// A number of the evaluations that is drawn over the steps.
struct DrawnField {
  std::string name;  // of the field and the figure's files
  std::string title;
  std::string caption;
};

std::vector<DrawnField> drawn_fields(const ComparedTask& task) {
  return {{std::string(task.curve), std::string(task.curve_title),
           "The mean over the seeds, with a band of one standard error"},
          {"load_entropy", "entropy of the load",
           "Of the shares of all choices that fall on each expert, over log k: 1 where all are used equally"},
          {"weight_entropy", "entropy of a token's weights",
           "Mean over tokens, over log k: 1 where a router does not choose, 0 where it is certain"},
          {"change_rate", "experts that change",
           "The share of choices that differ from those of the same tokens at the evaluation before"},
          {"margin", "margin of the choice",
           "Mean distance of the last score that is chosen and the next, in units of the scores"}};
}

/// The curve of a contestant that has points.
struct NamedCurve {
  std::string name;
  Eigen::Index place;  // among the contestants, whose colours are the same in all figures
  std::vector<CurvePoint> points;
};

std::vector<NamedCurve> curves_of(const RouterComparison& comparison, std::span<const RunRow> rows,
                                  const std::string& field) {
  std::vector<NamedCurve> curves;
  for (std::size_t i = 0; i < comparison.contestants.size(); ++i) {
    const std::string& name = comparison.contestants[i].name;
    std::vector<CurvePoint> points = learning_curve(comparison, rows, name, field);
    if (!points.empty()) {
      curves.push_back({name, static_cast<Eigen::Index>(i), std::move(points)});
    }
  }
  return curves;
}

constexpr std::size_t kColumnsPerCurve = 3;  // mean, standard error, seeds

/// A line of names, and one for each step.
std::string curves_csv(const std::vector<NamedCurve>& curves) {
  std::string text = "step";
  std::set<std::int64_t> steps;
  for (const NamedCurve& curve : curves) {
    text += fmt::format(",{0} mean,{0} standard_error,{0} seeds", curve.name);
    for (const CurvePoint& point : curve.points) {
      steps.insert(point.step);
    }
  }
  text += "\n";
  for (const std::int64_t step : steps) {
    text += std::to_string(step);
    for (const NamedCurve& curve : curves) {
      const auto point = std::ranges::find(curve.points, step, &CurvePoint::step);
      text += point == curve.points.end() ? ",,,"
                                          : fmt::format(",{},{},{}", exact_text(point->mean),
                                                        exact_text(point->standard_error), point->num_seeds);
    }
    text += "\n";
  }
  return text;
}

constexpr const char* kSettings =
    "set encoding utf8\n"
    "set datafile separator comma\n"
    "set border 3 lc rgb '#606060'\n"
    "set tics nomirror textcolor rgb '#303030'\n"
    "set grid lc rgb '#e6e6e6' lt 1\n"
    "set key top center outside vertical maxcols 1 Left reverse noenhanced samplen 2.5\n";

/// What a task's value shows of its first steps, where it is far from what it comes to, would hide the rest.
std::string range_of(const std::vector<NamedCurve>& curves, bool is_value) {
  double low = 0, high = 0;
  bool is_first = true;
  for (const NamedCurve& curve : curves) {
    const auto begin = curve.points.begin() + (is_value && curve.points.size() > 3 ? 1 : 0);
    for (auto point = begin; point != curve.points.end(); ++point) {
      low = is_first ? point->mean : std::min(low, point->mean - point->standard_error);
      high = is_first ? point->mean : std::max(high, point->mean + point->standard_error);
      is_first = false;
    }
  }
  const double margin = high > low ? 0.05 * (high - low) : std::max(0.1, 0.1 * std::abs(low));
  return fmt::format("set yrange [{:.6g}:{:.6g}]\n", low - margin, high + margin);
}

PlotCommand curves_command(const std::string& name, const std::vector<NamedCurve>& curves,
                           Tooltips tooltips) {
  constexpr Eigen::Index kNumColours = 6;
  constexpr std::array kDashes{1, 2, 4};
  const std::string file = in_quotes(name + ".csv");
  std::vector<std::string> elements;
  PlotCommand command;
  const auto add = [&](const std::string& element) {
    elements.push_back(element);
    return static_cast<int>(elements.size());
  };
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::size_t column = 2 + kColumnsPerCurve * i;
    const Eigen::Index index = curves[i].place;
    const std::string of_curve = fmt::format("lc rgb '{}'", colour(index % kNumColours));
    LegendSwitch all;
    all.elements.push_back(add(fmt::format(
        "{0} skip 1 using 1:(${1} - ${2}):(${1} + ${2}) with filledcurves fs transparent solid 0.15 "
        "noborder {3} notitle",
        file, column, column + 1, of_curve)));
    all.entry =
        add(fmt::format("{} skip 1 using 1:{} with linespoints lw 2 dt {} pt 7 ps 0.4 {} title {}", file,
                        column, kDashes.at(static_cast<std::size_t>(index / kNumColours) % kDashes.size()),
                        of_curve, in_quotes(curves[i].name)));
    if (tooltips == Tooltips::shown) {
      all.elements.push_back(add(fmt::format(
          R"({0} skip 1 using 1:{1}:({2} . sprintf("\nstep %.0f\n%.5g, standard error %.2g\n%.0f seeds", $1, ${1}, ${3}, ${4})) )"
          R"(with labels hypertext noenhanced point pt 7 ps 0.4 {5} notitle)",
          file, column, in_quotes(curves[i].name), column + 1, column + 2, of_curve)));
    }
    command.switches.push_back(std::move(all));
  }
  command.text = fmt::format("plot {}\n", fmt::join(elements, ", \\\n     "));
  return command;
}

Figure figure_of(const DrawnField& field, const std::vector<NamedCurve>& curves, bool is_value) {
  Figure figure;
  figure.name = field.name;
  figure.title = field.title;
  figure.caption = field.caption;
  figure.data = curves_csv(curves);
  const std::string settings = fmt::format("{}set xlabel 'steps'\nset ylabel {} noenhanced\n{}", kSettings,
                                           in_quotes(field.title), range_of(curves, is_value));
  draw(figure, settings, curves_command(field.name, curves, Tooltips::none),
       curves_command(field.name, curves, Tooltips::shown));
  return figure;
}

/// A round number of which five or fewer fill the length.
double tick_distance(double length) {
  const double power = std::pow(10, std::floor(std::log10(length / 5)));
  return power * (5 * power >= length ? 1 : 10 * power >= length ? 2 : 25 * power >= length ? 5 : 10);
}

/// Why a difference judges nobody; empty where it does.
std::string remark(const std::optional<DifferenceVerdict>& verdict) {
  using enum DifferenceVerdict;
  return verdict == unstable || verdict == incomplete ? fmt::format(" ({})", name_of(*verdict)) : "";
}

/// Differences with their intervals, from the top in the order of the contestants.
Figure differences_figure(const RouterComparison& comparison, std::span<const ContestantSummary> summaries) {
  Figure figure;
  figure.name = "differences";
  figure.title = fmt::format("{}: differences to {}", comparison.compared().title, comparison.reference);
  figure.caption = fmt::format(
      "Paired by seed; all intervals hold together with probability 0.95 where seeds, routers and the one "
      "they are compared with were fixed beforehand. {} of the line is better",
      comparison.compared().smaller_is_better ? "Left" : "Right");
  figure.data = "place,difference,low,high,seeds,contestant\n";
  std::vector<std::string> names;
  int place = 0;
  double least = 0, most = 0;
  for (const ContestantSummary& summary : summaries) {
    if (summary.difference) {
      const PairedDifference& difference = *summary.difference;
      least = std::min(least, difference.low);
      most = std::max(most, difference.high);
      figure.data +=
          fmt::format("{},{},{},{},{},{}\n", ++place, exact_text(difference.mean), exact_text(difference.low),
                      exact_text(difference.high), difference.num_seeds, summary.name);
      names.push_back(fmt::format("{} {}", in_quotes(summary.name + remark(summary.verdict)), place));
    }
  }
  const std::string ticks = most > least ? exact_text(tick_distance(most - least)) : "autofreq";
  const std::string settings = fmt::format(
      "{}unset key\nset xtics {}\nset yrange [{}:0.5] noreverse\nset ytics ({}) noenhanced\nset xlabel {} "
      "noenhanced\n"
      "set arrow from 0, graph 0 to 0, graph 1 nohead lw 1.5 dt 2 lc rgb '#606060'\nset offsets graph 0.05, "
      "graph "
      "0.05, 0, 0\n",
      kSettings, ticks, place + 0.5, fmt::join(names, ", "),
      in_quotes(fmt::format("{} less that of {}", comparison.compared().title, comparison.reference)));
  const std::string bars = fmt::format(
      "plot 'differences.csv' skip 1 using 2:1:3:4 with xerrorbars pt 7 ps 0.9 lw 2 lc rgb '{}' notitle",
      colour(0));
  const std::string tips =
      R"(, 'differences.csv' skip 1 using 2:1:(strcol(6) . sprintf("\n%+.4g [%+.4g, %+.4g]\n%.0f seeds", $2, $3, $4, $5)) )"
      R"(with labels hypertext noenhanced point pt 7 ps 0.9 notitle)";
  draw(figure, settings, {bars + "\n", {}}, {bars + tips + "\n", {}});
  return figure;
}

}  // namespace

std::vector<Figure> router_figures(const RouterComparison& comparison, std::span<const RunRow> rows,
                                   std::span<const ContestantSummary> summaries) {
  std::vector<Figure> figures;
  if (std::ranges::any_of(summaries,
                          [](const ContestantSummary& summary) { return summary.difference.has_value(); })) {
    figures.push_back(differences_figure(comparison, summaries));
  }
  for (const DrawnField& field : drawn_fields(comparison.compared())) {
    const std::vector<NamedCurve> curves = curves_of(comparison, rows, field.name);
    if (!curves.empty()) {
      figures.push_back(figure_of(field, curves, field.name == comparison.compared().curve));
    }
  }
  return figures;
}

}  // namespace moest
