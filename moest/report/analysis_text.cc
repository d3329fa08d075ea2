#include "moest/report/analysis_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "moest/model/catalogue.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

std::string title(const Analysis& analysis) {
  const MixtureSpec& spec = analysis.result.family.spec;
  std::string options;
  const GateSpec defaults;
  const auto add = [&](const std::string& text) { options += (options.empty() ? " (" : ", ") + text; };
  if (gate_info(spec.gate.kind).has("router") && spec.gate.router != defaults.router) {
    add("router " + spec.gate.router);
  }
  if (learns_temperature(spec.gate)) {
    add("learned temperature");
  }
  if (spec.gate.top_k > 0) {
    add(fmt::format("top {}", spec.gate.top_k));
  }
  options += options.empty() ? "" : ")";
  return fmt::format(
      "{} gate{}, {} experts, {} input(s); {} true experts, {} fitted; {}\n", spec.gate.kind, options,
      analysis.result.family.expert_title(), spec.num_inputs, spec.num_experts, analysis.result.num_experts,
      analysis.is_given ? "the given truth" : fmt::format("{} random truths", analysis.result.truths.size()));
}

std::string meaning(Verdict verdict) {
  switch (verdict) {
    case Verdict::regular:
      return "the data determine the parameters";
    case Verdict::scale_gauge:
      return "the data determine them in reduced coordinates only";
    case Verdict::slow:
      return "the data determine them, but slowly";
    case Verdict::flat:
      return "the data do not determine them";
    case Verdict::undecided:
      return "no proof either way";
    case Verdict::refused:
      return "the question does not apply";
  }
  return "";
}

std::string relation_lines(const std::vector<Relation>& relations, Notation notation) {
  std::string text;
  for (const Relation& relation : relations) {
    text += fmt::format("    {:9} {}\n", kind_name(relation.kind) + ":",
                        notation == Notation::latex ? relation.latex : relation.text);
  }
  return text;
}

std::string setting_text(std::string_view name, const Setting& setting, Notation notation) {
  const std::string rate = setting.rate == "none" ? "" : ", rate " + setting.rate;
  std::string text =
      fmt::format("{}: {} ({}{})\n", name, verdict_name(setting.verdict), meaning(setting.verdict), rate);
  if (!setting.reason.empty()) {
    text += "  " + wrapped(setting.reason, 2) + "\n";
  }
  return text + relation_lines(setting.relations, notation);
}

std::string certificates(const Identifiability& result) {
  double separation = 1;
  for (const TruthRecord& truth : result.truths) {
    separation = std::min(separation, truth.separation);
  }
  std::string text;
  if ((result.over.verdict == Verdict::regular || result.over.verdict == Verdict::scale_gauge) &&
      separation > 0) {
    text += fmt::format(
        "  proof: a positive definite matrix orthogonal to all relations, smallest eigenvalue {} "
        "of trace 1\n",
        short_number(separation));
  }
  return text;
}

std::string dictionary_text(const Identifiability& result) {
  if (result.dictionary.num_null < 0) {
    return "";
  }
  return fmt::format(
      "\n{} linear relations between the {} derivatives up to order 2 (singular values: {} and more; null: "
      "{})\n",
      result.dictionary.num_null, result.dictionary.num_columns,
      short_number(result.dictionary.smallest_non_null), short_number(result.dictionary.largest_null));
}

std::string advice_text(const Analysis& analysis) {
  if (analysis.neighbours.empty()) {
    return "";
  }
  std::string text = "\nregular instead, with\n";
  TextTable table({"change", "options"});
  for (const Neighbour& neighbour : analysis.neighbours) {
    table.add_row({neighbour.change, neighbour.options});
  }
  return text + table.text();
}

std::string predicted_text(const Analysis& analysis) {
  const PredictedErrors& errors = *analysis.predicted;
  std::string text = fmt::format(
      "\npredicted standard errors at n = {}, noise {}{}, common shifts settled by the shortest step\n",
      short_number(analysis.num_samples), short_number(analysis.noise),
      analysis.is_given ? "" : ", for the first random truth");
  TextTable table({"", "parameter", "standard error"});
  for (const PredictedError& error : errors.parameters) {
    const std::string owner =
        error.atom < 0 ? "shared" : fmt::format("{} {}", error.is_group ? "group" : "expert", error.atom + 1);
    table.add_row({owner, error.parameter, short_number(error.standard_error)});
  }
  text += table.text();
  if (!errors.splits.empty()) {
    TextTable splits({"split expert", "rms distance of its parts"});
    for (const PredictedSplit& split : errors.splits) {
      splits.add_row({std::to_string(split.atom + 1), split.root_mean_square > 0
                                                          ? short_number(split.root_mean_square)
                                                          : "not identified to second order"});
    }
    text += splits.text();
  }
  constexpr double kLarge = 0.3;
  const bool is_large = std::ranges::any_of(
      errors.parameters, [&](const PredictedError& error) { return error.standard_error > kLarge; });
  return text + (is_large ? "  errors above 0.3: at this size slopes of convergence would be noise\n" : "");
}

std::string merging_text(const Merging& merging) {
  std::string text = "\nsmallest singular value of the Jacobian while the gates merge\n";
  TextTable table({"distance s", "singular value"});
  for (const MergingPoint& point : merging.points) {
    table.add_row({short_number(point.distance), short_number(point.singular_value)});
  }
  return text + table.text() + fmt::format("  about s^{:.2f}\n", merging.exponent);
}

}  // namespace

std::string analysis_report(const Analysis& analysis, Notation notation) {
  const Identifiability& result = analysis.result;
  std::string text = title(analysis) + "\n";
  text += setting_text("exact-specified", result.exact, notation) + "\n";
  text += setting_text("over-specified", result.over, notation) + certificates(result);
  if (result.min_extra_experts > 0 && result.over.verdict != Verdict::refused) {
    text += fmt::format("  not regular from {} extra expert(s) on\n", result.min_extra_experts);
  }
  text += dictionary_text(result);
  if (!result.harmless.empty()) {
    text += "\nrelations that do no harm, since no spread of atoms has this form\n" +
            relation_lines(result.harmless, notation);
  }
  text +=
      "\nF is the local function of an expert, E (h - f) with E = exp(score without bias); see "
      "docs/identifiability.md\n";
  text += advice_text(analysis);
  if (analysis.predicted) {
    text += predicted_text(analysis);
  }
  if (analysis.merging) {
    text += merging_text(*analysis.merging);
  }
  return text;
}

}  // namespace moest
