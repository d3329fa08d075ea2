// A study as a folder: a page, figures, tables.
#pragma once

#include <string>

#include "moest/report/study_page.h"

namespace moest {

/// Writes index.html, figures/METRIC.{svg,pdf,gp,csv} and tables/{rates.csv,rates.tex,points.csv} into
/// `folder`, over those of a former report, each whole or not at all; nothing before all of them are made.
/// Throws as check_report_folder, and EnvironmentError if gnuplot is missing or a file cannot be written.
void write_study_report(const StudyResults& results, const std::string& folder);

}  // namespace moest
