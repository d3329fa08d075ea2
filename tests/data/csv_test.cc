#include "moest/data/csv.h"

#include <gmock/gmock.h>

#include <bit>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <limits>

#include "moest/base/error.h"
#include "moest/base/random.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Table parsed(std::string_view text, const ReadOptions& options = {}) {
  return parse_csv(text, "data.csv", options);
}

template <typename... Parts>
void expect_refused(std::string_view text, const Parts&... parts) {
  EXPECT_THAT([&] { parsed(text); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("data.csv"), HasSubstr(parts)...)))
      << text;
}

TEST(CsvTable, ReadsNamesAndNumbers) {
  const Table table = parsed("x1,x2,y\n1,2.5,-3\n4,5e-1,6\n");
  EXPECT_THAT(table.names(), ElementsAre("x1", "x2", "y"));
  EXPECT_EQ(table.num_rows, 2u);
  EXPECT_THAT(table.columns[0].values, ElementsAre(1, 4));
  EXPECT_THAT(table.columns[1].values, ElementsAre(2.5, 0.5));
  EXPECT_THAT(table.columns[2].values, ElementsAre(-3, 6));
}

TEST(CsvTable, FindsAColumnByItsName) {
  const Table table = parsed("a,b\n1,2\n");
  ASSERT_NE(table.find("b"), nullptr);
  EXPECT_EQ(table.find("b")->values[0], 2);
  EXPECT_EQ(table.find("c"), nullptr);
}

TEST(CsvTable, ReadsALastLineWithoutLineEnd) {
  EXPECT_EQ(parsed("a,b\n1,2\n3,4").num_rows, 2u);
  EXPECT_EQ(parsed("a,b\n1,2\n3,").columns[1].num_missing, 1u);
}

TEST(CsvTable, ReadsWindowsLineEndsAndAByteOrderMark) {
  const Table table = parsed(
      "\xEF\xBB\xBF"
      "a,b\r\n1,2\r\n3,4\r\n");
  EXPECT_THAT(table.names(), ElementsAre("a", "b"));
  EXPECT_THAT(table.columns[1].values, ElementsAre(2, 4));
}

TEST(CsvTable, IgnoresBlankLinesAtTheEnd) {
  EXPECT_EQ(parsed("a,b\n1,2\n\n\r\n  \n").num_rows, 1u);
  EXPECT_EQ(parsed("a\n1\n\n\n").num_rows, 1u);
}

TEST(CsvTable, TakesAnEmptyLineInAOneColumnTableAsMissing) {
  const Table table = parsed("a\n1\n\n2\n");
  EXPECT_EQ(table.num_rows, 3u);
  EXPECT_THAT(table.columns[0].first_missing_rows, ElementsAre(1));
}

TEST(CsvTable, RefusesAnEmptyLineAmongSeveralColumns) {
  expect_refused("a,b\n1,2\n\n3,4\n", "line 3", "the line is empty", "2 columns");
}

TEST(CsvTable, ReadsQuotedFields) {
  const Table table = parsed("\"a,1\",\"say \"\"hi\"\"\",\"\"\"\"\n\"1\",\"2\",\"3\"\n");
  EXPECT_THAT(table.names(), ElementsAre("a,1", "say \"hi\"", "\""));
  EXPECT_EQ(table.columns[0].values[0], 1);
  EXPECT_EQ(table.columns[2].values[0], 3);
}

TEST(CsvTable, CountsPhysicalLinesAcrossQuotedLineEnds) {
  const Table table = parsed("a,\"b\nc\"\n1,2\n\"x\r\ny\",3\n4,5\n");
  EXPECT_EQ(table.columns[1].name, "b\nc");
  EXPECT_EQ(table.line(0), 3u);
  EXPECT_EQ(table.line(1), 4u);
  EXPECT_EQ(table.line(2), 6u);
  EXPECT_EQ(table.place(2), "data.csv, line 6");
  EXPECT_EQ(table.places(std::vector<std::size_t>{0, 2}), "data.csv, lines 3, 6");
}

