#include "nn/comparison_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "moest/report/text_table.h"

namespace moest::nn {
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

std::string budgets_text(std::span<const ContestantSummary> summaries) {
  std::int64_t fewest = 0, most = 0, least_steps = 0, most_steps = 0;
  for (const ContestantSummary& summary : summaries) {
    if (summary.num_active_parameters > 0) {
      fewest = fewest == 0 ? summary.num_active_parameters : std::min(fewest, summary.num_active_parameters);
      most = std::max(most, summary.num_active_parameters);
      least_steps = least_steps == 0 ? summary.steps : std::min(least_steps, summary.steps);
      most_steps = std::max(most_steps, summary.steps);
    }
  }
  if (fewest == 0) {
    return "";
  }
  std::string text =
      fewest == most ? fmt::format("All have {} parameters in use at a token", most)
                     : fmt::format("The largest has {} more parameters in use at a token than the smallest",
                                   percent(static_cast<double>(most - fewest) / static_cast<double>(fewest)));
  text += least_steps == most_steps ? fmt::format(", and all made {} steps.", most_steps)
                                    : fmt::format("; steps differ: {} to {}.", least_steps, most_steps);
  return text;
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
  if (better.empty() && worse.empty() && noise.empty()) {
    sentences.push_back("Differences need two seeds or more that both have.");
  } else {
    sentences.emplace_back("Intervals are paired by seed and hold together with probability 0.95.");
  }
  sentences.push_back(budgets_text(summaries));
  const std::string failed =
      names_where(summaries, [](const ContestantSummary& summary) { return summary.num_failed > 0; });
  if (!failed.empty()) {
    sentences.push_back(
        fmt::format("Runs of {} failed and count in no mean: read theirs with care.", failed));
  }
  return fmt::format("{}", fmt::join(sentences, " "));
}

std::string comparison_text(const RouterComparison& comparison,
                            std::span<const ContestantSummary> summaries) {
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

}  // namespace moest::nn
