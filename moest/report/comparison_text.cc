#include "moest/report/comparison_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "moest/base/option_json.h"
#include "moest/model/catalogue.h"
#include "moest/report/gnuplot.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

/// "softmax, tanh".
std::string family(const ComparisonRow& row) {
  return row.contender.spec.gate.kind + ", " + row.contender.spec.expert.kind;
}

std::string name_of(const ComparisonRow& row) {
  const int number = row.contender.spec.num_experts;
  return fmt::format("{} gate, {} {} expert{}", row.contender.spec.gate.kind, number,
                     row.contender.spec.expert.kind, number == 1 ? "" : "s");
}

/// With as many decimals as show two digits of the standard error.
std::string with_error(const Error& error) {
  if (!(error.standard_error > 0)) {
    return short_number(error.rmse);
  }
  const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(error.standard_error))), 0, 15);
  return fmt::format("{0:.{2}f} +- {1:.{2}f}", error.rmse, error.standard_error, decimals);
}

/// The options of a kind that are not at their defaults, as flags.
template <class Owner>
std::string flags(const KindInfo& info, std::span<const Option<Owner>> options, const Owner& owner) {
  std::string text;
  for (const Option<Owner>& option : options) {
    const auto value = option_json(option, owner);
    if (!info.has(option.name) || value == option_json(option, Owner{})) {
      continue;
    }
    std::string name(option.name);
    std::replace(name.begin(), name.end(), '_', '-');
    if (value.is_boolean()) {
      text += (value.template get<bool>() ? " --" : " --no-") + name;
    } else {
      text +=
          fmt::format(" --{} {}", name, value.is_string() ? value.template get<std::string>() : value.dump());
    }
  }
  return text;
}

std::string fit_command(const std::string& beginning, const ComparisonRow& row,
                        const ComparisonOptions& options) {
  const Contender& contender = row.contender;
  const GateSpec& gate = contender.spec.gate;
  const ExpertSpec& expert = contender.spec.expert;
  std::string text = beginning;
  text += gate.kind == GateSpec{}.kind ? "" : " --gate " + gate.kind;
  text += flags(gate_info(gate.kind), gate_options(), gate);
  text += " --expert " + expert.kind + flags(expert_kind(expert.kind).info, expert_options(), expert);
  text += fmt::format(" --experts {}", contender.spec.num_experts);
  text += contender.ridge > 0 ? fmt::format(" --ridge {}", short_number(contender.ridge)) : "";
  text += row.final_ensemble > 1 ? fmt::format(" --ensemble {}", row.final_ensemble) : "";
  text += options.clipping ? " --clipping" : "";
  text += fmt::format("{} --starts {} --tolerance {}", starts_greedily(contender) ? "" : " --no-greedy",
                      *options.final_starts, short_number(*options.tolerance));
  return text + " --output model.json";
}

std::string remark_on(const Comparison& comparison, int index) {
  const ComparisonRow& row = comparison.rows[static_cast<std::size_t>(index)];
  const std::vector<int>& blended = comparison.blend.rows;
  const bool is_blended = std::find(blended.begin(), blended.end(), index) != blended.end();
  std::string text = index == comparison.best ? "best"
                     : row.num_folds == 0     ? "not tried"
                     : row.dropped            ? fmt::format("dropped after {}", row.num_folds)
                     : row.within_one_se      ? "within one s.e."
                                              : "";
  if (is_blended) {
    text += text.empty() ? "blended" : ", blended";
  }
  return text;
}

std::string blend_text(const Comparison& comparison) {
  const ComparisonBlend& blend = comparison.blend;
  const auto number = comparison.model.members.size();
  std::string text = fmt::format("The mean of the {} blended rows does better: {} by cross-validation",
                                 blend.rows.size(), with_error(blend.cv));
  text += blend.test ? fmt::format(", {} on the test rows", with_error(*blend.test)) : "";
  return text + (number > 0
                     ? fmt::format(". --output writes it, {} models; --no-blending the best alone.", number)
                     : ".");
}

