#include "moest/theory/identifiability.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/theory/dictionary.h"
#include "moest/theory/input_box.h"
#include "moest/theory/random_truth.h"
#include "moest/theory/truth_analysis.h"

namespace moest {
namespace {

constexpr std::string_view kNoRate = "none";

/// What a top-k gate allows to ask; the reason where it does not.
std::string refusal_of_exact(const MixtureSpec& spec) {
  return spec.gate.top_k == 1 && spec.num_experts > 1
             ? "with top_k 1 the weights are 0 and 1: derivatives do not see the gate"
             : "";
}

std::string refusal_of_over(const MixtureSpec& spec, int num_experts) {
  if (num_experts == spec.num_experts) {
    return "there are no extra experts";
  }
  if (!has_masses(spec.gate)) {
    return fmt::format(
        "the {} gate has no masses that an extra atom could share: two copies of an atom are not one",
        spec.gate.kind);
  }
  if (spec.gate.top_k > 0 && spec.gate.top_k < num_experts) {
    return "a duplicate would push another expert out of the top k";
  }
  return "";
}

/// The even number that a measured order stands for; 0 where it is not near one of 4 and more.
int even_order(double order) {
  constexpr double kSure = 0.3;
  const auto even = static_cast<int>(2 * std::round(order / 2));
  return std::abs(order - even) < kSure && even >= 4 ? even : 0;
}

/// n^(-1 / (2 m)) for a residual of order m.
std::string rate_of_order(double order) {
  if (order == kKinkOrder) {
    return "n^-1/3";
  }
  return even_order(order) > 0 ? fmt::format("n^-1/{}", 2 * even_order(order)) : "slower than n^-1/4";
}

std::string exact_reason(const Identifiability& result) {
  switch (result.exact.verdict) {
    case Verdict::regular:
      return "the Jacobian has no null directions but common shifts";
    case Verdict::scale_gauge:
      return "in reduced coordinates the Jacobian has no null directions but common shifts; raw parameters "
             "have a free "
             "scale, which no amount of data determines";
    case Verdict::flat:
      return "a curve of other parameters gives exactly the same function";
    default:
      return result.truths.empty() ? "" : result.truths.front().reason;
  }
}

std::string over_reason(const Identifiability& result, const TruthFindings& findings) {
  switch (result.over.verdict) {
    case Verdict::regular:
    case Verdict::scale_gauge:
      return result.min_extra_experts > 0
                 ? fmt::format("no spread of so few extra atoms cancels to second order; {} of them could",
                               result.min_extra_experts)
                 : "no spread of extra atoms cancels to second order";
    case Verdict::flat:
      return findings.relation && findings.relation->splits.size() > 1
                 ? "atoms that are split alike leave the function exactly as it is"
                 : "split atoms can move apart along a curve on which the function is exactly the same";
    case Verdict::slow:
      if (findings.record.order == kKinkOrder) {
        return "centres inside the data: a split only changes the function near the kink at x = omega; "
               "outside the "
               "data nothing determines them";
      }
      return even_order(findings.record.order) > 0
                 ? fmt::format("a split of size s changes the function only by about s^{}",
                               even_order(findings.record.order))
                 : "a split of size s changes the function by less than s^2";
    default:
      return findings.record.reason;
  }
}

void add_gauges(const MixtureSpec& spec, Setting& setting) {
  for (const Gauge& gauge : gauges(spec, Coordinates::raw)) {
    const bool is_shift = gauge.kind == Gauge::Kind::shift;
    setting.relations.push_back(
        {is_shift ? Relation::Kind::shift : Relation::Kind::scale, gauge.text, gauge.latex});
  }
}

/// The largest change of f when a truth is moved along all its gauges.
double gauge_error(const Truth& truth, double half_width, Stream& stream) {
  constexpr int kPoints = 10;
  constexpr double kSize = 0.5;
  const WideMeasure before = wide_measure(truth);
  const WideMeasure after = moved_along_gauges(truth, kSize, stream);
  double largest = 0;
  const Eigen::MatrixXd inputs = inputs_in_box(kPoints, truth.family.spec.num_inputs, half_width, stream);
  for (const auto& row : inputs.rowwise()) {
    const std::vector<Wide> x(row.begin(), row.end());
    for (int output = 0; output < truth.family.spec.num_outputs; ++output) {
      const Wide change =
          wide_value(truth.family, after, x, output) - wide_value(truth.family, before, x, output);
      largest = std::max(largest, std::abs(static_cast<double>(change)));
    }
  }
  return largest;
}

/// The order of the first truth's split that is slow: it takes long, and the others have the same.
void measure_order(const Truth& truth, const IdentifiabilityOptions& options,
                   const std::vector<TruthRecord>& before, TruthFindings& findings, Stream& stream) {
  const bool is_slow = findings.record.over == Verdict::slow && findings.relation;
  if (is_slow && std::ranges::none_of(before, [](const TruthRecord& record) { return record.order > 0; })) {
    const LocalFunctions<Wide> functions(truth, Coordinates::reduced);
    findings.record.order =
        split_order(functions, truth, findings.relation->splits, options.half_width, stream);
  }
}

void check_question(const MixtureFamily& family, const std::optional<Measure>& measure,
                    const IdentifiabilityOptions& options) {
  check(family.spec);
  if (options.num_experts < family.spec.num_experts) {
    throw InputError(
        fmt::format("{} experts cannot fit a truth with {}", options.num_experts, family.spec.num_experts),
        "a fit needs at least as many experts as the truth has", "Raise --experts, or lower --true-experts.");
  }
  if (family.formula && family.spec.num_outputs > 1) {
    throw InputError("a formula is an expert of one output", "the model has several targets",
                     "Leave one target.");
  }
  if (measure && measure->atoms.size() != static_cast<std::size_t>(family.spec.num_experts)) {
    throw InputError("the truth has another number of atoms than experts", "each atom is one expert",
                     "Correct the model.");
  }
}

void write_settings(const std::vector<Truth>& truths, const std::vector<TruthFindings>& findings,
                    Identifiability& result) {
  const MixtureSpec& spec = result.family.spec;
  std::vector<Verdict> exact;
  std::vector<Verdict> over;
  for (const TruthRecord& truth : result.truths) {
    exact.push_back(truth.exact);
    over.push_back(truth.over);
  }
  result.exact.verdict = common_verdict(exact);
  result.over.verdict = common_verdict(over);
  const auto decided = std::ranges::find_if(
      findings, [&](const TruthFindings& f) { return f.record.over == result.over.verdict; });
  const TruthFindings& example = decided == findings.end() ? findings.front() : *decided;
  result.min_extra_experts = example.min_extra_experts;
  result.exact.reason = exact_reason(result);
  result.over.reason = over_reason(result, example);
  const bool is_identified =
      result.exact.verdict == Verdict::regular || result.exact.verdict == Verdict::scale_gauge;
  result.exact.rate = is_identified ? "n^-1/2" : kNoRate;
  result.over.rate = result.over.verdict == Verdict::regular || result.over.verdict == Verdict::scale_gauge
                         ? "n^-1/4"
                     : result.over.verdict == Verdict::slow ? rate_of_order(example.record.order)
                                                            : std::string(kNoRate);
  add_gauges(spec, result.exact);
  add_gauges(spec, result.over);
  write_relations(truths, findings, result);
}

}  // namespace

std::string kind_name(Relation::Kind kind) {
  constexpr std::array kNames{"shift", "scale", "flat", "slow", "harmless"};
  return kNames.at(static_cast<std::size_t>(kind));
}

Identifiability analyze(const MixtureFamily& family, const std::optional<Measure>& measure,
                        const IdentifiabilityOptions& options, const std::function<void(double)>& progress) {
  const auto begin = std::chrono::steady_clock::now();
  check_question(family, measure, options);
  Identifiability result;
  result.family = family;
  result.num_experts = options.num_experts;
  result.exact.reason = refusal_of_exact(family.spec);
  if (!result.exact.reason.empty()) {
    result.exact.verdict = result.over.verdict = Verdict::refused;
    result.exact.rate = result.over.rate = kNoRate;
    result.over.reason = result.exact.reason;
    return result;
  }
  const std::string no_over = refusal_of_over(family.spec, options.num_experts);
  IdentifiabilityOptions asked = options;
  if (!no_over.empty()) {
    asked.num_experts = family.spec.num_experts;
  }
  const int count = measure ? 1 : options.num_truths;
  std::vector<Truth> truths;
  std::vector<TruthFindings> findings;
  for (int t = 0; t < count; ++t) {
    Stream stream(options.seed, static_cast<std::uint64_t>(t), "identifiability");
    truths.push_back(measure ? Truth{family, *measure} : random_truth(family, options.half_width, stream));
    findings.push_back(analyze_truth(truths.back(), asked, stream));
    measure_order(truths.back(), asked, result.truths, findings.back(), stream);
    result.truths.push_back(findings.back().record);
    result.gauge_error = std::max(result.gauge_error, gauge_error(truths.back(), options.half_width, stream));
    if (progress) {
      progress(0.9 * (t + 1) / count);
    }
  }
  Stream stream(options.seed, 0, "dictionary");
  result.dictionary = count_dictionary(truths.front(), options, stream);
  write_settings(truths, findings, result);
  if (!no_over.empty()) {
    result.over = {Verdict::refused, std::string(kNoRate), no_over, {}};
  }
  if (progress) {
    progress(1);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace moest
