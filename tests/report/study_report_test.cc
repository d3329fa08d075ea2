#include "moest/report/study_report.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/number.h"
#include "moest/report/html.h"
#include "moest/report/page.h"
#include "moest/report/study_curves.h"
#include "moest/report/study_health.h"
#include "moest/report/study_script.h"
#include "moest/report/study_tables.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using Json = nlohmann::ordered_json;

const std::string kOddName = R"(a"b<c>&_$x)";

/// Four sizes, three replicates, arms "plain" and kOddName; losses are n^-1/2 and twice that, times a little.
Study odd_study() {
  return parse_study(R"(
moest_study = 1
name = "odd <names> & \"quotes\""
claim = "Rates </h1><script>alert(1)</script> & 'more'"
sizes = [100, 300, 1000, 3000]
replicates = 3
noise = 0.1
inputs = "uniform:-1,1"
[truth]
gate = {kind = "softmax"}
expert = {kind = "linear"}
atoms = [{bias = 0.3, gate = [4.0], expert = [2.0, 0.5]}, {gate = [0.0], expert = [-1.0, 1.0]}]
[fit]
starts = 3
[[arms]]
name = "plain"
expected = [{metric = "voronoi_reduced", slope = -0.5, source = "a, \"b\""},
            {metric = "largest_error", slope = -0.5, atom = 1}, {metric = "chi_square", mean = 6}]
[[arms]]
name = 'a"b<c>&_$x'
note = "fits begin <beside> the truth"
start = "near"
)",
                     "odd.toml", "");
}

std::size_t index_of(const std::string& name) {
  return static_cast<std::size_t>(&metric(name) - metrics().data());
}

TrialRow row_of(const TrialKey& key) {
  TrialRow row;
  row.key = key;
  row.status = "converged";
  row.iterations = 10 * (key.replicate + 1);
  row.num_starts = 3;
  row.agreeing_starts = 2;
  row.by = {"1.2.3 abc", "<node>", 2, 0};
  const double loss = (key.arm == "plain" ? 1 : 2) * std::pow(static_cast<double>(key.size), -0.5) *
                      (1 + 0.01 * key.replicate);
  row.values.resize(metrics().size());
  row.values[index_of("voronoi_reduced")] = {loss};
  row.values[index_of("largest_error")] = {loss / 2, loss};
  row.values[index_of("chi_square")] = {6.0 + key.replicate - 1.0};
  return row;
}

StudyResults results_of(const Study& study) {
  StudyResults results;
  results.study = study;
  for (const TrialKey& key : trial_keys(study)) {
    results.rows.push_back(row_of(key));
  }
  results.planned = plan(study);
  results.rates = rates(study, results.rows, results.planned);
  return results;
}

/// The fields of CSV text, line by line.
std::vector<std::vector<std::string>> csv_lines(const std::string& text) {
  std::vector<std::vector<std::string>> lines(1, {""});
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && is_quoted && i + 1 < text.size() && text[i + 1] == '"') {
      lines.back().back() += text[++i];
    } else if (c == '"') {
      is_quoted = !is_quoted;
    } else if (c == ',' && !is_quoted) {
      lines.back().emplace_back();
    } else if (c == '\n' && !is_quoted) {
      lines.push_back({""});
    } else {
      lines.back().back() += c;
    }
  }
  lines.pop_back();
  return lines;
}

/// Whether a field of CSV holds exactly what the JSON says.
void expect_same(const std::string& field, const Json& value) {
  if (value.is_null()) {
    EXPECT_EQ(field, "");
  } else if (value.is_string()) {
    EXPECT_EQ(field, value.get<std::string>());
  } else {
    EXPECT_EQ(parse_number(field).value, value.get<double>()) << field;
  }
}

TEST(RatesCsv, HasTheNumbersOfTheJson) {
  const StudyResults results = results_of(odd_study());
  const auto lines = csv_lines(rates_csv(results.rates));
  ASSERT_EQ(lines.size(), results.rates.size() + 1);
  for (std::size_t i = 0; i < results.rates.size(); ++i) {
    Json json = to_json(results.rates[i]);
    json.erase("points");
    ASSERT_EQ(lines[i + 1].size(), json.size());
    for (std::size_t j = 0; j < json.size(); ++j) {
      expect_same(lines[i + 1][j], json[lines[0][j]]);
    }
  }
}

