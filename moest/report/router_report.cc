#include "moest/report/router_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "moest/base/build_info.h"
#include "moest/base/json_text.h"
#include "moest/base/number.h"
#include "moest/report/html.h"
#include "moest/report/page.h"
#include "moest/report/router_figures.h"
#include "moest/report/router_text.h"
#include "moest/study/router_summary.h"

namespace moest {
namespace {

using Column = HtmlTable::Column;

std::string or_dash(const std::optional<double>& value, const char* format) {
  return value ? html_number(*value, format) : "–";
}

std::string verdict_html(const std::optional<DifferenceVerdict>& verdict) {
  if (!verdict) {
    return "–";
  }
  // The classes are those of a study's verdicts.
  const char* style = *verdict == DifferenceVerdict::better  ? "agrees"
                      : *verdict == DifferenceVerdict::worse ? "differs"
                                                             : "too_noisy";
  std::string words = name_of(*verdict);
  std::ranges::replace(words, '_', ' ');
  return fmt::format("<span class=\"verdict {}\">{}</span>", style, words);
}

std::string difference_html(const std::optional<PairedDifference>& difference) {
  return difference
             ? fmt::format("{} [{}, {}]", html_number(difference->mean, "{:+.4f}"),
                           html_number(difference->low, "{:+.4f}"), html_number(difference->high, "{:+.4f}"))
             : "–";
}

std::string contestants_html(const RouterComparison& comparison,
                             std::span<const ContestantSummary> summaries) {
  HtmlTable table;
  table.add_column("router", Column::text);
  for (const std::string& title :
       {std::string("runs"), std::string("learning rate"),
        std::string(comparison.compared().title) + " (s.e.)", "difference to " + comparison.reference}) {
    table.add_column(title);
  }
  table.add_column("verdict", Column::text);
  for (const char* title : {"parameters", "in use at a token", "steps", "seconds per run"}) {
    table.add_column(title);
  }
  for (const ContestantSummary& summary : summaries) {
    const bool has_value = summary.num_runs > summary.num_failed;
    std::string mean = has_value ? html_number(summary.mean, "{:.4f}") : "–";
    mean +=
        summary.standard_error ? fmt::format(" ({})", html_number(*summary.standard_error, "{:.4f}")) : "";
    table.add_row({html_text(summary.name),
                   fmt::format("{}{}", summary.num_runs,
                               summary.num_failed > 0 ? fmt::format(" ({} failed)", summary.num_failed) : ""),
                   or_dash(summary.learning_rate, "{:g}"), mean, difference_html(summary.difference),
                   verdict_html(summary.verdict), std::to_string(summary.num_parameters),
                   std::to_string(summary.num_active_parameters),
                   summary.min_steps == summary.max_steps
                       ? std::to_string(summary.max_steps)
                       : fmt::format("{} to {}", summary.min_steps, summary.max_steps),
                   html_number(summary.seconds, "{:.1f}")});
  }
  return "<section id=\"contestants\"><h2>Routers</h2>\n" +
         html_paragraph(html_text(reading_of(comparison, summaries))) + table.html() +
         html_paragraph(
             "Exact numbers: <a href=\"tables/contestants.csv\">contestants.csv</a>, <a "
             "href=\"tables/runs.csv\">runs.csv</a>.",
             "quiet") +
         "</section>\n";
}

std::string routing_html(std::span<const ContestantSummary> summaries) {
  HtmlTable table;
  table.add_column("router", Column::text);
  for (const char* title :
       {"entropy of the load", "entropy of a token's weights", "experts that change", "margin"}) {
    table.add_column(title);
  }
  bool is_empty = true;
  for (const ContestantSummary& summary : summaries) {
    if (summary.routing) {
      is_empty = false;
      table.add_row({html_text(summary.name), html_number(summary.routing->load_entropy, "{:.3f}"),
                     html_number(summary.routing->weight_entropy, "{:.3f}"),
                     or_dash(summary.routing->change_rate, "{:.3f}"),
                     or_dash(summary.routing->margin, "{:.3g}")});
    }
  }
  return is_empty ? ""
                  : "<section id=\"routing\"><h2>Routing at the end</h2>\n" +
                        html_paragraph(
                            "Means over mixture layers and seeds at the last evaluation of each run. "
                            "Entropies are "
                            "over log k, k experts: a load of 1 is even.") +
                        table.html() + "</section>\n";
}

std::string design_html(const RouterComparison& comparison) {
  std::string html = "<section id=\"design\"><h2>Design</h2>\n<dl>\n";
  const auto add = [&](const char* name, const std::string& value) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html_text(value));
  };
  add("task", std::string(comparison.compared().title));
  add("seeds", fmt::format("1 to {}", comparison.num_seeds));
  add("reference", comparison.reference);
  if (comparison.learning_rates.size() > 1) {
    add("tuning", fmt::format("learning rates {} on seed 0, the best one for each contestant",
                              fmt::join(comparison.learning_rates, ", ")));
  }
  html += "</dl>\n";
  std::string commands;
  for (const Contestant& contestant : comparison.contestants) {
    commands += fmt::format("{}: moest-nn {} {} {}\n", contestant.name, comparison.compared().command,
                            fmt::join(contestant.arguments, " "), fmt::join(comparison.arguments, " "));
  }
  return html + fmt::format("<pre>{}</pre></section>\n", html_text(commands));
}