TEST(CsvTable, KeepsNoLineNumbersOfConsecutiveRows) {
  const Table table = parsed("a,b\n1,2\n3,4\n");
  EXPECT_TRUE(table.lines.empty());
  EXPECT_EQ(table.line(1), 3u);
}

TEST(CsvTable, DetectsSemicolonsAndTabs) {
  EXPECT_THAT(parsed("a;b\n1;2\n").names(), ElementsAre("a", "b"));
  EXPECT_THAT(parsed("a\tb\tc\n1\t\t3\n").names(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(parsed("\"a,b\";c\n1;2\n").names(), ElementsAre("a,b", "c"));
  EXPECT_THAT(parsed("a;b,c\n1,2\n").names(), ElementsAre("a;b", "c"));
}

TEST(CsvTable, ReadsEmptyFieldsAndNaAsMissing) {
  const Table table = parsed("a,b\n,1\nNA,2\n \t,3\n\"\",4\n\"NA\",5\n NA ,6\n,7\n8,8\n");
  const Column& column = table.columns[0];
  EXPECT_EQ(column.num_missing, 7u);
  EXPECT_THAT(column.first_missing_rows, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_FALSE(column.first_bad);
  EXPECT_TRUE(std::isnan(column.values[0]));
  EXPECT_EQ(column.values[7], 8);
}

TEST(CsvTable, RecordsTheFirstBadCellOfAColumn) {
  const Table table = parsed("a,b,c\n1,nan,1e999\nabc,-Infinity,1\ndef,1,1\n");
  EXPECT_EQ(table.columns[0].num_bad, 2u);
  EXPECT_EQ(table.columns[0].first_bad->row, 1u);
  EXPECT_EQ(table.columns[0].first_bad->text, "abc");
  EXPECT_EQ(table.columns[0].first_bad->kind, BadCellKind::text);
  EXPECT_EQ(table.columns[1].first_bad->kind, BadCellKind::not_finite);
  EXPECT_EQ(table.columns[2].first_bad->kind, BadCellKind::out_of_range);
  EXPECT_TRUE(std::isnan(table.columns[0].values[2]));
}

TEST(CsvTable, KeepsLabelsOnlyOfCategoricalColumns) {
  const Table table =
      parsed("kind,a\n red ,1\n\"dark blue\",2\nNA,3\n7,4\n", {.categorical = {"kind", "absent"}});
  EXPECT_THAT(table.columns[0].labels, ElementsAre("red", "dark blue", "", "7"));
  EXPECT_EQ(table.columns[0].values[3], 7);
  EXPECT_TRUE(table.columns[1].labels.empty());
}

TEST(CsvTable, TrimsBlanksAroundUnquotedNamesOnly) {
  EXPECT_THAT(parsed("a , b,\" c\"\n1,2,3\n").names(), ElementsAre("a", "b", " c"));
}

TEST(CsvTable, RefusesAnEmptyFile) {
  expect_refused("", "is empty");
  expect_refused("\n\r\n ", "is empty");
  expect_refused("\xEF\xBB\xBF", "is empty");
}

TEST(CsvTable, RefusesAHeaderWithoutRows) { expect_refused("a,b\n\n", "no rows", "header"); }

TEST(CsvTable, RefusesARaggedRowNamingItsLine) {
  expect_refused("a,b\n1,2\n1,2,3\n", "line 3", "3 fields", "2 columns");
  expect_refused("a,b\n\"1\n\",2\n1\n", "line 4", "1 field (", "2 columns");
}

TEST(CsvTable, RefusesDoubleNames) { expect_refused("a,b,a\n1,2,3\n", "column 3", "`a`", "column 1 has it"); }

TEST(CsvTable, RefusesAnEmptyName) {
  expect_refused("a,,b\n1,2,3\n", "line 1", "column 2 has no name");
  expect_refused("a,b,\n1,2,\n", "column 3 has no name");
}

TEST(CsvTable, RefusesANameThatIsNotUtf8) {
  expect_refused(
      "a,gr\xF6\xDF"
      "e\n1,2\n",
      "column 2", "gr??e", "UTF-8");
}

TEST(CsvTable, SuggestsAHeaderLineWhereTheFirstLineHoldsNumbers) {
  expect_refused("1,2,3.5\n4,5,6\n", "line 1", "only numbers", "Add a header line");
}

TEST(CsvTable, AcceptsQuotedNumbersAsNames) {
  EXPECT_THAT(parsed("\"2019\",\"2020\"\n4,5\n").names(), ElementsAre("2019", "2020"));
}

TEST(CsvTable, RefusesAQuoteThatIsNotClosedNamingWhereItBegins) {
  expect_refused("a,b\n1,2\n3,\"4\n5,6\n", "line 3", "not closed");
}

TEST(CsvTable, RefusesTextAfterAClosingQuote) {
  expect_refused("a,b\n\"1\"x,2\n", "line 2", "closing quote");
}

TEST(CsvTable, RefusesACarriageReturnThatEndsNoLine) {
  expect_refused("a,b\r1,2\r3,4\r", "line 1", "carriage return");
  expect_refused("a,b\n1,2\n3,\r4\n", "line 3", "carriage return");
}

TEST(CsvTable, RefusesBinaryContent) {
  expect_refused(std::string_view("a,b\n1,\0\n", 8), "not a text file", "line 2", "NUL");
}

TEST(CsvTable, DoesNotReserveMemoryForRowsThatCannotBe) {
  std::string text(200000, ',');
  for (std::size_t i = 0; i < text.size(); i += 2) {
    text[i] = '\n';
  }
  std::string header = "c0";
  for (int j = 1; j < 20000; ++j) {
    header += ",c" + std::to_string(j);
  }
  expect_refused(header + text, "line 2", "empty");
}

// --- numbers

double number(std::string_view text) {
  const Table table = parsed("a,b\n" + std::string(text) + ",1\n");
  EXPECT_FALSE(table.columns[0].first_bad) << text;
  return table.columns[0].values[0];
}

TEST(CsvNumber, IsReadInEveryUsualForm) {
  EXPECT_EQ(number("+1.5"), 1.5);
  EXPECT_EQ(number(".5"), 0.5);
  EXPECT_EQ(number("1."), 1);
  EXPECT_EQ(number(" 3 "), 3);
  EXPECT_EQ(number("\t-3e+2"), -300);
  EXPECT_EQ(number("1E-3"), 1e-3);
  EXPECT_EQ(number("0007"), 7);
  EXPECT_EQ(number("5e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(number("1e-999"), 0);
  EXPECT_EQ(number("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_TRUE(std::signbit(number("-0.0")));
}

TEST(CsvNumber, IsRoundedCorrectlyWhateverItsLength) {
  EXPECT_EQ(number("9007199254740993"), 9007199254740992.0);
  EXPECT_EQ(number("9007199254740993.00000000000000000000000000001"), 9007199254740994.0);
  EXPECT_EQ(number("0.1000000000000000055511151231257827021181583404541015625"), 0.1);
}

TEST(CsvNumber, IsRefusedInOtherForms) {
  for (const std::string text : {"0x10", "1_000", "1 000", "1e", "e5", "+", "-", ".", "+-1", "--1", "1.2.3",
                                 "1f", "1d5", "true", "N/A", "nul", "\xD9\xA1"}) {
    const Table table = parsed("a,b\n" + text + ",1\n");
    ASSERT_TRUE(table.columns[0].first_bad) << text;
    EXPECT_EQ(table.columns[0].first_bad->kind, BadCellKind::text) << text;
  }
}

TEST(CsvNumber, IsReadTheSameInEveryLocale) {
  const char* const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : names) {
    if (std::setlocale(LC_ALL, name) != nullptr) {
      EXPECT_EQ(number("1.5"), 1.5) << name;
      EXPECT_EQ(csv_text(std::vector<std::string>{"a"}, std::vector<std::vector<double>>{{1.5}}), "a\n1.5\n");
    }
  }
  std::setlocale(LC_ALL, before.c_str());
}

// --- writing

double random_finite(Stream& stream) {
  while (true) {
    const double value = std::bit_cast<double>(stream());
    if (std::isfinite(value)) {
      return value;
    }
  }
}

TEST(CsvText, RoundTripsEveryBitOfRandomNumbers) {
  Stream stream(2024, 1, "csv round trip");
  std::vector<std::vector<double>> columns(7);
  for (auto& column : columns) {
    for (int i = 0; i < 3000; ++i) {
      column.push_back(i % 2 == 0 ? random_finite(stream) : 1e3 * stream.normal());
    }
  }
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g"};
  const Table table = parsed(csv_text(names, columns));
  ASSERT_EQ(table.num_rows, 3000u);
  for (std::size_t j = 0; j < names.size(); ++j) {
    ASSERT_FALSE(table.columns[j].first_bad);
    for (std::size_t i = 0; i < table.num_rows; ++i) {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(table.columns[j].values[i]),
                std::bit_cast<std::uint64_t>(columns[j][i]));
    }
  }
}

TEST(CsvText, RoundTripsAwkwardNames) {
  const std::vector<std::string> names = {"a,b", "say \"hi\"", "line\nbreak", " blank ",
                                          "1",   "a;b",        "\t",          "größe"};
  const std::vector<std::vector<double>> columns(names.size(), {1, 2});
  EXPECT_EQ(parsed(csv_text(names, columns)).names(), names);
  for (const std::string& name : names) {
    const std::vector<std::vector<double>> column = {{1, 2}};
    EXPECT_THAT(parsed(csv_text(std::vector{name}, column)).names(), ElementsAre(name));
  }
}

TEST(CsvText, WritesNanAsMissing) {
  const std::vector<std::vector<double>> columns = {{1, std::nan("")}, {0.1, -2}};
  EXPECT_EQ(csv_text(std::vector<std::string>{"a", "b"}, columns), "a,b\n1,0.1\nNA,-2\n");
}

TEST(CsvText, WritesAMatrixLikeItsColumns) {
  Eigen::MatrixXd values(2, 2);
  values << 1, 2, 3, 4.5;
  EXPECT_EQ(csv_text(std::vector<std::string>{"a", "b"}, values), "a,b\n1,2\n3,4.5\n");
}

TEST(CsvText, RequiresOneNamePerColumn) {
  const std::vector<std::vector<double>> columns = {{1}, {2}};
  EXPECT_THROW(csv_text(std::vector<std::string>{"a"}, columns), ContractError);
  EXPECT_THROW(csv_text(std::vector<std::string>{"a", "b"}, Eigen::MatrixXd(1, 3)), ContractError);
  EXPECT_THROW(csv_text(std::vector<std::string>{}, Eigen::MatrixXd(1, 0)), ContractError);
  EXPECT_THROW(csv_text(std::vector<std::string>{"a", "b"}, std::vector<std::vector<double>>{{1}, {1, 2}}),
               ContractError);
}

// Random fields, quoted or not, with every special character: what is written by RFC 4180 is read back.
TEST(CsvTable, RoundTripsRandomLabels) {
  Stream stream(2024, 2, "csv labels");
  const std::string alphabet = "ab,;\t\"\n\r x";
  std::vector<std::string> labels;
  std::string text = "label,number\r\n";
  for (int i = 0; i < 2000; ++i) {
    std::string label = "<";
    const int length = stream.below(12);
    for (int j = 0; j < length; ++j) {
      label += alphabet[static_cast<std::size_t>(stream.below(static_cast<int>(alphabet.size())))];
    }
    label += ">";
    labels.push_back(label);
    text += '"';
    for (const char c : label) {
      text.append(c == '"' ? 2 : 1, c);
    }
    text += "\"," + std::to_string(i) + "\r\n";
  }
  const Table table = parsed(text, {.categorical = {"label"}});
  EXPECT_EQ(table.columns[0].labels, labels);
  EXPECT_EQ(table.columns[1].values.back(), 1999);
}

}  // namespace
}  // namespace moest
