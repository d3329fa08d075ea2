#include "moest/report/study_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "moest/base/build_info.h"
#include "moest/base/json_text.h"
#include "moest/base/option_json.h"
#include "moest/report/html.h"
#include "moest/report/page.h"
#include "moest/report/study_health.h"
#include "moest/report/study_script.h"
#include "moest/report/study_text.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

using Column = HtmlTable::Column;

std::string whole(std::int64_t number) { return std::to_string(number); }

std::string verdict_html(const std::optional<RateVerdict>& verdict) {
  if (!verdict) {
    return "–";
  }
  std::string name = verdict_name(*verdict);
  std::string words = name;
  std::ranges::replace(words, '_', ' ');
  return fmt::format("<span class=\"verdict {}\">{}</span>", name, words);
}

std::string expected_html(const RateRow& rate) {
  return rate.expected ? html_number(rate.expected->value, "{:.4g}") : "–";
}

std::string title_html(const StudyResults& results) {
  const Study& study = results.study;
  std::string html = fmt::format("<h1>{}</h1>\n", html_text(study.name));
  html += study.claim.empty() ? "" : html_paragraph(html_text(study.claim), "claim");
  html += study.source.empty() ? "" : html_paragraph("Source: " + html_text(study.source), "quiet");
  const std::size_t num_planned = trial_keys(study).size();
  if (results.rows.size() < num_planned) {
    html +=
        html_paragraph(fmt::format("<strong>{} of {} trials are there.</strong> The study is not complete.",
                                   results.rows.size(), num_planned));
  }
  return html;
}

std::string verdicts_html(const StudyResults& results) {
  HtmlTable table;
  for (const char* title : {"arm", "metric", "true atom"}) {
    table.add_column(title, Column::text);
  }
  for (const char* title : {"measured (s.e.)", "last local slope", "expected"}) {
    table.add_column(title);
  }
  for (const char* title : {"verdict", "source"}) {
    table.add_column(title, Column::text);
  }
  std::array<int, 3> counts{};
  for (const RateRow& rate : results.rates) {
    if (rate.expected && rate.verdict) {
      ++counts.at(static_cast<std::size_t>(*rate.verdict));
      const std::optional<double> last = rate.points.back().local_slope;
      table.add_row(
          {html_text(rate.arm), html_text(rate.metric) + (rate.mean ? " (mean)" : ""),
           rate.atom ? whole(*rate.atom) : "–",
           rate.mean ? html_with_error(rate.mean, rate.mean_se) : html_with_error(rate.slope, rate.slope_se),
           last ? html_number(*last, "{:.2f}") : "–", expected_html(rate), verdict_html(rate.verdict),
           html_text(rate.expected->source)});
    }
  }
  std::string html = "<section id=\"verdicts\"><h2>Expected and measured</h2>\n";
  if (counts == std::array<int, 3>{}) {
    return html + html_paragraph("The study expects nothing of what it measures.") + "</section>\n";
  }
  html +=
      html_paragraph(fmt::format("{} of {} agree with what is expected, {} differ, {} are too noisy to say.",
                                 counts[0], counts[0] + counts[1] + counts[2], counts[1], counts[2]));
  return html + table.html() + "</section>\n";
}

std::string cautions_html(const std::vector<PlannedArm>& planned) {
  std::string items;
  for (const PlannedArm& arm : planned) {
    for (const std::string& warning : arm.warnings) {
      items += fmt::format("<li><strong>{}</strong>: {}</li>\n", html_text(arm.arm), html_text(warning));
    }
  }
  return items.empty() ? ""
                       : "<section id=\"cautions\"><h2>Cautions</h2>\n<ul>\n" + items + "</ul></section>\n";
}

std::string figures_section(const Study& study, std::span<const Figure> figures) {
  std::string html = "<section id=\"figures\"><h2>Figures</h2>\n";
  if (figures.empty()) {
    return html + html_paragraph("There is nothing to draw yet.") + "</section>\n";
  }
  html += html_paragraph(
      fmt::format("Points are the {} over the replicates, bars one standard error. Solid lines are "
                  "fitted; dashed ones have "
                  "the expected slope. Of metrics of atoms, the largest over all atoms of a trial "
                  "is drawn. Point at a point "
                  "for its numbers; click an entry of the legend to hide or show what belongs to "
                  "it; Ctrl and the wheel zoom, "
                  "a right click resets.",
                  statistic_title(study.statistic)));
  return html + figures_html(figures) + "</section>\n";
}

