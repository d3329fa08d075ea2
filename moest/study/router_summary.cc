#include "moest/study/router_summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "moest/base/error.h"
#include "moest/model/student.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

struct Sample {
  double mean = 0;
  std::optional<double> standard_error;  // of two or more
};

Sample sample_of(const std::vector<double>& values) {
  const auto number = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  Sample sample{sum / number, {}};
  if (values.size() > 1) {
    double squares = 0;
    for (const double value : values) {
      squares += (value - sample.mean) * (value - sample.mean);
    }
    sample.standard_error = std::sqrt(squares / (number - 1) / number);
  }
  return sample;
}

/// The runs that count: of the seeds 1, 2, .. of the design, at the rate that was chosen.
std::vector<const RunRow*> final_runs(const RouterComparison& comparison, std::span<const RunRow> rows,
                                      const std::string& contestant) {
  const std::optional<double> rate = chosen_rate(comparison, contestant, rows);
  std::vector<const RunRow*> runs;
  for (const RunRow& row : rows) {
    if (row.key.contestant == contestant && row.key.seed >= 1 &&
        row.key.seed <= static_cast<std::uint64_t>(comparison.num_seeds) && row.key.learning_rate == rate) {
      runs.push_back(&row);
    }
  }
  return runs;
}

std::map<std::uint64_t, double> values_by_seed(const RouterComparison& comparison,
                                               std::span<const RunRow> rows, const std::string& contestant) {
  std::map<std::uint64_t, double> values;
  for (const RunRow* run : final_runs(comparison, rows, contestant)) {
    if (const std::optional<double> value = value_of(*run, comparison.compared())) {
      values[run->key.seed] = *value;
    }
  }
  return values;
}

/// A field of an evaluation; of its mixture layers the mean.
std::optional<double> field_of(const Json& evaluation, const std::string& field) {
  if (const auto own = evaluation.find(field); own != evaluation.end()) {
    return own->is_number() ? std::optional(own->get<double>()) : std::nullopt;
  }
  const auto layers = evaluation.find("routing");
  if (layers == evaluation.end() || !layers->is_array() || layers->empty()) {
    return std::nullopt;
  }
  double sum = 0;
  for (const Json& layer : *layers) {
    const auto value = layer.find(field);
    if (value == layer.end() || !value->is_number()) {
      return std::nullopt;
    }
    sum += value->get<double>();
  }
  return sum / static_cast<double>(layers->size());
}

/// By step, the mean over the series of a run.
std::map<std::int64_t, double> curve_of_run(const RunRow& run, const std::string& field) {
  std::set<std::string> series;
  std::map<std::int64_t, std::vector<double>> values;
  for (const Json& evaluation : run.evaluations) {
    series.insert(evaluation.value("series", ""));
    if (const std::optional<double> value = field_of(evaluation, field)) {
      values[evaluation.at("step").get<std::int64_t>()].push_back(*value);
    }
  }
  std::map<std::int64_t, double> curve;
  for (const auto& [step, of_step] : values) {
    if (of_step.size() == series.size()) {
      curve[step] = sample_of(of_step).mean;
    }
  }
  return curve;
}

/// The mean over the series of a run of what the last evaluation of each tells.
std::optional<double> last_of_run(const RunRow& run, const std::string& field) {
  std::map<std::string, std::optional<double>> last;
  for (const Json& evaluation : run.evaluations) {
    last[evaluation.value("series", "")] = field_of(evaluation, field);
  }
  std::vector<double> values;
  for (const auto& [series, value] : last) {
    if (value) {
      values.push_back(*value);
    }
  }
  return values.empty() ? std::nullopt : std::optional(sample_of(values).mean);
}

std::optional<RoutingMeans> routing_means(std::span<const RunRow* const> runs) {
  const auto last = [&](const char* field) -> std::optional<double> {
    std::vector<double> values;
    for (const RunRow* run : runs) {
      if (const std::optional<double> value = last_of_run(*run, field)) {
        values.push_back(*value);
      }
    }
    return values.empty() ? std::nullopt : std::optional(sample_of(values).mean);
  };
  const std::optional<double> load_entropy = last("load_entropy");
  if (!load_entropy) {
    return std::nullopt;
  }
  return RoutingMeans{*load_entropy, last("weight_entropy").value_or(0), last("change_rate"), last("margin")};
}

