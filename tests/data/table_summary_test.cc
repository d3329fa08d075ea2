#include "moest/data/table_summary.h"

#include <gmock/gmock.h>

#include <cmath>

#include "moest/data/csv.h"

namespace moest {
namespace {

std::vector<ColumnSummary> summaries(std::string_view text, const ReadOptions& options = {}) {
  return summarise(parse_csv(text, "data.csv", options));
}

TEST(TableSummary, DescribesNumbers) {
  const auto columns = summaries("a,b\n1,2\n4,2\nNA,2\n1,-8\n");
  ASSERT_EQ(columns.size(), 2u);
  const ColumnSummary& a = columns[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.kind, ColumnKind::number);
  EXPECT_EQ(a.num_numbers, 3u);
  EXPECT_EQ(a.num_missing, 1u);
  EXPECT_EQ(a.num_distinct, 2u);
  EXPECT_EQ(a.min, 1);
  EXPECT_DOUBLE_EQ(a.mean, 2);
  EXPECT_DOUBLE_EQ(a.sd, std::sqrt(3.0));
  EXPECT_EQ(a.max, 4);
  EXPECT_EQ(columns[1].min, -8);
}

TEST(TableSummary, TellsTextMixedAndEmptyColumnsApart) {
  const auto columns = summaries("t,m,e,i\nx,1,,inf\ny,two,NA,inf\n");
  EXPECT_EQ(columns[0].kind, ColumnKind::text);
  EXPECT_TRUE(std::isnan(columns[0].mean));
  EXPECT_FALSE(columns[0].num_distinct);
  EXPECT_EQ(columns[1].kind, ColumnKind::mixed);
  EXPECT_EQ(columns[1].num_bad, 1u);
  EXPECT_EQ(columns[1].first_bad->text, "two");
  EXPECT_EQ(columns[1].mean, 1);
  EXPECT_TRUE(std::isnan(columns[1].sd));
  EXPECT_EQ(columns[2].kind, ColumnKind::empty);
  EXPECT_EQ(columns[2].num_missing, 2u);
  EXPECT_EQ(columns[3].kind, ColumnKind::text);
  EXPECT_EQ(kind_name(columns[1].kind), "mixed");
}

TEST(TableSummary, CountsTheLabelsOfACategoricalColumn) {
  const auto columns = summaries("t,y\nx,1\ny,2\nNA,3\nx,4\n", {.categorical = {"t"}});
  EXPECT_EQ(columns[0].num_distinct, 2u);
}

}  // namespace
}  // namespace moest