std::string rows_text(const Comparison& comparison) {
  std::vector<std::string> header{"gate, expert", "experts",  "parameters",
                                  "ridge",        "ensemble", "cross-validation"};
  if (comparison.has_test) {
    header.emplace_back("test");
  }
  header.insert(header.end(), {"train", "seconds", ""});
  TextTable table(std::move(header));
  for (int i = 0; i < static_cast<int>(comparison.rows.size()); ++i) {
    const ComparisonRow& row = comparison.rows[static_cast<std::size_t>(i)];
    std::vector<std::string> cells{family(row),
                                   std::to_string(row.contender.spec.num_experts),
                                   std::to_string(row.num_parameters),
                                   row.num_folds > 0 ? short_number(row.contender.ridge) : "",
                                   row.num_folds > 0 ? std::to_string(row.final_ensemble) : "",
                                   row.num_folds > 0 ? with_error(row.cv) : ""};
    if (comparison.has_test) {
      cells.push_back(row.test ? with_error(*row.test) : "");
    }
    cells.push_back(row.num_folds > 0 ? fmt::format("{:.4g}", row.train_rmse) : "");
    cells.push_back(fmt::format("{:.1f}", row.seconds));
    cells.push_back(remark_on(comparison, i));
    table.add_row(std::move(cells));
  }
  return table.text();
}

std::string title_of(const Baseline& baseline) {
  std::string title = baseline.name;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

/// What the model predicts each of several targets with, in its own unit.
std::string targets_text(const Comparison& comparison) {
  TextTable table({"target", comparison.has_test ? "test error" : "cross-validation"});
  for (std::size_t j = 0; j < comparison.by_target.size(); ++j) {
    table.add_row({comparison.targets[j], with_error(comparison.by_target[j])});
  }
  return "The model's error of each target, in its own unit:\n\n" + table.text();
}

std::string baselines_text(const Comparison& comparison) {
  TextTable table({"baseline", "error"});
  for (const Baseline& baseline : comparison.baselines) {
    table.add_row({title_of(baseline), with_error(baseline.error)});
  }
  return table.text();
}

/// Whether a mixture is worth it, in one sentence.
std::string verdict(const Comparison& comparison) {
  const ComparisonRow& best = comparison.rows[static_cast<std::size_t>(comparison.best)];
  if (best.contender.spec.num_experts == 1) {
    return "No mixture predicts better than a single expert.";
  }
  const ComparisonRow* single = nullptr;
  for (const ComparisonRow& row : comparison.rows) {
    if (row.contender.spec.num_experts == 1 && row.num_folds > 0 &&
        (single == nullptr || row.difference < single->difference)) {
      single = &row;
    }
  }
  if (single == nullptr) {
    return "A single expert was not compared: add 1 to --experts to see what the mixture gains.";
  }
  const double gain = 1 - best.cv.rmse / single->cv.rmse;
  return single->within_one_se
             ? fmt::format("A single {} expert predicts as well, up to the error of the comparison.",
                           single->contender.spec.expert.kind)
             : fmt::format("The mixture's error is {} below that of a single {} expert.", percent(gain),
                           single->contender.spec.expert.kind);
}

/// Which errors there are to show, standard errors included.
std::pair<double, double> range_of_errors(const Comparison& comparison) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  const auto see = [&](const Error& error) {
    low = std::min(low, std::max(error.rmse - error.standard_error, error.rmse / 2));
    high = std::max(high, error.rmse + error.standard_error);
  };
  for (const ComparisonRow& row : comparison.rows) {
    if (const std::optional<Error> error = comparison.error_of(row)) {
      see(*error);
    }
  }
  for (const Baseline& baseline : comparison.baselines) {
    see(baseline.error);
  }
  return low > 0 && high > low ? std::pair(0.9 * low, 1.1 * high) : std::pair(0.0, 1.0);
}

/// A logarithmic axis where errors differ by much, with numbers that it would not have by itself inside a
/// decade.
std::string error_axis(const Comparison& comparison) {
  constexpr double kMuch = 3;
  constexpr double kVeryMuch = 30;
  const auto [low, high] = range_of_errors(comparison);
  std::string range = fmt::format("set yrange [{}:{}]\n", low, high);
  if (!(high > kMuch * low) || low == 0) {
    return range;
  }
  std::vector<std::string> tics;
  for (int exponent = static_cast<int>(std::floor(std::log10(low))); std::pow(10, exponent) <= high;
       ++exponent) {
    const std::vector<int> digits =
        high > kVeryMuch * low ? std::vector<int>{1, 2, 5} : std::vector<int>{1, 2, 3, 4, 5, 6, 8};
    for (const int digit : digits) {
      tics.push_back(short_number(digit * std::pow(10, exponent)));
    }
  }
  return range + fmt::format("set logscale y\nset ytics ({})\n", fmt::join(tics, ", "));
}

