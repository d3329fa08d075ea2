#include "moest/report/router_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "moest/report/text_table.h"

namespace moest {
namespace {

/// Decimals that show two digits of an error.
int decimals_for(double error) {
  constexpr int kMost = 6;
  return error > 0 ? std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, kMost) : 4;
}

std::string mean_text(const ContestantSummary& summary) {
  if (summary.num_runs == summary.num_failed) {
    return "";
  }
  return summary.standard_error ? fmt::format("{0:.{2}f} +- {1:.{2}f}", summary.mean, *summary.standard_error,
                                              decimals_for(*summary.standard_error))
                                : fmt::format("{:.4f}", summary.mean);
}

std::string difference_text(const ContestantSummary& summary) {
  if (!summary.difference) {
    return "";
  }
  const PairedDifference& difference = *summary.difference;
  return fmt::format("{0:+.{3}f} [{1:+.{3}f}, {2:+.{3}f}]", difference.mean, difference.low, difference.high,
                     decimals_for((difference.high - difference.low) / 2));
}

std::string number_text(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "";
}

/// The names of those that `holds` of, "a, b"; empty if of none.
template <class Holds>
std::string names_where(std::span<const ContestantSummary> summaries, Holds&& holds) {
  std::vector<std::string> names;
  for (const ContestantSummary& summary : summaries) {
    if (holds(summary)) {
      names.push_back(summary.name);
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Numbers that are known of these: the least and the largest; 0 where none is.
struct Range {
  std::int64_t least = 0, largest = 0;

  void add(std::int64_t low, std::int64_t high) {
    if (low > 0) {
      least = least == 0 ? low : std::min(least, low);
      largest = std::max(largest, high);
    }
  }
};

/// What differs in size or budget; empty where nothing is known.
std::string budgets_text(std::span<const ContestantSummary> summaries, std::string_view of_steps) {
  Range parameters, steps;
  for (const ContestantSummary& summary : summaries) {
    parameters.add(summary.num_active_parameters, summary.num_active_parameters);
    steps.add(summary.min_steps, summary.max_steps);
  }
  std::vector<std::string> sentences;
  if (parameters.largest > 0) {
    sentences.push_back(
        parameters.least == parameters.largest
            ? fmt::format("All have {} parameters in use at a token.", parameters.largest)
            : fmt::format("The largest has {} more parameters in use at a token than the smallest.",
                          percent(static_cast<double>(parameters.largest - parameters.least) /
                                  static_cast<double>(parameters.least))));
  }
  if (steps.largest > 0) {
    sentences.push_back(
        steps.least == steps.largest
            ? fmt::format("All runs made {} {}.", steps.largest, of_steps)
            : fmt::format("Runs made between {} and {} {}.", steps.least, steps.largest, of_steps));
  }
  return fmt::format("{}", fmt::join(sentences, " "));
}

/// Who has no verdict because of failed runs, and how many these are; empty where none failed.
std::string failures_text(const RouterComparison& comparison, std::span<const ContestantSummary> summaries) {
  std::vector<std::string> failed, unstable;
  for (const ContestantSummary& summary : summaries) {
    if (summary.num_failed > 0) {
      failed.push_back(fmt::format("{} of {} of {}", summary.num_failed, summary.num_runs, summary.name));
    }
    if (summary.verdict == DifferenceVerdict::unstable) {
      unstable.push_back(summary.name);
    }
  }
  if (failed.empty()) {
    return "";
  }
  std::string text =
      fmt::format("Runs failed: {}. They count in no mean and in no difference.", fmt::join(failed, ", "));
  if (!unstable.empty()) {
    text += fmt::format(" Unstable, so without a verdict against {}: {}.", comparison.reference,
                        fmt::join(unstable, ", "));
  }
  return text;
}

/// Who has no verdict because runs are missing; empty where none is.
std::string missing_text(const RouterComparison& comparison, std::span<const ContestantSummary> summaries) {
  const std::string incomplete = names_where(summaries, [](const ContestantSummary& summary) {
    return summary.verdict == DifferenceVerdict::incomplete;
  });
  return incomplete.empty() ? ""
                            : fmt::format(
                                  "Without a verdict against {} until the runs that are missing are "
                                  "there: {}.",
                                  comparison.reference, incomplete);
}

/// What is to be said of the rates that tuning chose; empty where there was none.
std::string tuning_text(const RouterComparison& comparison, std::span<const ContestantSummary> summaries) {
  if (comparison.learning_rates.size() < 2) {
    return "";
  }
  std::vector<std::string> sentences;
  const std::string at_edge =
      names_where(summaries, [](const ContestantSummary& summary) { return summary.has_rate_at_edge; });
  if (!at_edge.empty()) {
    const auto [least, largest] = std::ranges::minmax(comparison.learning_rates);
    sentences.push_back(
        fmt::format("The learning rates of {} are at the edge of those that were tried, {:g} to {:g}: better "
                    "ones may lie beyond it, so add some to --learning-rates.",
                    at_edge, least, largest));
  }
  const std::string untuned =
      names_where(summaries, [](const ContestantSummary& summary) { return !summary.learning_rate; });
  if (!untuned.empty()) {
    sentences.push_back(fmt::format("Runs that choose the learning rates of {} are missing.", untuned));
  }
  return fmt::format("{}", fmt::join(sentences, " "));
}

}  // namespace

std::string reading_of(const RouterComparison& comparison, std::span<const ContestantSummary> summaries) {
  const auto with_verdict = [&](DifferenceVerdict verdict) {
    return names_where(summaries,
                       [&](const ContestantSummary& summary) { return summary.verdict == verdict; });
  };
  std::vector<std::string> sentences;
  const std::string better = with_verdict(DifferenceVerdict::better);
  const std::string worse = with_verdict(DifferenceVerdict::worse);
  const std::string noise = with_verdict(DifferenceVerdict::within_noise);
  if (!better.empty()) {
    sentences.push_back(fmt::format("Better than {}: {}.", comparison.reference, better));
  }
  if (!worse.empty()) {
    sentences.push_back(fmt::format("Worse: {}.", worse));
  }
  if (!noise.empty()) {
    sentences.push_back(
        fmt::format("Within the noise between seeds, so that these runs do not tell them from {}: {}.",
                    comparison.reference, noise));
  }
  const bool has_differences = std::ranges::any_of(
      summaries, [](const ContestantSummary& summary) { return summary.difference.has_value(); });
  sentences.emplace_back(has_differences
                             ? "Intervals are paired by seed and hold together with probability 0.95 where "
                               "seeds, routers and the one they are compared with were fixed beforehand, not "
                               "with those chosen after a look at the results."
                             : "Differences need two seeds or more that both have.");
  sentences.push_back(failures_text(comparison, summaries));
  sentences.push_back(missing_text(comparison, summaries));
  sentences.push_back(tuning_text(comparison, summaries));
  sentences.push_back(budgets_text(summaries, comparison.compared().steps));
  std::erase(sentences, "");
  return fmt::format("{}", fmt::join(sentences, " "));
}

std::string router_text(const RouterComparison& comparison, std::span<const ContestantSummary> summaries) {
  const bool has_rates = comparison.learning_rates.size() > 1;
  std::vector<std::string> header{"router", "runs"};
  if (has_rates) {
    header.emplace_back("rate");
  }
  header.insert(header.end(), {std::string(comparison.compared().title),
                               fmt::format("difference to {}", comparison.reference), "in use",
                               "load entropy", "change rate", "seconds"});
  TextTable table(std::move(header));
  for (const ContestantSummary& summary : summaries) {
    std::string runs = fmt::format("{}", summary.num_runs);
    runs += summary.num_failed > 0 ? fmt::format(" ({} failed)", summary.num_failed) : "";
    std::vector<std::string> cells{summary.name, runs};
    if (has_rates) {
      cells.push_back(number_text(summary.learning_rate, "{:g}"));
    }
    const auto routing = [&](auto member) {
      return summary.routing ? std::optional<double>((*summary.routing).*member) : std::nullopt;
    };
    cells.insert(
        cells.end(),
        {mean_text(summary), difference_text(summary), fmt::format("{}", summary.num_active_parameters),
         number_text(routing(&RoutingMeans::load_entropy), "{:.3f}"),
         number_text(summary.routing ? summary.routing->change_rate : std::nullopt, "{:.3f}"),
         fmt::format("{:.1f}", summary.seconds)});
    table.add_row(std::move(cells));
  }
  return table.text() + "\n  " + wrapped(reading_of(comparison, summaries), 2) + "\n";
}

}  // namespace moest