std::optional<PairedDifference> difference_of(const std::map<std::uint64_t, double>& values,
                                              const std::map<std::uint64_t, double>& reference,
                                              std::size_t num_comparisons) {
  std::vector<double> differences;
  for (const auto& [seed, value] : values) {
    if (const auto of_reference = reference.find(seed); of_reference != reference.end()) {
      differences.push_back(value - of_reference->second);
    }
  }
  if (differences.size() < 2) {
    return std::nullopt;
  }
  constexpr double kErrorRate = 0.05;
  const Sample sample = sample_of(differences);
  const double confidence = std::min(1 - kErrorRate / static_cast<double>(num_comparisons), kMostConfidence);
  const double reach =
      student_quantile(static_cast<double>(differences.size() - 1), confidence) * *sample.standard_error;
  return PairedDifference{sample.mean, sample.mean - reach, sample.mean + reach,
                          static_cast<int>(differences.size())};
}

bool is_at_edge(const std::optional<double>& rate, const std::vector<double>& rates) {
  if (rates.size() < 2 || !rate) {
    return false;
  }
  const auto [least, largest] = std::ranges::minmax(rates);
  return *rate == least || *rate == largest;
}

DifferenceVerdict verdict_of(const PairedDifference& difference, bool smaller_is_better) {
  if (difference.low <= 0 && difference.high >= 0) {
    return DifferenceVerdict::within_noise;
  }
  return (difference.mean < 0) == smaller_is_better ? DifferenceVerdict::better : DifferenceVerdict::worse;
}

/// Why nobody is to be judged by the runs of a contestant or of the reference; none where they are whole.
std::optional<DifferenceVerdict> obstacle(const ContestantSummary& summary, int num_seeds) {
  return summary.num_failed > 0         ? std::optional(DifferenceVerdict::unstable)
         : summary.num_runs < num_seeds ? std::optional(DifferenceVerdict::incomplete)
                                        : std::nullopt;
}

void add_verdicts(std::vector<ContestantSummary>& summaries, const RouterComparison& comparison) {
  const auto reference = std::ranges::find(summaries, comparison.reference, &ContestantSummary::name);
  MOEST_EXPECT(reference != summaries.end());
  const std::optional<DifferenceVerdict> of_reference = obstacle(*reference, comparison.num_seeds);
  for (ContestantSummary& summary : summaries) {
    if (summary.name == comparison.reference) {
      continue;
    }
    const std::optional<DifferenceVerdict> own = obstacle(summary, comparison.num_seeds);
    summary.verdict = own ? own : of_reference;
    if (!summary.verdict && summary.difference) {
      summary.verdict = verdict_of(*summary.difference, comparison.compared().smaller_is_better);
    }
  }
}

}  // namespace

std::string name_of(DifferenceVerdict verdict) {
  switch (verdict) {
    case DifferenceVerdict::better:
      return "better";
    case DifferenceVerdict::worse:
      return "worse";
    case DifferenceVerdict::within_noise:
      return "within_noise";
    case DifferenceVerdict::unstable:
      return "unstable";
    case DifferenceVerdict::incomplete:
      break;
  }
  return "incomplete";
}