std::string error_title(const std::vector<std::string>& targets) {
  return fmt::format("root mean squared error of {}{}", fmt::join(targets, ", "),
                     targets.size() > 1 ? " in their standard deviations" : "");
}

}  // namespace

std::string comparison_report(const Comparison& comparison, const std::string& source,
                              const std::string& command) {
  const std::string unit = comparison.targets.size() > 1
                               ? " in standard deviations of the targets, mean square over all of them"
                               : "";
  std::string text =
      fmt::format("{}: root mean squared errors{}, {} folds{}\n\n", source, unit, comparison.num_folds,
                  comparison.status == FitStatus::interrupted ? ", interrupted" : "");
  text += rows_text(comparison);
  if (!comparison.baselines.empty()) {
    text += "\n" + baselines_text(comparison);
  }
  if (comparison.best < 0) {
    return text;
  }
  if (!comparison.by_target.empty()) {
    text += "\n" + targets_text(comparison);
  }
  const auto row = [&](int index) -> const ComparisonRow& {
    return comparison.rows[static_cast<std::size_t>(index)];
  };
  text += "\n  " +
          wrapped(fmt::format("Best by cross-validation: {}. {}", name_of(row(comparison.best)),
                              verdict(comparison)),
                  2) +
          "\n";
  if (!comparison.blend.rows.empty()) {
    text += "  " + wrapped(blend_text(comparison), 2) + "\n";
  }
  if (comparison.simplest != comparison.best) {
    text += "  " +
            wrapped(fmt::format("The simplest within one standard error of it: {}, {} parameters "
                                "instead of {}.",
                                name_of(row(comparison.simplest)), row(comparison.simplest).num_parameters,
                                row(comparison.best).num_parameters),
                    2) +
            "\n";
  }
  return text + "\n  " + fit_command(command, row(comparison.best), comparison.options) + "\n";
}

void plot_comparison(const Comparison& comparison, const std::string& path) {
  std::vector<std::string> families;
  std::string blocks;
  std::string curves;
  for (const ComparisonRow& row : comparison.rows) {
    if (std::find(families.begin(), families.end(), family(row)) == families.end()) {
      families.push_back(family(row));
    }
  }
  for (std::size_t f = 0; f < families.size(); ++f) {
    std::vector<const ComparisonRow*> rows;
    for (const ComparisonRow& row : comparison.rows) {
      if (family(row) == families[f] && comparison.error_of(row)) {
        rows.push_back(&row);
      }
    }
    std::stable_sort(rows.begin(), rows.end(), [](const ComparisonRow* a, const ComparisonRow* b) {
      return a->contender.spec.num_experts < b->contender.spec.num_experts;
    });
    Eigen::MatrixXd points(static_cast<Eigen::Index>(rows.size()), 3);
    for (Eigen::Index i = 0; i < points.rows(); ++i) {
      const ComparisonRow& row = *rows[static_cast<std::size_t>(i)];
      const Error error = *comparison.error_of(row);
      points.row(i) << row.contender.spec.num_experts, error.rmse, error.standard_error;
    }
    blocks += data_block(fmt::format("family{}", f), points);
    curves += fmt::format(
        "{0}$family{1} using 1:2:3 with yerrorbars pt 7 ps 0.9 lc rgb '{2}' notitle, "
        "$family{1} using 1:2 with lines lw 2 lc rgb '{2}' title {3}",
        curves.empty() ? "plot " : ", ", f, colour(static_cast<Eigen::Index>(f)), in_quotes(families[f]));
  }
  for (std::size_t i = 0; i < comparison.baselines.size(); ++i) {
    const Baseline& baseline = comparison.baselines[i];
    if (baseline.name != "single_expert") {  // it is on a line already
      curves += fmt::format(", {} with lines dt {} lc rgb '#606060' title {}", baseline.error.rmse, i + 2,
                            in_quotes(title_of(baseline)));
    }
  }
  std::set<int> numbers;
  for (const ComparisonRow& row : comparison.rows) {
    numbers.insert(row.contender.spec.num_experts);
  }
  const std::string style = fmt::format(
                                "set logscale x 2\nset xrange [{}:{}]\nset xtics ({})\nset xlabel "
                                "'experts'\nset ylabel {}\nset key "
                                "outside right top\nset border 3\nset tics nomirror\n",
                                0.9 * *numbers.begin(), 1.1 * *numbers.rbegin(), fmt::join(numbers, ", "),
                                in_quotes(error_title(comparison.targets))) +
                            error_axis(comparison);
  run_gnuplot(blocks + style + curves + "\n", path);
}

}  // namespace moest