std::string failures_html(std::span<const RunRow> rows) {
  HtmlTable table;
  table.add_column("run", Column::text);
  table.add_column("why", Column::text);
  bool is_empty = true;
  for (const RunRow& row : rows) {
    if (row.status == "failed") {
      is_empty = false;
      table.add_row({html_text(row.key.text()), html_text(row.message)});
    }
  }
  return is_empty ? "" : "<section id=\"failures\"><h2>Failed runs</h2>\n" + table.html() + "</section>\n";
}

std::string provenance_html(std::span<const RunRow> rows) {
  struct Share {
    int runs = 0;
    double seconds = 0;
  };
  std::map<std::pair<std::string, std::string>, Share> shares;
  for (const RunRow& row : rows) {
    Share& share = shares[{row.host, row.version}];
    ++share.runs;
    share.seconds += row.seconds;
  }
  HtmlTable table;
  table.add_column("host", Column::text);
  table.add_column("version", Column::text);
  table.add_column("runs");
  table.add_column("seconds");
  for (const auto& [by, share] : shares) {
    table.add_row({html_text(by.first), html_text(by.second), std::to_string(share.runs),
                   html_number(share.seconds, "{:.0f}")});
  }
  return "<section id=\"provenance\"><h2>Provenance</h2>\n" +
         html_paragraph(fmt::format("Report by {}.", html_text(build_line()))) + table.html() +
         "</section>\n";
}

std::string field(const nlohmann::ordered_json& value) {
  return value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
}

std::string contestants_csv(std::span<const ContestantSummary> summaries) {
  std::string text =
      "name,learning_rate,num_runs,num_failed,mean,standard_error,difference,difference_low,difference_high,"
      "verdict,num_parameters,num_active_parameters,min_steps,max_steps,seconds\n";
  for (const ContestantSummary& summary : summaries) {
    const nlohmann::ordered_json json = to_json(summary);
    const auto& difference = json["difference"];
    const auto part = [&](const char* name) { return difference.is_null() ? "" : field(difference[name]); };
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", summary.name, field(json["learning_rate"]),
        summary.num_runs, summary.num_failed, field(json["mean"]), field(json["standard_error"]),
        part("mean"), part("low"), part("high"), field(json["verdict"]), summary.num_parameters,
        summary.num_active_parameters, summary.min_steps, summary.max_steps, exact_text(summary.seconds));
  }
  return text;
}

std::string runs_csv(const RouterComparison& comparison, std::span<const RunRow> rows) {
  std::string text =
      fmt::format("contestant,seed,learning_rate,status,{},seconds\n", comparison.compared().value);
  for (const RunRow& row : rows) {
    const std::optional<double> value = value_of(row, comparison.compared());
    text += fmt::format("{},{},{},{},{},{}\n", row.key.contestant, row.key.seed,
                        row.key.learning_rate ? exact_text(*row.key.learning_rate) : "", row.status,
                        value ? exact_text(*value) : "", exact_text(row.seconds));
  }
  return text;
}

}  // namespace

void write_router_report(const RouterResults& results, const std::string& folder) {
  const auto& [comparison, rows] = results;
  check_report_folder(folder);
  const std::vector<ContestantSummary> summaries = summarise(comparison, rows);
  const std::vector<Figure> figures = router_figures(comparison, rows, summaries);
  const std::string title = fmt::format("Routers: {}", comparison.compared().title);
  std::string body = fmt::format("<h1>{}</h1>\n", html_text(title));
  body += contestants_html(comparison, summaries);
  body += "<section id=\"figures\"><h2>Figures</h2>\n" +
          html_paragraph(
              "Point at a point for its numbers; click an entry of the legend to hide or show its curve; "
              "Ctrl and the wheel zoom, a right click resets.") +
          figures_html(figures) + "</section>\n";
  body += routing_html(summaries) + design_html(comparison) + failures_html(rows) + provenance_html(rows);
  write_report(html_page(title, body), figures,
               {{"tables/contestants.csv", contestants_csv(summaries)},
                {"tables/runs.csv", runs_csv(comparison, rows)}},
               folder);
}

}  // namespace moest
