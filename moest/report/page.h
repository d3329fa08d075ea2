// The shell of a report: one page that a browser opens without a network, and the folder around it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moest/report/figure.h"

namespace moest {

/// What every page has in its head, and nothing else has.
inline constexpr std::string_view kPageMark = R"(<meta name="generator" content="moest report">)";

/// The page. A policy in its head forbids it to load anything. `title` is text, `body` HTML.
std::string html_page(const std::string& title, const std::string& body);

/// A paragraph of HTML; `style` is a class of the page, "claim" or "quiet".
std::string html_paragraph(const std::string& html, std::string_view style = "");

/// Figures side by side, each with links to its files in figures/. They are documents of their own inside the
/// page, so that their scripts and identifiers cannot meet.
std::string figures_html(std::span<const Figure> figures);

/// Throws InputError unless `folder` can hold a report: it is not there yet (but the folder around it is), is
/// empty, or holds a former report.
void check_report_folder(const std::string& folder);

/// Names in the folder of a report, tables/x.csv say, and contents.
using ReportFiles = std::vector<std::pair<std::string, std::string>>;

/// Writes index.html, figures/NAME.{svg,pdf,gp,csv} and `more` into `folder`, over those of a former report,
/// each whole or not at all. Throws as check_report_folder, and EnvironmentError if a file cannot be written.
void write_report(const std::string& page, std::span<const Figure> figures, const ReportFiles& more,
                  const std::string& folder);

}  // namespace moest
