#include "moest/report/study_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "moest/report/study_health.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

std::string number(double value) { return fmt::format("{:.3g}", value); }
std::string with_error(const std::optional<double>& value, const std::optional<double>& error) {
  return !value  ? "-"
         : error ? fmt::format("{:.3f} ({:.3f})", *value, *error)
                 : fmt::format("{:.3f}", *value);
}

std::string design_text(const Study& study) {
  const bool is_uniform = study.inputs.kind == InputDistribution::Kind::uniform;
  std::string text = study.name + "\n";
  if (!study.claim.empty()) {
    text += "  claim       " + wrapped(study.claim, 14) + "\n";
  }
  if (!study.source.empty()) {
    text += "  source      " + wrapped(study.source, 14) + "\n";
  }
  text += fmt::format("  sizes       {} from {} to {}, {} replicates of each\n", study.sizes.size(),
                      study.sizes.front(), study.sizes.back(), study.replicates);
  text += fmt::format("  inputs      {} {}, {}; noise {}; seed {}\n", is_uniform ? "uniform" : "normal",
                      study.inputs.first, study.inputs.second, study.noise, study.seed);
  return text;
}

std::string statistic_name(const Statistic& statistic) {
  return statistic.kind == Statistic::Kind::mean ? "mean"
         : statistic.quantile == 0.5             ? "median"
                                                 : fmt::format("{} quantile", statistic.quantile);
}

std::vector<std::string> cells_of(const RateRow& rate) {
  const bool is_mean = rate.mean.has_value();
  const std::string slope =
      is_mean ? with_error(rate.mean, rate.mean_se) : with_error(rate.slope, rate.slope_se);
  const std::string last =
      rate.points.back().local_slope ? fmt::format("{:.2f}", *rate.points.back().local_slope) : "-";
  return {rate.arm,
          rate.metric + (is_mean ? " (mean)" : ""),
          rate.atom ? std::to_string(*rate.atom) : "-",
          slope,
          is_mean ? "-" : last,
          rate.expected ? fmt::format("{:.3g}", rate.expected->value) : "-",
          rate.verdict ? verdict_name(*rate.verdict) : "-",
          std::to_string(rate.points.size()),
          std::to_string(rate.num_replicates)};
}

}  // namespace

std::string arm_title(const Arm& arm) {
  const MixtureSpec& fitted = arm.fitted;
  const MixtureSpec& truth = arm.truth.model.spec;
  std::string text = fmt::format("{} gate, {} {} experts of {} input{}", fitted.gate.kind, fitted.num_experts,
                                 fitted.expert.kind, truth.num_inputs, truth.num_inputs == 1 ? "" : "s");
  const bool is_alike = fitted.gate.kind == truth.gate.kind && fitted.expert.kind == truth.expert.kind;
  text += is_alike
              ? fmt::format("; truth: {}", truth.num_experts)
              : fmt::format("; truth: {} gate, {} {}", truth.gate.kind, truth.num_experts, truth.expert.kind);
  if (arm.truth.is_random) {
    text += ", drawn for each replicate";
  }
  if (arm.truth.sequence) {
    const TruthSequence& sequence = *arm.truth.sequence;
    text += fmt::format(", {} {} approaching {} as n^-{}",
                        sequence.what == TruthSequence::What::gate ? "gate" : "atom", sequence.move,
                        sequence.towards, sequence.exponent);
  }
  return text + (arm.start == Arm::Start::near ? "; started beside the truth" : "; blind starts");
}

std::string plan_text(const Study& study, std::span<const PlannedArm> planned) {
  std::string text = design_text(study) + "\n";
  TextTable table(
      {"arm", "predicted error at", "smallest n", "middle", "largest n", "split cells, largest n"});
  for (const PlannedArm& arm : planned) {
    if (arm.sizes.empty()) {
      table.add_row({arm.arm, "not predicted"});
      continue;
    }
    const PlannedSize& last = arm.sizes.back();
    table.add_row({arm.arm, "", number(arm.sizes.front().largest_error),
                   number(arm.sizes[arm.sizes.size() / 2].largest_error), number(last.largest_error),
                   last.largest_split > 0 ? number(last.largest_split) : "-"});
  }
  text += table.text();
  for (const Arm& arm : study.arms) {
    text += fmt::format("\n  {:<12}{}", arm.name, wrapped(" " + arm_title(arm), 15));
  }
  text += "\n";
  for (const PlannedArm& arm : planned) {
    for (const std::string& warning : arm.warnings) {
      text += "  caution     " + wrapped(fmt::format("{}: {}", arm.arm, warning), 14) + "\n";
    }
  }
  return text;
}

std::string status_text(const Study& study, std::span<const TrialRow> rows) {
  TextTable table({"arm", "size", "done", "of", "failed", "not converged", "iterations", "starts", "agreeing",
                   "at a bound", "ms per trial"});
  for (const SizeHealth& of : study_health(study, rows)) {
    table.add_row({of.arm, std::to_string(of.size), std::to_string(of.num_done),
                   std::to_string(study.replicates), std::to_string(of.num_failed),
                   std::to_string(of.num_unconverged), number(of.mean_iterations), number(of.mean_starts),
                   number(of.mean_agreeing_starts), percent(of.share_at_bound), number(of.milliseconds)});
  }
  std::string text = design_text(study) + "\n" + table.text();
  for (const FailureReason& failure : failure_reasons(rows)) {
    text += fmt::format("\n  {}: {} trials failed, the first is {}: {}\n", failure.arm, failure.num_trials,
                        failure.first.text(), wrapped(failure.reason, 4));
  }
  return text;
}

std::string rates_text(const Study& study, std::span<const RateRow> rates) {
  TextTable table(
      {"arm", "metric", "atom", "slope (se)", "last", "expected", "verdict", "sizes", "replicates"});
  std::vector<const RateRow*> ordered;
  for (const RateRow& rate : rates) {
    ordered.push_back(&rate);
  }
  std::ranges::stable_partition(ordered, [](const RateRow* rate) { return rate->expected.has_value(); });
  for (const RateRow* rate : ordered) {
    table.add_row(cells_of(*rate));
  }
  return fmt::format(
      "{}\n  slopes of the log {} over replicates against log n; `last` is the local one at the end\n\n{}",
      design_text(study), statistic_name(study.statistic), table.text());
}

std::string duration_text(double seconds) {
  constexpr double kMinute = 60;
  constexpr double kHour = 3600;
  return seconds < 2 * kMinute ? fmt::format("{:.3g} s", seconds)
         : seconds < 2 * kHour ? fmt::format("{:.3g} minutes", seconds / kMinute)
                               : fmt::format("{:.3g} hours", seconds / kHour);
}

}  // namespace moest