std::vector<ContestantSummary> summarise(const RouterComparison& comparison, std::span<const RunRow> rows) {
  const ComparedTask& task = comparison.compared();
  const std::map<std::uint64_t, double> reference = values_by_seed(comparison, rows, comparison.reference);
  std::vector<ContestantSummary> summaries;
  for (const Contestant& contestant : comparison.contestants) {
    ContestantSummary& summary = summaries.emplace_back();
    summary.name = contestant.name;
    summary.learning_rate = chosen_rate(comparison, contestant.name, rows);
    summary.has_rate_at_edge = is_at_edge(summary.learning_rate, comparison.learning_rates);
    std::vector<const RunRow*> runs = final_runs(comparison, rows, contestant.name);
    summary.num_runs = static_cast<int>(runs.size());
    std::erase_if(runs, [&](const RunRow* run) { return !value_of(*run, task); });
    summary.num_failed = summary.num_runs - static_cast<int>(runs.size());
    if (runs.empty()) {
      continue;
    }
    std::vector<double> values;
    for (const RunRow* run : runs) {
      values.push_back(*value_of(*run, task));
      summary.num_parameters = run->result.value("num_parameters", std::int64_t{0});
      summary.num_active_parameters = run->result.value("num_active_parameters", summary.num_parameters);
      summary.seconds += run->seconds / static_cast<double>(runs.size());
      if (const std::int64_t steps = run->result.value("steps", std::int64_t{0}); steps > 0) {
        summary.min_steps = summary.min_steps > 0 ? std::min(summary.min_steps, steps) : steps;
        summary.max_steps = std::max(summary.max_steps, steps);
      }
    }
    const Sample sample = sample_of(values);
    summary.mean = sample.mean;
    summary.standard_error = sample.standard_error;
    if (contestant.name != comparison.reference) {
      summary.difference = difference_of(values_by_seed(comparison, rows, contestant.name), reference,
                                         comparison.contestants.size() - 1);
    }
    summary.routing = routing_means(runs);
  }
  add_verdicts(summaries, comparison);
  return summaries;
}

Json to_json(const ContestantSummary& summary) {
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  Json difference;
  if (summary.difference) {
    difference = {{"mean", summary.difference->mean},
                  {"low", summary.difference->low},
                  {"high", summary.difference->high},
                  {"num_seeds", summary.difference->num_seeds}};
  }
  Json routing;
  if (summary.routing) {
    routing = {{"load_entropy", summary.routing->load_entropy},
               {"weight_entropy", summary.routing->weight_entropy},
               {"change_rate", or_null(summary.routing->change_rate)},
               {"margin", or_null(summary.routing->margin)}};
  }
  const bool has_value = summary.num_runs > summary.num_failed;
  return {{"name", summary.name},
          {"learning_rate", or_null(summary.learning_rate)},
          {"rate_at_edge", summary.has_rate_at_edge},
          {"num_runs", summary.num_runs},
          {"num_failed", summary.num_failed},
          {"mean", has_value ? Json(summary.mean) : Json(nullptr)},
          {"standard_error", or_null(summary.standard_error)},
          {"difference", difference},
          {"verdict", summary.verdict ? Json(name_of(*summary.verdict)) : Json(nullptr)},
          {"num_parameters", summary.num_parameters},
          {"num_active_parameters", summary.num_active_parameters},
          {"min_steps", summary.min_steps},
          {"max_steps", summary.max_steps},
          {"seconds", summary.seconds},
          {"routing", routing}};
}

Json results_json(const RouterComparison& comparison, std::span<const ContestantSummary> summaries,
                  Json head) {
  head["task"] = comparison.task;
  head["value"] = comparison.compared().value;
  head["reference"] = comparison.reference;
  head["contestants"] = Json::array();
  for (const ContestantSummary& summary : summaries) {
    head["contestants"].push_back(to_json(summary));
  }
  return head;
}

std::vector<CurvePoint> learning_curve(const RouterComparison& comparison, std::span<const RunRow> rows,
                                       const std::string& contestant, const std::string& field) {
  std::map<std::int64_t, std::vector<double>> by_step;
  for (const RunRow* run : final_runs(comparison, rows, contestant)) {
    if (value_of(*run, comparison.compared())) {
      for (const auto& [step, value] : curve_of_run(*run, field)) {
        by_step[step].push_back(value);
      }
    }
  }
  std::vector<CurvePoint> curve;
  for (const auto& [step, values] : by_step) {
    const Sample sample = sample_of(values);
    curve.push_back({step, sample.mean, sample.standard_error.value_or(0), static_cast<int>(values.size())});
  }
  return curve;
}

}  // namespace moest