TEST(PointsCsv, HasTheNumbersOfTheJson) {
  const StudyResults results = results_of(odd_study());
  const auto lines = csv_lines(points_csv(results.rates));
  std::size_t line = 0;
  for (const RateRow& rate : results.rates) {
    const Json json = to_json(rate);
    for (const Json& point : json["points"]) {
      ASSERT_LT(++line, lines.size());
      for (std::size_t j = 0; j < lines[0].size(); ++j) {
        const std::string& name = lines[0][j];
        expect_same(lines[line][j], point.contains(name) ? point[name] : json[name]);
      }
    }
  }
  EXPECT_EQ(line + 1, lines.size());
}

TEST(CsvField, IsQuotedWhereItHasTo) {
  EXPECT_EQ(csv_field("plain_$x"), "plain_$x");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field(kOddName), R"("a""b<c>&_$x")");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
}

TEST(LatexText, HasNoCommandOfTheUser) {
  EXPECT_EQ(latex_text("50 % of a_b & #1 {x} $y"), R"(50 \% of a\_b \& \#1 \{x\} \$y)");
  EXPECT_EQ(latex_text(R"(\input~^)"), R"(\textbackslash{}input\textasciitilde{}\textasciicircum{})");
  EXPECT_EQ(latex_text("a<b\n"), R"(a\texttt{\char`\<}b )");
}

TEST(RatesTex, HasWhatIsExpected) {
  StudyResults results = results_of(odd_study());
  const std::string text = rates_tex(results.rates);
  EXPECT_THAT(text, AllOf(HasSubstr(R"(plain & voronoi\_reduced & -- & $-0.500$ ($0.000$) & $-0.5$ & )"),
                          HasSubstr(R"(plain & largest\_error & 1 & )"), Not(HasSubstr("<c>"))));
  std::erase_if(results.rates, [](const RateRow& rate) { return rate.expected.has_value(); });
  EXPECT_THAT(rates_tex(results.rates), HasSubstr(R"(\char`\"}b)")) << "nothing expected: all of them";
}

