#include "moest/report/model_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/data/text.h"
#include "moest/model/catalogue.h"
#include "moest/model/coefficients.h"
#include "moest/model/groups.h"
#include "moest/report/coefficient_text.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

std::string counted(std::int64_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

/// The first few names; of more than kMostListed only how many there are.
std::string listed_briefly(const std::vector<std::string>& names) {
  constexpr std::size_t kMostListed = 8;
  if (names.size() <= kMostListed) {
    return listed(names);
  }
  const std::vector<std::string> first(names.begin(), names.begin() + kMostListed);
  return fmt::format("{}, .. {} more", listed(first), names.size() - kMostListed);
}

/// "target y", "targets y, z".
std::string targets_text(const Model& model) {
  return fmt::format("target{} {}", model.targets.size() > 1 ? "s" : "", listed_briefly(model.targets));
}

/// "y: " in front of what is said of one of several targets.
std::string of_target(const Model& model, std::size_t target) {
  return model.targets.size() > 1 ? model.targets[target] + ": " : "";
}

std::string roots_text(const std::vector<double>& variances) {
  std::vector<std::string> roots;
  std::transform(variances.begin(), variances.end(), std::back_inserter(roots),
                 [](double variance) { return short_number(std::sqrt(variance)); });
  return listed(roots);
}

/// "skewness 0.1, kurtosis 3.2, the largest 3.5 standard deviations (row 17); ..": and what tests find in
/// them.
std::string residuals_text(const ResidualDiagnostics& of) {
  constexpr double kSurely = 0.001;
  std::string text =
      fmt::format("skewness {:.2f}, kurtosis {:.2f}, the largest {:.1f} standard deviations (row {})",
                  of.skewness, of.kurtosis, of.largest, of.largest_row);
  if (of.even_variance_p < kSurely) {
    text += fmt::format("; their variance changes with the fit (p = {:.1g})", of.even_variance_p);
  }
  if (of.independence_p < kSurely) {
    text += fmt::format("; neighbouring rows correlate by {:.2f} (p = {:.1g})", of.autocorrelation,
                        of.independence_p);
  }
  return text;
}

/// What an expert's formula has instead of a parameter that is switched off.
std::string_view constant_without(std::string_view option) {
  return option == "bias"            ? "b = 0"
         : option == "output_weight" ? "c = 1"
         : option == "output_offset" ? "c_0 = 0"
                                     : "";
}

/// ", tau1 = 0.1, ..": the values behind a formula.
std::string options_text(const KindInfo& info, const nlohmann::ordered_json& values) {
  std::string text;
  for (const std::string_view option : info.options) {
    const nlohmann::ordered_json& value = values[std::string(option)];
    if (option == "input_map") {
      text += value == "identity" ? "" : ", x replaced by tanh(x)";
      continue;
    }
    if (option == "top_k") {
      text += value == 0 ? "" : fmt::format(", over the {} largest scores only", value.get<int>());
      continue;
    }
    if (option == "groups") {
      text += fmt::format(", groups of {}", fmt::join(value.get<std::vector<int>>(), ", "));
      continue;
    }
    const std::string_view constant = constant_without(option);
    if (constant.empty()) {
      text += fmt::format(", {} = {}", option,
                          value.is_number() ? short_number(value.get<double>()) : value.get<std::string>());
    } else if (!value.get<bool>()) {
      text += fmt::format(", {}", constant);
    }
  }
  return text;
}

std::string gate_options_text(const MixtureSpec& spec) {
  GateSpec gate = spec.gate;
  gate.groups.sizes = group_sizes(spec);
  nlohmann::ordered_json values = options_json(gate_options(), gate);
  if (learns_temperature(gate)) {
    values["temperature"] = short_number(gate.temperature.value) + " (learned)";
  }
  return options_text(gate_info(gate.kind), values);
}

/// The change of units inside a model, one row per column.
std::string ranges_text(const std::vector<TargetRange>& ranges) {
  std::string text;
  for (const TargetRange& range : ranges) {
    text += fmt::format("{}{} to {}", text.empty() ? "" : ", ", short_number(range.low),
                        short_number(range.high));
  }
  return text + "; a prediction beyond is taken as the nearest end";
}

std::string scaling_text(const Model& model) {
  if (!model.scaling) {
    return "";
  }
  const bool all_unscaled = gate_unscales(model) && expert_unscales(model);
  const std::string sentence = "Inside, columns are scaled to (value - offset) / scale; ";
  std::string text =
      "\n  " +
      wrapped(sentence + (all_unscaled ? "the coefficients above are in the data's units."
                                       : "rows above that say (scaled) act on and give scaled values."),
              2) +
      "\n\n";
  TextTable table({"column", "offset", "scale"});
  for (std::size_t j = 0; j < model.inputs.size(); ++j) {
    const Affine& affine = model.scaling->inputs[j];
    table.add_row({model.inputs[j], short_number(affine.offset), short_number(affine.scale)});
  }
  for (std::size_t j = 0; j < model.targets.size(); ++j) {
    const Affine& affine = model.scaling->targets[j];
    table.add_row({model.targets[j], short_number(affine.offset), short_number(affine.scale)});
  }
  return text + table.text();
}

/// How the model was fitted; the record is free text of the file and may lack anything.
std::string provenance(const Model& model) {
  if (!model.fit || !model.fit->is_object()) {
    return "";
  }
  std::vector<std::string> facts;
  const auto add = [&](std::string_view field, std::string_view format) {
    const auto found = model.fit->find(field);
    if (found == model.fit->end() || !found->is_primitive() || found->is_null()) {
      return;
    }
    const std::string value = found->is_string()         ? found->get<std::string>()
                              : found->is_number_float() ? short_number(found->get<double>())
                                                         : found->dump();
    facts.push_back(fmt::format(fmt::runtime(format), value));
  };
  add("program", "by {}");
  add("num_samples", "{} samples");
  if (model.targets.size() == 1) {
    add("rss", "residual sum of squares {}");
  }
  add("status", "{}");
  return facts.empty() ? "" : fmt::format("\n  fitted {}\n", listed(facts));
}

}  // namespace

