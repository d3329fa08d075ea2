#include "moest/report/router_report.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>

#include "moest/base/file.h"
#include "moest/report/router_figures.h"
#include "tests/base/temporary_folder.h"
#include "tests/study/router_examples.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// How the script of a figure draws the curve of a contestant: its dashes and its colour.
std::string style_of(const std::string& script, const std::string& contestant) {
  const std::regex curve(R"(lw 2 (dt \d) pt 7 ps 0.4 (lc rgb '\S+') title ')" + contestant + "'");
  std::smatch match;
  return std::regex_search(script, match, curve) ? match.str(1) + " " + match.str(2) : "";
}

TEST(RouterReport, HasTheSameColoursInAllFigures) {
  if (std::system("gnuplot --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  std::vector<RunRow> rows;
  for (const char* name : {"none", "linear", "cosine"}) {
    rows.push_back(row_of(name, 1, 2));
    for (int step = 0; step <= 5; step += 5) {
      rows.back().evaluations.push_back(
          {{"step", step}, {"series", "."}, {"validation_bits_per_character", 3 - 0.1 * step}});
      if (rows.back().key.contestant != "none") {
        rows.back().evaluations.back()["routing"] = {{{"load_entropy", 0.9}}};
      }
    }
  }
  RouterComparison comparison = design();
  comparison.contestants.insert(comparison.contestants.begin(), parse_contestant("none"));
  std::map<std::string, std::string> scripts;
  for (const Figure& figure : router_figures(comparison, rows, summarise(comparison, rows))) {
    scripts[figure.name] = figure.script;
  }
  for (const char* name : {"linear", "cosine"}) {
    const std::string style = style_of(scripts.at("load_entropy"), name);
    EXPECT_THAT(style, HasSubstr("#")) << name;
    EXPECT_EQ(style, style_of(scripts.at("validation_bits_per_character"), name));
  }
  EXPECT_EQ(style_of(scripts.at("load_entropy"), "none"), "");
}

TEST(RouterReport, HasTheTablesAndCurvesOfAllContestants) {
  if (std::system("gnuplot --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  const TemporaryFolder folder;
  std::vector<RunRow> rows;
  for (const char* name : {"linear", "cosine"}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      RunRow row = row_of(name, seed, 2 + 0.1 * static_cast<double>(seed));
      for (int step = 0; step <= 10; step += 5) {
        row.evaluations.push_back({{"step", step},
                                   {"series", "."},
                                   {"validation_bits_per_character", 3 - 0.1 * step},
                                   {"routing", {{{"load_entropy", 0.9}, {"change_rate", nullptr}}}}});
      }
      rows.push_back(std::move(row));
    }
  }
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    rows.push_back(row_of("laplace", seed, 1 + 0.1 * static_cast<double>(seed)));
  }
  rows.back().status = "failed";
  RouterComparison comparison = design();
  comparison.contestants.push_back(parse_contestant("laplace"));
  const std::string report = folder.path("report");
  write_router_report({comparison, rows}, report);
  const std::string page = read_input(report + "/index.html");
  EXPECT_THAT(page, AllOf(HasSubstr("cosine"), HasSubstr("differences"), HasSubstr("entropy of the load"),
                          HasSubstr("within noise"), HasSubstr("unstable"), HasSubstr("3 (1 failed)"),
                          Not(HasSubstr("figure-change_rate"))));
  for (const char* file : {"figures/load_entropy.svg", "figures/differences.pdf", "figures/differences.csv",
                           "figures/validation_bits_per_character.gp", "tables/runs.csv"}) {
    EXPECT_GT(fs::file_size(fs::path(report) / file), 0U) << file;
  }
  EXPECT_THAT(read_input(report + "/tables/contestants.csv"), HasSubstr("cosine,,3,0,2.2,"));
  EXPECT_THAT(read_input(report + "/figures/differences.gp"), HasSubstr("laplace (unstable)"));
}

}  // namespace
}  // namespace moest