TEST(HtmlText, EscapesEverything) {
  EXPECT_EQ(html_text(R"(a"b<c>&_$x'y)"), "a&quot;b&lt;c&gt;&amp;_$x&#39;y");
  EXPECT_EQ(html_text(std::string("a\x01\n\x7F"
                                  "b")),
            "a \n b");
}

TEST(HtmlNumber, HasItsExactValue) {
  EXPECT_EQ(html_number(1.0 / 3, "{:.2f}"), "<data value=\"0.3333333333333333\">0.33</data>");
  EXPECT_EQ(html_with_error(std::nullopt, 0.5), "–");
}

TEST(StudyCurves, HaveLinesThroughTheMiddle) {
  const StudyResults results = results_of(odd_study());
  const std::vector<StudyCurve> curves = study_curves(results.rates, "voronoi_reduced");
  ASSERT_THAT(curves, SizeIs(2));
  EXPECT_EQ(curves[0].legend, "plain, slope -0.500 (0.000), expected -0.5");
  EXPECT_EQ(curves[1].name, kOddName);
  for (std::size_t i = 0; i < 4; ++i) {
    const RatePoint& point = curves[0].rate->points[i];
    EXPECT_NEAR(*curves[0].fitted[i] / point.value, 1, 1e-12) << "the points are on a line";
    EXPECT_NEAR(*curves[0].expected[i] / point.value, 1, 1e-12) << "which has the expected slope";
    EXPECT_EQ(curves[1].expected[i], std::nullopt);
  }
}

TEST(StudyCurves, OfAtomsAreTheLargestAndTheExpectedOnes) {
  const StudyResults results = results_of(odd_study());
  std::vector<std::string> names;
  for (const StudyCurve& curve : study_curves(results.rates, "largest_error")) {
    names.push_back(curve.name);
  }
  EXPECT_THAT(names, ElementsAre("plain", "plain, atom 1", kOddName));
}

TEST(StudyCurves, OfAMeanAreLevel) {
  const StudyResults results = results_of(odd_study());
  const StudyCurve curve = study_curves(results.rates, kChiSquare).front();
  EXPECT_THAT(curve.fitted, ElementsAre(std::nullopt, std::nullopt, 6.0, 6.0)) << "over the upper half";
  EXPECT_THAT(curve.expected, ElementsAre(6.0, 6.0, 6.0, 6.0));
}

TEST(StudyCurves, LeaveOutWhatHasNoPlaceOnLogarithmicAxes) {
  StudyResults results = results_of(odd_study());
  for (TrialRow& row : results.rows) {
    row.values[index_of("voronoi_reduced")] = {0.0};
  }
  results.rates = rates(results.study, results.rows, results.planned);
  EXPECT_THAT(study_curves(results.rates, "voronoi_reduced"), SizeIs(0));
}

TEST(CurvesCsv, IsAsWideAsItsCurves) {
  const StudyResults results = results_of(odd_study());
  const auto lines = csv_lines(curves_csv(results.study, study_curves(results.rates, "voronoi_reduced")));
  ASSERT_THAT(lines, SizeIs(5));
  for (const auto& line : lines) {
    EXPECT_THAT(line, SizeIs(13));
  }
  EXPECT_EQ(lines[0][7], kOddName + " value");
  EXPECT_EQ(parse_number(lines[1][1]).value, results.rates.front().points.front().value);
}

TEST(PlotCommand, NumbersWhatTheLegendSwitches) {
  const StudyResults results = results_of(odd_study());
  const std::vector<StudyCurve> curves = study_curves(results.rates, "voronoi_reduced");
  // Of the first arm two lines, bars and tooltips; of the second one line fewer; then two kinds of lines.
  const PlotCommand command = plot_command("voronoi_reduced", curves, Tooltips::shown);
  ASSERT_THAT(command.switches, SizeIs(4));
  EXPECT_EQ(command.switches[0].entry, 3);
  EXPECT_THAT(command.switches[0].elements, ElementsAre(1, 2, 4));
  EXPECT_EQ(command.switches[1].entry, 6);
  EXPECT_THAT(command.switches[1].elements, ElementsAre(5, 7));
  EXPECT_EQ(command.switches[2].entry, 8);
  EXPECT_THAT(command.switches[2].elements, ElementsAre(1, 5));
  EXPECT_THAT(command.switches[3].elements, ElementsAre(2));
  EXPECT_THAT(command.text, AllOf(HasSubstr("'a”b<c>&_$x'"), HasSubstr(R"('a"b<c>&_$x, slope)")));
  EXPECT_THAT(plot_command("voronoi_reduced", curves, Tooltips::none).text, Not(HasSubstr("hypertext")));
}

TEST(StudyHealth, CountsTrialsOfEveryArmAndSize) {
  StudyResults results = results_of(odd_study());
  TrialRow& failed = results.rows.front();  // plain, 100, replicate 0
  failed.status = "failed";
  failed.message = "no <luck>";
  results.rows.back().status = "iteration_limit";
  const std::vector<SizeHealth> health = study_health(results.study, results.rows);
  ASSERT_THAT(health, SizeIs(8));
  EXPECT_EQ(health[0].num_done, 3);
  EXPECT_EQ(health[0].num_failed, 1);
  EXPECT_EQ(health[0].mean_iterations, 25) << "of the two that have a fit";
  EXPECT_EQ(health[7].num_unconverged, 1);
  const std::vector<FailureReason> reasons = failure_reasons(results.rows);
  ASSERT_THAT(reasons, SizeIs(1));
  EXPECT_EQ(reasons[0].num_trials, 1);
  EXPECT_EQ(reasons[0].first.text(), failed.key.text());
  EXPECT_THAT(study_page(results, {}), AllOf(HasSubstr("no &lt;luck&gt;"), HasSubstr(failed.key.text())));
}

TEST(StudyPage, TellsAllThatIsKnown) {
  StudyResults results = results_of(odd_study());
  const std::string page = study_page(results, {});
  EXPECT_THAT(page, AllOf(HasSubstr("Rates &lt;/h1&gt;&lt;script&gt;"), Not(HasSubstr("<script>alert")),
                          HasSubstr("a&quot;b&lt;c&gt;&amp;_$x"), Not(HasSubstr(kOddName)),
                          HasSubstr("Blind starts"), HasSubstr("Starts near the truth")));
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;node&gt;"), HasSubstr("1.2.3 abc"), HasSubstr("starts = 3"),
                          HasSubstr("fits start beside the truth"), HasSubstr("No trial failed"),
                          Not(HasSubstr("is not complete"))));
  for (const RateRow& rate : results.rates) {
    if (rate.slope) {
      EXPECT_THAT(page, HasSubstr(exact_text(*rate.slope)));
    }
  }
  results.rows.pop_back();
  EXPECT_THAT(study_page(results, {}), HasSubstr("23 of 24 trials are there"));
}

/// A folder that goes away with the test.
class StudyReport : public testing::Test {
 protected:
  StudyReport() : folder_(fs::path(testing::TempDir()) / ("moest_report_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~StudyReport() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(StudyReport, RefusesAFolderWithOtherFiles) {
  EXPECT_NO_THROW(check_report_folder(folder_.string()));
  EXPECT_NO_THROW(check_report_folder(folder_.string() + "/"));
  EXPECT_THROW(check_report_folder((folder_ / "deeper").string()), InputError);
  EXPECT_THROW(check_report_folder(""), InputError);
  fs::create_directory(folder_);
  EXPECT_NO_THROW(check_report_folder(folder_.string()));
  std::ofstream(folder_ / "index.html") << "<html>my own page</html>";
  EXPECT_THROW(check_report_folder(folder_.string()), InputError);
  EXPECT_THROW(check_report_folder((folder_ / "index.html").string()), InputError);
  std::ofstream(folder_ / "index.html") << kPageMark;
  EXPECT_NO_THROW(check_report_folder(folder_.string()));
}

TEST_F(StudyReport, HasFiguresThatCanBeDrawnAgain) {
  if (std::system("command -v gnuplot >/dev/null") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  const StudyResults results = results_of(odd_study());
  write_study_report(results, folder_.string());
  const auto text = [&](const std::string& name) { return read_input((folder_ / name).string()); };
  EXPECT_EQ(text("tables/rates.csv"), rates_csv(results.rates));
  EXPECT_THAT(text("figures/voronoi_reduced.pdf"), testing::StartsWith("%PDF"));
  const std::string page = text("index.html");
  for (const std::string metric : {"voronoi_reduced", "largest_error", "chi_square"}) {
    const std::string name = "figures/" + metric;
    EXPECT_THAT(page, HasSubstr("id=\"figure-" + metric + "\""));
    const std::string svg = text(name + ".svg");
    EXPECT_THAT(svg, AllOf(HasSubstr("a\"b&lt;c>&amp;_$x"), Not(HasSubstr("<script"))));
    fs::remove(folder_ / (name + ".svg"));
    ASSERT_EQ(
        std::system(("cd '" + (folder_ / "figures").string() + "' && gnuplot " + metric + ".gp").c_str()), 0);
    EXPECT_EQ(text(name + ".svg"), svg);
  }
  // A tooltip for each point: 2 arms, 4 sizes, 3 figures, and one atom more.
  std::size_t num_tooltips = 0;
  const std::string mark = "showHypertext(evt,";
  for (std::size_t at = page.find(mark); at != std::string::npos; at = page.find(mark, at + 1)) {
    ++num_tooltips;
  }
  EXPECT_EQ(num_tooltips, 2U * 4 * 3 + 4);
  std::ofstream(folder_ / "notes.txt") << "mine";
  EXPECT_NO_THROW(write_study_report(results, folder_.string())) << "over the former report";
  EXPECT_EQ(text("notes.txt"), "mine");
}

}  // namespace
}  // namespace moest
