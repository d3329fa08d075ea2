#include "moest/report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/model/effects.h"
#include "moest/model/predict.h"
#include "moest/report/gnuplot.h"

namespace moest {
namespace {

constexpr std::array<std::string_view, 4> kKindNames{"fit", "gate", "residuals", "effects"};

// An expert's curve is drawn where its weight is at least this.
constexpr double kVisibleWeight = 0.02;
constexpr Eigen::Index kGridPoints = 400;
// Of more samples, one in so many is drawn that the picture stays small.
constexpr Eigen::Index kMostPoints = 20000;

// The same colour half transparent: '#RRGGBB' with an alpha in front, a band under the line of the fit.
std::string faded(const std::string& colour) { return "#90" + colour.substr(1); }

constexpr std::string_view kStyle =
    "set border 3 lc rgb '#606060'\nset tics nomirror\nset grid lc rgb '#e6e6e6' lt 1\nset datafile missing "
    "NaN\n";

// x, f, w_1..w_k, h_1..h_k over the range of the input; h_i only where it counts.
Eigen::MatrixXd curves(const Model& model, const Eigen::VectorXd& x, int target, int num_threads) {
  const Eigen::VectorXd grid = Eigen::VectorXd::LinSpaced(kGridPoints, x.minCoeff(), x.maxCoeff());
  Predictions values = predict(model, grid, num_threads);
  const Eigen::Index k = values.weights.cols();
  const Eigen::MatrixXd experts =
      (values.weights.array() >= kVisibleWeight)
          .select(values.experts.middleCols(target * k, k), std::numeric_limits<double>::quiet_NaN());
  Eigen::MatrixXd rows(grid.size(), 2 + 2 * k);
  rows << grid, values.mean.col(target), values.weights, experts;
  return rows;
}

// One in how many samples is drawn.
Eigen::Index thinning(Eigen::Index num_samples) { return (num_samples + kMostPoints - 1) / kMostPoints; }

// Smaller where points crowd.
double point_size(Eigen::Index num_samples) {
  return num_samples <= 500 ? 0.7 : num_samples <= 5000 ? 0.45 : 0.3;
}

std::string thinning_note(Eigen::Index step) { return step > 1 ? fmt::format(" (one in {})", step) : ""; }

std::string gate_panel(const Model& model) {
  std::string text = fmt::format("set xlabel {}\nset ylabel 'gate weight'\nset yrange [-0.02:1.02]\nplot ",
                                 in_quotes(model.inputs.front()));
  const auto k = static_cast<Eigen::Index>(model.atoms.size());
  for (Eigen::Index i = 0; i < k; ++i) {
    text += fmt::format("{}$curves using 1:{} with lines lw 2 lc rgb '{}' title 'expert {}'",
                        i > 0 ? ", " : "", 3 + i, colour(i), i + 1);
  }
  return text + "\n";
}

std::string fit_over_input(const Model& model, const Dataset& data, int target, int num_threads) {
  const auto k = static_cast<Eigen::Index>(model.atoms.size());
  const auto y = data.target.col(0);
  const Eigen::Index step = thinning(y.size());
  Eigen::MatrixXd samples((y.size() + step - 1) / step, 2);
  for (Eigen::Index row = 0; row < samples.rows(); ++row) {
    samples.row(row) << data.inputs(row * step, 0), y(row * step);
  }
  std::string text = data_block("samples", samples);
  text += data_block("curves", curves(model, data.inputs.col(0), target, num_threads));
  text += kStyle;
  // The picture shows the data's range; an expert may run out of it where its weight is small.
  const double low = y.minCoeff();
  const double high = y.maxCoeff();
  const double margin = high > low ? 0.06 * (high - low) : std::max(1.0, std::abs(low));
  text += "set multiplot\nset lmargin 11\nset rmargin 3\nset origin 0,0.36\nset size 1,0.64\n";
  text += fmt::format("set ylabel {}\nset yrange [{}:{}]\nset key top left opaque\n",
                      in_quotes(data.target_names.front()), low - margin, high + margin);
  text += fmt::format("plot $samples using 1:2 with points pt 7 ps {} lc rgb '#909090' title 'data{}', ",
                      point_size(samples.rows()), thinning_note(step));
  for (Eigen::Index i = 0; i < k; ++i) {
    text += fmt::format("$curves using 1:{} with lines lw 9 lc rgb '{}' title 'expert {}', ", 3 + k + i,
                        faded(colour(i)), i + 1);
  }
  text += "$curves using 1:2 with lines lw 2.5 lc rgb '#000000' title 'fit'\n";
  text += "set origin 0,0\nset size 1,0.36\nset key off\n" + gate_panel(model) + "unset multiplot\n";
  return text;
}

std::string gate_over_input(const Model& model, const Dataset& data, int num_threads) {
  return data_block("curves", curves(model, data.inputs.col(0), 0, num_threads)) + std::string(kStyle) +
         "set key outside top center horizontal\n" + gate_panel(model);
}

// The range of an input, never empty.
std::pair<double, double> range_of(const Eigen::VectorXd& x) {
  const double low = x.minCoeff();
  const double high = x.maxCoeff();
  return high > low ? std::pair(low, high) : std::pair(low - 1, low + 1);
}

// x_1, x_2, red, green and blue on a grid over the first two inputs: the experts' colours, mixed by their
// weights; what these leave of one is white, and where their sum is larger they are mixed in proportion.
Eigen::MatrixXd gate_colours(const Model& model, const Dataset& data, int num_threads) {
  constexpr Eigen::Index kCells = 160;
  const auto [left, right] = range_of(data.inputs.col(0));
  const auto [bottom, top] = range_of(data.inputs.col(1));
  Eigen::MatrixXd inputs = data.inputs.colwise().mean().replicate(kCells * kCells, 1);
  inputs.col(0) = Eigen::VectorXd::LinSpaced(kCells, left, right).replicate(kCells, 1);
  inputs.col(1) = Eigen::RowVectorXd::LinSpaced(kCells, bottom, top).replicate(kCells, 1).reshaped();
  const Predictions values = predict(model, inputs, num_threads);
  Eigen::MatrixXd colours(values.weights.cols(), 3);
  for (Eigen::Index expert = 0; expert < colours.rows(); ++expert) {
    const unsigned long rgb = std::stoul(colour(expert).substr(1), nullptr, 16);
    colours.row(expert) << static_cast<double>(rgb >> 16U), static_cast<double>(rgb >> 8U & 0xFFU),
        static_cast<double>(rgb & 0xFFU);
  }
  Eigen::MatrixXd rows(inputs.rows(), 5);
  constexpr double kWhite = 255;
  const Eigen::ArrayXd total = values.weights.rowwise().sum().array();
  const Eigen::ArrayXd white = kWhite * (1 - total).max(0);
  const Eigen::MatrixXd mixed = (values.weights * colours).array().colwise() / total.max(1);
  rows << inputs.leftCols(2), mixed.colwise() + white.matrix();
  return rows;
}

std::string gate_over_plane(const Model& model, const Dataset& data, int num_threads) {
  const Eigen::Index step = thinning(data.inputs.rows());
  const auto num_points = (data.inputs.rows() + step - 1) / step;
  const Eigen::MatrixXd points = data.inputs(Eigen::seqN(0, num_points, step), Eigen::seqN(0, 2));
  const auto [left, right] = range_of(data.inputs.col(0));
  const auto [bottom, top] = range_of(data.inputs.col(1));
  std::string text =
      data_block("weights", gate_colours(model, data, num_threads)) + data_block("samples", points);
  text += kStyle;
  text += fmt::format("set xlabel {}\nset ylabel {}\nset xrange [{}:{}]\nset yrange [{}:{}]\n",
                      in_quotes(model.inputs[0]), in_quotes(model.inputs[1]), left, right, bottom, top);
  text += "set key outside top center horizontal\nset tics front\n";
  if (data.inputs.cols() > 2) {
    text += "set title 'gate weights, the other inputs at their means'\n";
  }
  text += "plot $weights using 1:2:3:4:5 with rgbimage notitle";
  for (Eigen::Index expert = 0; expert < static_cast<Eigen::Index>(model.atoms.size()); ++expert) {
    text += fmt::format(", keyentry with points pt 5 ps 1.5 lc rgb '{}' title 'expert {}'", colour(expert),
                        expert + 1);
  }
  return text + fmt::format(", $samples using 1:2 with points pt 7 ps {} lc rgb '#303030' title 'data{}'\n",
                            0.6 * point_size(num_points), thinning_note(step));
}

// 1, 2 or 5 times a power of ten, so that no more than three of them fill the range.
double tic_step(double range) {
  const double raw = range / 3;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  return power * (raw <= power ? 1 : raw <= 2 * power ? 2 : raw <= 5 * power ? 5 : 10);
}

// A panel for each input, all on one scale; of many inputs those with the largest effects.
std::string effect_panels(const Ensemble& ensemble, const Dataset& data, int target, int num_threads) {
  constexpr std::size_t kMostPanels = 12;
  std::vector<PartialEffect> effects = partial_effects(ensemble, data.inputs, target, num_threads);
  std::stable_sort(effects.begin(), effects.end(),
                   [](const PartialEffect& a, const PartialEffect& b) { return a.range() > b.range(); });
  const Model& model = ensemble.members.front();
  const bool has_more = effects.size() > kMostPanels;
  effects.resize(std::min(effects.size(), kMostPanels));
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  std::string blocks;
  for (std::size_t i = 0; i < effects.size(); ++i) {
    low = std::min(low, effects[i].means.minCoeff());
    high = std::max(high, effects[i].means.maxCoeff());
    Eigen::MatrixXd rows(effects[i].values.size(), 2);
    rows << effects[i].values, effects[i].means;
    blocks += data_block(fmt::format("effect{}", i), rows);
  }
  const double margin = high > low ? 0.06 * (high - low) : 1.0;
  const std::size_t columns = effects.size() <= 2 ? effects.size() : effects.size() <= 6 ? 3 : 4;
  std::string text = blocks + std::string(kStyle);
  text += fmt::format(
      "set yrange [{}:{}]\nunset key\nset multiplot layout {},{} title {}\n", low - margin, high + margin,
      (effects.size() + columns - 1) / columns, columns,
      in_quotes(fmt::format("mean {} with one input moved{}", model.targets[static_cast<std::size_t>(target)],
                            has_more ? ", the largest effects" : "")));
  for (std::size_t i = 0; i < effects.size(); ++i) {
    const Eigen::VectorXd& values = effects[i].values;
    const double range = values.maxCoeff() - values.minCoeff();
    text +=
        fmt::format("set xlabel {}\nset xtics {}\nplot $effect{} using 1:2 with {} lw 2 pt 7 lc rgb '{}'\n",
                    in_quotes(model.inputs[static_cast<std::size_t>(effects[i].input)]),
                    range > 0 ? exact_text(tic_step(range)) : "autofreq", i,
                    values.size() <= 5 ? "linespoints" : "lines", colour(0));
  }
  return text + "unset multiplot\n";
}

// Points coloured by the expert with the largest weight, over a reference curve in gnuplot's words.
std::string scatter(const Eigen::VectorXd& x, const Eigen::VectorXd& y, const Eigen::MatrixXd& weights,
                    std::string_view reference) {
  std::string blocks;
  std::string curves = fmt::format("plot {}", reference);
  for (Eigen::Index expert = 0; expert < weights.cols(); ++expert) {
    std::vector<Eigen::Index> led;
    for (Eigen::Index row = 0; row < weights.rows(); row += thinning(weights.rows())) {
      Eigen::Index leader = 0;
      weights.row(row).maxCoeff(&leader);
      if (leader == expert) {
        led.push_back(row);
      }
    }
    if (led.empty()) {
      continue;
    }
    Eigen::MatrixXd rows(static_cast<Eigen::Index>(led.size()), 2);
    rows << x(led), y(led);
    blocks += data_block(fmt::format("expert{}", expert + 1), rows);
    curves += fmt::format(", $expert{} using 1:2 with points pt 7 ps {} lc rgb '{}' title 'expert {} leads'",
                          expert + 1, point_size(weights.rows()), colour(expert), expert + 1);
  }
  return blocks + std::string(kStyle) + "set key outside top center horizontal\n" + curves + "\n";
}

}  // namespace

std::vector<std::string> plot_kind_names() { return {kKindNames.begin(), kKindNames.end()}; }

PlotKind plot_kind(const std::string& name) {
  const auto* found = std::find(kKindNames.begin(), kKindNames.end(), name);
  if (found == kKindNames.end()) {
    throw InputError(fmt::format("unknown kind of picture `{}`", name),
                     fmt::format("known: {}", listed(plot_kind_names())), "Choose a known kind.");
  }
  return static_cast<PlotKind>(found - kKindNames.begin());
}

bool is_of_ensembles(PlotKind kind) { return kind == PlotKind::effects; }

void plot(const Ensemble& ensemble, const Dataset& data, PlotKind kind, int target, const std::string& path,
          int num_threads) {
  MOEST_EXPECT(ensemble.members.size() == 1 || is_of_ensembles(kind));
  const Model& model = ensemble.members.front();
  MOEST_EXPECT(target >= 0 && target < model.spec.num_outputs);
  MOEST_EXPECT(kind == PlotKind::gate || kind == PlotKind::effects || data.target.cols() == 1);
  check_picture(path);
  if (kind == PlotKind::effects) {
    run_gnuplot(effect_panels(ensemble, data, target, num_threads), path);
    return;
  }
  const bool one_input = data.inputs.cols() == 1;
  if (kind == PlotKind::fit && one_input) {
    run_gnuplot(fit_over_input(model, data, target, num_threads), path);
    return;
  }
  if (kind == PlotKind::gate) {
    run_gnuplot(
        one_input ? gate_over_input(model, data, num_threads) : gate_over_plane(model, data, num_threads),
        path);
    return;
  }
  const Predictions values = predict(model, data.inputs, num_threads);
  const bool residuals = kind == PlotKind::residuals;
  const Eigen::VectorXd fitted = values.mean.col(target);
  const Eigen::VectorXd observed = data.target.col(0);
  const Eigen::VectorXd y = residuals ? Eigen::VectorXd(observed - fitted) : fitted;
  const Eigen::VectorXd& x = residuals ? fitted : observed;
  const std::string& name = data.target_names.front();
  const std::string labels = fmt::format(
      "set xlabel {}\nset ylabel {}\n",
      in_quotes((residuals ? "fitted " : "observed ") + name + thinning_note(thinning(data.target.rows()))),
      in_quotes(residuals ? "residual" : "fitted " + name));
  const std::string_view reference = residuals ? "0 with lines lc rgb '#000000' notitle"
                                               : "x with lines lc rgb '#000000' title 'perfect fit'";
  run_gnuplot(labels + scatter(x, y, values.weights, reference), path);
}

}  // namespace moest
