#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

/// One arm, whose name has what HTML, gnuplot, LaTeX and CSV take for their own.
constexpr const char* kStudy = R"(
moest_study = 1
name = "lines & <others>"
claim = "Errors fall as n^-1/2 & \"no\" <faster>."
sizes = [100, 300, 1000]
replicates = 3
noise = 0.1
inputs = "uniform:-1,1"
[truth]
gate = {kind = "softmax"}
expert = {kind = "linear"}
atoms = [{bias = 0.3, gate = [4.0], expert = [2.0, 0.5]}, {gate = [0.0], expert = [-1.0, 1.0]}]
[fit]
starts = 2
[[arms]]
name = 'a"b<c>&_$x'
expected = [{metric = "regression_l2", slope = -0.5, source = "NHR24"}, {metric = "chi_square", mean = 6}]
)";

/// Prints every tag that is not closed, or closed without being open.
constexpr const char* kHtmlCheck = R"(
import html.parser, sys
VOID = {"meta", "br", "img", "link", "hr", "input"}
class Tags(html.parser.HTMLParser):
    open = []
    frames = []
    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.frames += [value for name, value in attributes if name == "srcdoc"]
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            print("not open:", tag, self.getpos())
def check(text):
    tags = Tags(convert_charrefs=True)
    tags.open, tags.frames = [], []
    tags.feed(text)
    tags.close()
    if tags.open:
        print("not closed:", tags.open)
    return tags.frames
frames = check(open(sys.argv[1], encoding="utf-8").read())
if not frames:
    print("no figure")
for frame in frames:
    check(frame)
)";

class StudyReport : public testing::Test {
 protected:
  void SetUp() override {
    workspace_.write("study.toml", kStudy);
    const RunResult run = workspace_.moest({"study", "run", "study.toml", "--store", "s.db", "--quiet"});
    ASSERT_EQ(run.status, 0) << run.err;
  }
  RunResult report() const { return workspace_.moest({"study", "report", "s.db", "--output", "report"}); }
  static bool has_program(const std::string& name) {
    return std::system(("command -v " + name + " >/dev/null").c_str()) == 0;
  }

  Workspace workspace_;
};

TEST_F(StudyReport, HasTheNumbersOfStudyRates) {
  if (!has_program("gnuplot")) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  const RunResult result = report();
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("report/index.html"));
  const Json rows = Json::parse(workspace_.moest({"study", "rates", "s.db", "--json"}).out)["rows"];
  // The name of the only arm has no comma: without its first field a line has no quotes.
  std::string table = workspace_.read("report/tables/rates.csv");
  const std::string name = R"("a""b<c>&_$x")";
  for (std::size_t at = table.find(name); at != std::string::npos; at = table.find(name, at)) {
    table.replace(at, name.size(), "arm");
  }
  const auto lines = fields_of(table);
  ASSERT_EQ(lines.size(), rows.size() + 1);
  const std::string page = workspace_.read("report/index.html");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < lines[0].size(); ++j) {
      const Json& value = rows[i][lines[0][j]];
      if (value.is_number()) {
        EXPECT_EQ(std::stod(lines[i + 1][j]), value.get<double>()) << lines[0][j];
      }
      if (value.is_number_float()) {
        EXPECT_THAT(page, HasSubstr("<data value=\"" + lines[i + 1][j] + "\">")) << lines[0][j];
      }
    }
  }
}

TEST_F(StudyReport, IsWellFormedWhateverNamesAre) {
  if (!has_program("gnuplot") || !has_program("python3")) {
    GTEST_SKIP() << "gnuplot or python3 is not installed";
  }
  ASSERT_EQ(report().status, 0);
  workspace_.write("check.py", kHtmlCheck);
  const RunResult check = workspace_.run({"python3", "check.py", "report/index.html"});
  EXPECT_EQ(check.status, 0) << check.err;
  EXPECT_EQ(check.out, "");
  const std::string page = workspace_.read("report/index.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<h1>lines &amp; &lt;others&gt;</h1>"),
                          HasSubstr("&amp; &quot;no&quot; &lt;faster&gt;."), Not(HasSubstr("<c>")),
                          Not(HasSubstr("http://gnuplot")), Not(HasSubstr("src=\"http"))));
  EXPECT_THAT(workspace_.read("report/tables/rates.tex"), HasSubstr(R"(\&\_\$x & regression\_l2)"));
}

TEST_F(StudyReport, WritesOverAFormerReportAndSaysSoAsJson) {
  if (!has_program("gnuplot")) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  ASSERT_EQ(report().status, 0);
  const std::string page = workspace_.read("report/index.html");
  const RunResult again =
      workspace_.moest({"study", "report", "s.db", "--output", "report", "--json", "--quiet"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(Json::parse(again.out), (Json{{"command", "study report"}, {"output", "report"}}));
  EXPECT_EQ(workspace_.read("report/index.html"), page) << "the same of the same store";
}

TEST_F(StudyReport, KeepsAwayFromFoldersOfOtherThings) {
  std::filesystem::create_directory(workspace_.path("report"));
  workspace_.write("report/thesis.tex", "years of work");
  const RunResult result = report();
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot write a report into report"), HasSubstr("no report")));
  EXPECT_EQ(workspace_.read("report/index.html"), "");
}

TEST_F(StudyReport, HasNoReference) {
  const RunResult result =
      workspace_.moest({"study", "report", "s.db", "--output", "report", "--reference", "linear"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--reference linear cannot be used (s.db holds a study"));
  EXPECT_THAT(workspace_.files(), Not(Contains("report")));
}

TEST_F(StudyReport, SaysThatGnuplotIsMissingAndWritesNothing) {
  const RunResult result = workspace_.run(
      {"/usr/bin/env", "PATH=/nowhere", MOEST_PROGRAM, "study", "report", "s.db", "--output", "report"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("Install gnuplot"));
  EXPECT_THAT(workspace_.files(), Not(Contains("report")));
}

}  // namespace
}  // namespace moest