std::string model_title(const Model& model) {
  const auto k = model.spec.num_experts;
  const auto d = static_cast<std::int64_t>(model.inputs.size());
  return fmt::format("{} gate, {} {} of {} ({})", model.spec.gate.kind, k,
                     fmt::format("{} expert{}", model.spec.expert.kind, k == 1 ? "" : "s"),
                     counted(d, "input"), listed_briefly(model.inputs));
}

std::string describe_model(const Model& model) {
  const KindInfo& gate = gate_info(model.spec.gate.kind);
  const KindInfo& expert = expert_kind(model.spec.expert.kind).info;
  std::string text = wrapped(fmt::format("{}, {}", model_title(model), targets_text(model)), 0) + "\n\n";
  text += "  f(x) = sum_i w_i(x) h_i(x)\n";
  text += fmt::format("  w_i(x) = {}{}\n", gate.formula, gate_options_text(model.spec));
  text += fmt::format("  h_i(x) = {}{}\n", expert.formula,
                      options_text(expert, options_json(expert_options(), model.spec.expert)));
  text += fmt::format("  noise:   {}\n", model.noise_variance.empty()
                                             ? "not known"
                                             : "standard deviation " + roots_text(model.noise_variance));
  if (!model.target_ranges.empty()) {
    text += "  range:   " + wrapped(ranges_text(model.target_ranges), 11) + "\n";
  }
  text += fmt::format("  scaling: {}\n\n", model.scaling ? "inside, see below" : "none");
  text += coefficient_table(model, {}, std::nullopt);
  if (model.atoms.size() > 1 && !gate.section.empty()) {
    text += "\n  " +
            wrapped(fmt::format(
                        "Gate parameters are conventions in part, since others give the same weights. In a "
                        "fitted model: {}.",
                        gate.section),
                    2) +
            "\n";
  }
  text += scaling_text(model);
  text += provenance(model);
  return text;
}

std::string describe_ensemble(const Ensemble& ensemble) {
  std::string first = describe_model(ensemble.members.front());
  const std::size_t number = ensemble.members.size();
  if (number == 1) {
    return first;
  }
  return fmt::format("an ensemble of {} models, whose predictions are averaged; the first of them:\n\n{}",
                     number, first);
}