std::string rates_html(const StudyResults& results) {
  HtmlTable table;
  for (const char* title : {"arm", "metric", "true atom"}) {
    table.add_column(title, Column::text);
  }
  for (const char* title : {"slope (s.e.)", "against n / log n (s.e.)", "mean (s.e.)", "expected"}) {
    table.add_column(title);
  }
  table.add_column("verdict", Column::text);
  table.add_column("sizes");
  table.add_column("replicates");
  for (const RateRow& rate : results.rates) {
    table.add_row({html_text(rate.arm), html_text(rate.metric), rate.atom ? whole(*rate.atom) : "–",
                   html_with_error(rate.slope, rate.slope_se),
                   html_with_error(rate.slope_log, rate.slope_log_se),
                   html_with_error(rate.mean, rate.mean_se), expected_html(rate), verdict_html(rate.verdict),
                   std::to_string(rate.points.size()), whole(rate.num_replicates)});
  }
  return "<section id=\"rates\"><h2>All rates</h2>\n" +
         html_paragraph(fmt::format(
             "Slopes of the log {} over the replicates against log n, with standard errors from bootstrap "
             "samples of the replicates. Without a true atom, a metric of atoms is the largest over all of "
             "them. Exact numbers: <a href=\"tables/rates.csv\">rates.csv</a>, <a "
             "href=\"tables/points.csv\">points.csv</a>; <a href=\"tables/rates.tex\">rates.tex</a>.",
             statistic_title(results.study.statistic))) +
         table.html() + "</section>\n";
}

/// The options of an arm's fits that are not those of moest fit.
std::string fit_options_html(const Arm& arm) {
  const FitOptions defaults;
  std::string items;
  for (const Option<FitOptions>& option : fit_options()) {
    const nlohmann::ordered_json value = option_json(option, arm.fit);
    if (value != option_json(option, defaults)) {
      items += fmt::format("<li><code>{} = {}</code>: {}{}</li>\n", option.name, html_text(value.dump()),
                           value == false ? "without: " : "", html_text(option.sentence));
    }
  }
  for (const std::string& equation : arm.fit.fix) {
    items += fmt::format("<li>held: <code>{}</code></li>\n", html_text(equation));
  }
  return items.empty()
             ? html_paragraph("All options of the fit are those that <code>moest fit</code> has by itself.")
             : html_paragraph("Options of the fit, the others being those of <code>moest fit</code>:") +
                   "<ul>\n" + items + "</ul>\n";
}

std::string arm_html(const Arm& arm) {
  std::string html = fmt::format("<h3>Arm {}</h3>\n", html_text(arm.name));
  html += html_paragraph(html_text(arm_title(arm)) + ".");
  html += arm.note.empty() ? "" : html_paragraph(html_text(arm.note));
  html += html_paragraph(
      arm.start == Arm::Start::near
          ? "<strong>Starts near the truth</strong>: each fit has one start beside it, so that the "
            "rates are those "
            "of the optimum there, and not of what an estimator finds that does not know the truth."
          : "<strong>Blind starts</strong>: the fits know nothing of the truth, as with data.");
  return html + fit_options_html(arm);
}

std::string specification_html(const Study& study) {
  const InputDistribution& inputs = study.inputs;
  const bool is_uniform = inputs.kind == InputDistribution::Kind::uniform;
  std::string sizes;
  for (const std::int64_t size : study.sizes) {
    sizes += fmt::format("{}{}", sizes.empty() ? "" : ", ", size);
  }
  std::string html = "<section id=\"specification\"><h2>Specification</h2>\n<dl>\n";
  const auto add = [&](const char* name, const std::string& value) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, value);
  };
  add("sizes", sizes);
  add("replicates", fmt::format("{} of each size", study.replicates));
  add("statistic", fmt::format("{} over the replicates", statistic_title(study.statistic)));
  add("inputs", is_uniform
                    ? fmt::format("uniform between {:g} and {:g}", inputs.first, inputs.second)
                    : fmt::format("normal, mean {:g}, standard deviation {:g}", inputs.first, inputs.second));
  add("noise", fmt::format("standard deviation {:g}", study.noise));
  add("seed", std::to_string(study.seed));
  html += "</dl>\n";
  for (const Arm& arm : study.arms) {
    html += arm_html(arm);
  }
  return html +
         fmt::format("<details><summary>The whole specification</summary><pre>{}</pre></details>\n",
                     html_text(readable_text(study.document))) +
         "</section>\n";
}

