#include "moest/report/study_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/report/study_tables.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPage = "index.html";

bool holds_report(const fs::path& folder) {
  const fs::path page = folder / kPage;
  return fs::is_regular_file(page) && read_input(page.string()).find(kPageMark) != std::string::npos;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) {
    throw EnvironmentError(fmt::format("cannot make the folder {}", folder.string()), error.message(),
                           "Choose another folder, or make room.");
  }
}

/// Names in the folder of the report, and contents: the page first, by which the folder is known as a report.
std::vector<std::pair<std::string, std::string>> files_of(const StudyResults& results) {
  const std::vector<StudyFigure> figures = study_figures(results.study, results.rates);
  std::vector<std::pair<std::string, std::string>> files;
  files.emplace_back(kPage, study_page(results, figures));
  for (const StudyFigure& figure : figures) {
    files.emplace_back(fmt::format("figures/{}.csv", figure.metric), figure.data);
    files.emplace_back(fmt::format("figures/{}.gp", figure.metric), figure.script);
    files.emplace_back(fmt::format("figures/{}.svg", figure.metric), figure.svg);
    files.emplace_back(fmt::format("figures/{}.pdf", figure.metric), figure.pdf);
  }
  files.emplace_back("tables/rates.csv", rates_csv(results.rates));
  files.emplace_back("tables/points.csv", points_csv(results.rates));
  files.emplace_back("tables/rates.tex", rates_tex(results.rates));
  return files;
}

}  // namespace

void check_report_folder(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  if (!folder.empty() && !fs::exists(path)) {
    check_output(path.has_filename() ? path.string() : path.parent_path().string());
    return;
  }
  const std::string problem = fmt::format("cannot write a report into {}", folder);
  if (!fs::is_directory(path)) {
    throw InputError(problem, folder.empty() ? "it has no name" : "it is a file", "Choose a folder.");
  }
  check_output((path / kPage).string());
  if (!fs::is_empty(path) && !holds_report(path)) {
    throw InputError(problem, "the folder has files in it and no report of a study",
                     "Choose a new folder, or empty this one.");
  }
}

void write_study_report(const StudyResults& results, const std::string& folder) {
  check_report_folder(folder);
  const auto files = files_of(results);
  const fs::path path(folder);
  make_folder(path);
  make_folder(path / "figures");
  make_folder(path / "tables");
  for (const auto& [name, content] : files) {
    write_output((path / name).string(), content);
  }
}

}  // namespace moest
