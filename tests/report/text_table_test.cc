#include "moest/report/text_table.h"

#include <gmock/gmock.h>

#include "moest/base/error.h"

namespace moest {
namespace {

TEST(TextTable, AlignsTheFirstColumnLeftAndTheOthersRight) {
  TextTable table({"name", "n", "value"});
  table.add_row({"a", "10", "1.5"});
  table.add_row({"longer", "2", "-12.25"});
  EXPECT_EQ(table.text(),
            "  name     n   value\n"
            "  a       10     1.5\n"
            "  longer   2  -12.25\n");
}

TEST(TextTable, CountsCodePointsAndNotBytes) {
  TextTable table({"größe", "µ", "x"});
  table.add_row({"b", "12", "温度"});
  EXPECT_EQ(table.text(0),
            "größe   µ   x\n"
            "b      12  温度\n");
}

TEST(TextTable, EndsShortRowsWithoutTrailingBlanks) {
  TextTable table({"name", "n", "value"});
  table.add_row({"a"});
  table.add_row({"b", "", "3"});
  EXPECT_EQ(table.text(0),
            "name  n  value\n"
            "a\n"
            "b            3\n");
}

TEST(TextTable, RefusesARowLongerThanItsHeader) {
  TextTable table({"name"});
  EXPECT_THROW(table.add_row({"a", "b"}), ContractError);
}

TEST(WrappedText, BreaksAtBlanksAndIndents) {
  EXPECT_EQ(wrapped("one two three four", 2, 10), "one two\n  three\n  four");
  EXPECT_EQ(wrapped("one two", 0, 7), "one two");
  EXPECT_EQ(wrapped("", 4, 10), "");
}

TEST(WrappedText, LeavesALongWordWhole) {
  EXPECT_EQ(wrapped("a abcdefghijklmnop b", 0, 5), "a\nabcdefghijklmnop\nb");
}

TEST(ShortNumber, HasSixDigits) {
  EXPECT_EQ(short_number(1.0 / 3), "0.333333");
  EXPECT_EQ(short_number(-1234567), "-1.23457e+06");
  EXPECT_EQ(short_number(2), "2");
  EXPECT_EQ(percent(0.1234), "12.3 %");
}

}  // namespace
}  // namespace moest