std::string fit_report(const std::string& source, const Model& model, const FitSummary& summary,
                       const std::optional<Regimes>& regimes) {
  std::string text = wrapped(model_title(model), 0) + "\n\n";
  const auto line = [&](std::string_view name, const std::string& value) {
    constexpr std::size_t kValueColumn = 16;
    text += fmt::format("  {:<14}{}\n", name, wrapped(value, kValueColumn));
  };
  line("data",
       fmt::format("{}: {}, {}", source, counted(summary.num_samples, "sample"), targets_text(model)));
  line("status", fmt::format("{}: {}", name_of(summary.status), summary.message));
  for (std::size_t j = 0; j < model.targets.size(); ++j) {
    line("fit", fmt::format("{}residual sum of squares {:.8g}, R-squared {:.4f}", of_target(model, j),
                            summary.rss_by_target[j], summary.r_squared_by_target[j]));
  }
  line("noise",
       summary.noise_variance.empty()
           ? "not known: there are not more samples than parameters"
           : fmt::format(
                 "standard deviation {} ({} samples less {} {} parameters{})",
                 roots_text(summary.noise_variance), summary.num_samples,
                 short_number(summary.effective_parameters),
                 summary.options.ridge > 0 ? "effective" : "identifiable",
                 model.targets.size() > 1 ? fmt::format(" shared by {} targets", model.targets.size()) : ""));
  for (std::size_t j = 0; j < summary.residuals.size(); ++j) {
    line("residuals", of_target(model, j) + residuals_text(summary.residuals[j]));
  }
  if (model.spec.num_experts > 1) {
    for (std::size_t j = 0; j < summary.best_single_expert_rss_by_target.size(); ++j) {
      const double single = summary.best_single_expert_rss_by_target[j];
      const std::string gain = single > 0 ? fmt::format("; the mixture leaves {} less",
                                                        percent(1 - summary.rss_by_target[j] / single))
                                          : "";
      line("one expert",
           fmt::format("{}residual sum of squares {:.8g}{}", of_target(model, j), single, gain));
    }
    if (summary.best_single_expert_rss_by_target.empty()) {
      line("one expert", "not known: its fit did not end");
    }
  }
  if (summary.aic && summary.bic) {
    line("criteria", fmt::format("AIC {:.2f}, BIC {:.2f}", *summary.aic, *summary.bic));
  }
  if (summary.outliers) {
    line("loss",
         fmt::format("{}: {} of {} residuals are beyond its threshold and count less; noise by the median "
                     "residual",
                     summary.options.loss, *summary.outliers,
                     summary.num_samples * static_cast<std::int64_t>(model.targets.size())));
  }
  if (summary.options.ridge > 0) {
    line("ridge", fmt::format("{}: parameters are drawn towards 0, and so there are no standard errors",
                              short_number(summary.options.ridge)));
  }
  if (summary.options.ensemble > 1) {
    line("ensemble", fmt::format("distinct optima: {} of {} asked for; what is said here is of the best",
                                 summary.num_members, summary.options.ensemble));
  }
  if (summary.active_bounds > 0) {
    line("bounds",
         fmt::format("{} at the bound of {}: the fit wants a sharper gate or steeper expert than allowed",
                     counted(summary.active_bounds, "coordinate"), short_number(summary.options.bound)));
  }
  if (gate_bias_is_outside(model.spec.gate) && learns_temperature(model.spec.gate)) {
    line("temperature", short_number(model.spec.gate.temperature.value));
  }
  if (summary.samples_near_tie) {
    line("ties",
         fmt::format("{} of {} samples are within {} of a tie, where an expert comes in or drops out and "
                     "f may jump; standard errors and steps do not see that",
                     *summary.samples_near_tie, summary.num_samples, short_number(kTieMargin)));
  }
  if (model.spec.gate.top_k == 1 && model.spec.num_experts > 1) {
    line("gate",
         "with one expert at a time no derivative shows the gate: it is that of the fit over all experts, "
         "from "
         "which this one began");
  } else if (summary.rank_deficient) {
    line("caution",
         "the data do not determine all parameters: inputs depend linearly on each other (indicators that "
         "sum to one, "
         "say), experts coincide, one has no weight, or a gate is so sharp that it could lie anywhere "
         "between two "
         "samples");
  }
  for (const std::string& sentence : summary.advice) {
    line("advice", sentence);
  }
  line("time", fmt::format("{:.3g} s", summary.seconds));
  // Of more coefficients, standard errors are for machines to read.
  constexpr std::size_t kMostEstimates = 80;
  const std::size_t num_estimates = summary.coefficients.size();
  const bool has_errors = num_estimates > 0 && summary.options.ridge == 0;
  if (!has_errors || num_estimates > kMostEstimates) {
    text += "\n" + coefficient_table(model, summary.expert_shares, regimes);
    return !has_errors
               ? text
               : text + fmt::format("\n  standard errors of the {} coefficients: --json\n", num_estimates);
  }
  if (model.atoms.size() > 1) {
    text += "\n" + overview(model, summary.expert_shares, regimes).text();
  }
  text += "\n" + estimates_table(summary.coefficients, summary.options.confidence);
  return text;
}

std::string describe_table(const Table& table, const std::vector<ColumnSummary>& columns) {
  std::string text =
      fmt::format("{}: {}, {}\n\n", table.source, counted(static_cast<std::int64_t>(table.num_rows), "row"),
                  counted(static_cast<std::int64_t>(columns.size()), "column"));
  TextTable rows({"column", "kind", "missing", "distinct", "min", "mean", "sd", "max"});
  for (const ColumnSummary& column : columns) {
    std::vector<std::string> cells{column.name, kind_name(column.kind), std::to_string(column.num_missing),
                                   column.num_distinct ? std::to_string(*column.num_distinct) : ""};
    for (const double value : {column.min, column.mean, column.sd, column.max}) {
      cells.push_back(std::isfinite(value) ? short_number(value) : "");
    }
    rows.add_row(std::move(cells));
  }
  text += rows.text();
  std::string remarks;
  for (const ColumnSummary& column : columns) {
    if (column.kind == ColumnKind::text) {
      remarks += fmt::format("  {}: labels; `moest fit` takes them with --categorical {}\n", column.name,
                             column.name);
    } else if (column.first_bad) {
      remarks += fmt::format("  {}: {} not a finite number, the first is {} in {}\n", column.name,
                             column.num_bad == 1 ? "1 cell is" : fmt::format("{} cells are", column.num_bad),
                             shown(column.first_bad->text), table.place(column.first_bad->row));
    }
  }
  return text + (remarks.empty() ? "" : "\n" + remarks);
}

}  // namespace moest