std::string predicted_html(const std::vector<PlannedArm>& planned) {
  HtmlTable table;
  table.add_column("arm", Column::text);
  for (const char* title : {"size", "largest standard error", "largest split, root mean square"}) {
    table.add_column(title);
  }
  for (const PlannedArm& arm : planned) {
    if (arm.sizes.empty()) {
      table.add_row({html_text(arm.arm), "–", "not predicted", "–"});
    }
    for (const PlannedSize& size : arm.sizes) {
      table.add_row({html_text(arm.arm), whole(size.size), html_number(size.largest_error, "{:.3g}"),
                     size.largest_split > 0 ? html_number(size.largest_split, "{:.3g}") : "–"});
    }
  }
  return "<section id=\"predicted\"><h2>Predicted errors</h2>\n" +
         html_paragraph(
             fmt::format("What theory predicts of the estimates, before any trial: the largest standard "
                         "error of a parameter of the truth's atoms, and the spread of a cell that has one "
                         "atom too many. Above {} a parameter is not determined.",
                         kLargestUsefulError)) +
         table.html() + "</section>\n";
}

std::string failures_html(std::span<const TrialRow> rows) {
  const std::vector<FailureReason> reasons = failure_reasons(rows);
  if (reasons.empty()) {
    return html_paragraph("No trial failed.");
  }
  HtmlTable table;
  table.add_column("arm", Column::text);
  table.add_column("failed trials");
  table.add_column("reason", Column::text);
  table.add_column("one of them", Column::text);
  for (const FailureReason& reason : reasons) {
    table.add_row({html_text(reason.arm), whole(reason.num_trials), html_text(reason.reason),
                   fmt::format("<code>{}</code>", reason.first.text())});
  }
  return table.html();
}

std::string health_html(const StudyResults& results) {
  HtmlTable table;
  table.add_column("arm", Column::text);
  for (const char* title : {"size", "done", "failed", "not converged", "iterations", "starts",
                            "agreeing starts", "at a bound", "ms per trial"}) {
    table.add_column(title);
  }
  for (const SizeHealth& health : study_health(results.study, results.rows)) {
    table.add_row({html_text(health.arm), whole(health.size),
                   fmt::format("{} of {}", health.num_done, results.study.replicates),
                   whole(health.num_failed), whole(health.num_unconverged),
                   html_number(health.mean_iterations, "{:.1f}"), html_number(health.mean_starts, "{:.1f}"),
                   html_number(health.mean_agreeing_starts, "{:.1f}"), percent(health.share_at_bound),
                   html_number(health.milliseconds, "{:.1f}")});
  }
  return "<section id=\"health\"><h2>Optimiser</h2>\n" +
         html_paragraph(
             "Means over the trials of an arm and size: iterations of all starts, starts that found the best "
             "optimum, and trials with a parameter at its bound. Trials that did not converge count in the "
             "rates; failed ones have no fit and do not.") +
         table.html() + "<h3>Failures</h3>\n" + failures_html(results.rows) + "</section>\n";
}

std::string provenance_html(const StudyResults& results) {
  HtmlTable table;
  table.add_column("host", Column::text);
  table.add_column("version", Column::text);
  table.add_column("threads");
  table.add_column("trials");
  table.add_column("time on one thread");
  for (const RunShare& share : run_shares(results.rows)) {
    table.add_row({html_text(share.host), html_text(share.version), whole(share.threads),
                   whole(share.num_trials), html_text(duration_text(share.seconds))});
  }
  return "<section id=\"provenance\"><h2>Provenance</h2>\n" +
         html_paragraph(fmt::format("Report by {}; the study's seed is {}.", html_text(build_line()),
                                    results.study.seed)) +
         table.html() + "</section>\n";
}

}  // namespace

std::string study_page(const StudyResults& results, std::span<const Figure> figures) {
  const std::string body = title_html(results) + verdicts_html(results) + cautions_html(results.planned) +
                           figures_section(results.study, figures) + rates_html(results) +
                           specification_html(results.study) + predicted_html(results.planned) +
                           health_html(results) + provenance_html(results);
  return html_page(results.study.name, body);
}

}  // namespace moest
