#include "moest/report/study_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "moest/base/build_info.h"
#include "moest/base/json_text.h"
#include "moest/base/option_json.h"
#include "moest/report/html.h"
#include "moest/report/study_health.h"
#include "moest/report/study_text.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

using Column = HtmlTable::Column;

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
)";

constexpr std::string_view kStyle = R"(<style>
:root { color-scheme: light; }
body { margin: 0; background: #ffffff; color: #1c1c1c; font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid #d8d8d8; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p, dd, li { max-width: 75ch; overflow-wrap: anywhere; }
.claim { font-size: 1.15rem; margin: 0 0 .3rem; white-space: pre-line; }
.quiet, figcaption { color: #555; font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 500px), 1fr)); gap: 1.5rem; }
figure { margin: 0; min-width: 0; max-width: 640px; }
figure h3 { margin: 0 0 .3rem; }
figcaption { margin-top: .35rem; }
iframe { display: block; width: 100%; max-width: 100%; border: 0; }
.wide { overflow: auto; max-width: 100%; max-height: 80vh; }
thead th { position: sticky; top: 0; background: #ffffff; }
table { border-collapse: collapse; width: max-content; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
th { border-bottom: 2px solid #9a9a9a; font-weight: 600; white-space: nowrap; }
td { overflow-wrap: break-word; max-width: 52ch; }
.number { text-align: right; white-space: nowrap; }
.verdict { padding: .1rem .5rem; border-radius: .6rem; white-space: nowrap; font-weight: 600; }
.agrees { background: #d6efe4; color: #00513a; }
.differs { background: #fbdfd0; color: #7d2a00; }
.too_noisy { background: #ececec; color: #3f3f3f; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: .5rem 0; }
dt { color: #555; }
dd { margin: 0; }
pre { overflow-x: auto; font-size: .8rem; background: #f6f6f6; padding: .8rem; }
summary { cursor: pointer; }
@media (max-width: 500px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
</style>
)";

constexpr std::string_view kFigureStyle =
    "<!DOCTYPE html><html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>figure</title><style>body{margin:0}"
    "svg{display:block;width:100%;height:auto}svg>rect:first-of-type{stroke:none}text{font-family:system-ui,"
    "\"Helvetica Neue\",Arial,sans-serif}"
    "g[id$=_keyentry]{cursor:pointer}</style></head><body>";

// gnuplot's own script switches one drawn element per entry of the legend. This one makes what belongs to it
// follow: an element is hidden while any entry that switches it is off. It also leaves the wheel to the page,
// but with Ctrl, and keeps the drawing in its frame.
constexpr std::string_view kFigureScript = R"(<script>
const drawn = number => document.getElementById('gnuplot_plot_' + number);
const isOff = entry => drawn(entry).getAttribute('visibility') === 'hidden';
const follow = () => {
  const hidden = new Map();
  for (const [entry, elements] of switches) {
    for (const element of elements) {
      hidden.set(element, hidden.get(element) || isOff(entry));
    }
  }
  hidden.forEach((is, element) => drawn(element).setAttribute('visibility', is ? 'hidden' : 'visible'));
};
for (const [entry] of switches) {
  new MutationObserver(follow).observe(drawn(entry), {attributeFilter: ['visibility']});
}
addEventListener('wheel', event => { if (!event.ctrlKey) event.stopImmediatePropagation(); }, {capture: true});
</script>)";

std::string paragraph(const std::string& html, std::string_view style = "") {
  return style.empty() ? fmt::format("<p>{}</p>\n", html)
                       : fmt::format("<p class=\"{}\">{}</p>\n", style, html);
}

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
  html += study.claim.empty() ? "" : paragraph(html_text(study.claim), "claim");
  html += study.source.empty() ? "" : paragraph("Source: " + html_text(study.source), "quiet");
  const std::size_t num_planned = trial_keys(study).size();
  if (results.rows.size() < num_planned) {
    html += paragraph(fmt::format("<strong>{} of {} trials are there.</strong> The study is not complete.",
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
    return html + paragraph("The study expects nothing of what it measures.") + "</section>\n";
  }
  html += paragraph(fmt::format("{} of {} agree with what is expected, {} differ, {} are too noisy to say.",
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

/// The document of one figure, as the value of an attribute.
std::string frame_html(const StudyFigure& figure) {
  std::string switches;
  for (const LegendSwitch& entry : figure.switches) {
    switches += fmt::format("{}[{}, [{}]]", switches.empty() ? "" : ", ", entry.entry,
                            fmt::join(entry.elements, ", "));
  }
  const std::string svg = figure.interactive.substr(figure.interactive.find("<svg"));
  const std::string document = fmt::format("{}{}<script>const switches = [{}];</script>{}</body></html>",
                                           kFigureStyle, svg, switches, kFigureScript);
  return fmt::format(
      "<iframe scrolling=\"no\" title=\"{0}\" sandbox=\"allow-scripts\" style=\"aspect-ratio: {1} / {2}\" "
      "srcdoc=\"{3}\"></iframe>",
      html_text(metric_title(figure.metric)), figure.width, figure.height, html_text(document));
}

std::string figures_html(const Study& study, std::span<const StudyFigure> figures) {
  std::string html = "<section id=\"figures\"><h2>Figures</h2>\n";
  if (figures.empty()) {
    return html + paragraph("There is nothing to draw yet.") + "</section>\n";
  }
  html +=
      paragraph(fmt::format("Points are the {} over the replicates, bars one standard error. Solid lines are "
                            "fitted; dashed ones have "
                            "the expected slope. Of metrics of atoms, the largest over all atoms of a trial "
                            "is drawn. Point at a point "
                            "for its numbers; click an entry of the legend to hide or show what belongs to "
                            "it; Ctrl and the wheel zoom, "
                            "a right click resets.",
                            statistic_title(study.statistic)));
  html += "<div class=\"figures\">\n";
  for (const StudyFigure& figure : figures) {
    html += fmt::format(
        "<figure id=\"figure-{0}\"><h3>{1}</h3>\n{2}\n<figcaption>{3}. <code>{0}</code>: "
        "<a href=\"figures/{0}.svg\">SVG</a>, <a href=\"figures/{0}.pdf\">PDF</a>, "
        "<a href=\"figures/{0}.gp\">script</a>, <a href=\"figures/{0}.csv\">data</a></figcaption></figure>\n",
        figure.metric, html_text(metric_title(figure.metric)), frame_html(figure),
        html_text(metric(figure.metric).sentence));
  }
  return html + "</div></section>\n";
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
         paragraph(fmt::format(
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
             ? paragraph("All options of the fit are those that <code>moest fit</code> has by itself.")
             : paragraph("Options of the fit, the others being those of <code>moest fit</code>:") + "<ul>\n" +
                   items + "</ul>\n";
}

std::string arm_html(const Arm& arm) {
  std::string html = fmt::format("<h3>Arm {}</h3>\n", html_text(arm.name));
  html += paragraph(html_text(arm_title(arm)) + ".");
  html += arm.note.empty() ? "" : paragraph(html_text(arm.note));
  html +=
      paragraph(arm.start == Arm::Start::near
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
         paragraph(
             fmt::format("What theory predicts of the estimates, before any trial: the largest standard "
                         "error of a parameter of the truth's atoms, and the spread of a cell that has one "
                         "atom too many. Above {} a parameter is not determined.",
                         kLargestUsefulError)) +
         table.html() + "</section>\n";
}

std::string failures_html(std::span<const TrialRow> rows) {
  const std::vector<FailureReason> reasons = failure_reasons(rows);
  if (reasons.empty()) {
    return paragraph("No trial failed.");
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
         paragraph(
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
         paragraph(fmt::format("Report by {}; the study's seed is {}.", html_text(build_line()),
                               results.study.seed)) +
         table.html() + "</section>\n";
}

}  // namespace

std::string study_page(const StudyResults& results, std::span<const StudyFigure> figures) {
  std::string page{kHead};
  page += fmt::format("{}\n<title>{}</title>\n{}</head>\n<body><main>\n", kPageMark,
                      html_text(results.study.name), kStyle);
  page += title_html(results) + verdicts_html(results) + cautions_html(results.planned);
  page += figures_html(results.study, figures) + rates_html(results);
  page += specification_html(results.study) + predicted_html(results.planned);
  page += health_html(results) + provenance_html(results);
  return page + "</main></body>\n</html>\n";
}

}  // namespace moest
