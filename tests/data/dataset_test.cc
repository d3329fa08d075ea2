#include "moest/data/dataset.h"

#include <gmock/gmock.h>

#include "moest/base/error.h"
#include "moest/data/csv.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

Table table_of(std::string_view text, const std::vector<std::string>& categorical = {}) {
  return parse_csv(text, "data.csv", {.categorical = categorical});
}

Dataset dataset(std::string_view text, const DatasetOptions& options) {
  return make_dataset(table_of(text, options.categorical), options);
}

template <typename... Parts>
void expect_refused(std::string_view text, const DatasetOptions& options, const Parts&... parts) {
  EXPECT_THAT([&] { dataset(text, options); }, ThrowsMessage<InputError>(AllOf(HasSubstr(parts)...))) << text;
}

Eigen::MatrixXd matrix(Eigen::Index rows, std::initializer_list<double> values) {
  Eigen::MatrixXd result(rows, static_cast<Eigen::Index>(values.size()) / rows);
  Eigen::Index i = 0;
  for (const double value : values) {
    result(i / result.cols(), i % result.cols()) = value;
    ++i;
  }
  return result;
}

// --- weights

TEST(Dataset, TakesTheWeightsOfTheSamplesFromAColumn) {
  const Dataset data = dataset("a,y,w\n1,2,0.5\n4,5,0\n7,9,3\n", {.targets = {"y"}, .weights = "w"});
  EXPECT_THAT(data.input_names, ElementsAre("a"));
  EXPECT_EQ(data.weights, matrix(2, {0.5, 3}).reshaped());
  EXPECT_EQ(data.target, matrix(2, {2, 9}));
  EXPECT_THAT(data.rows, ElementsAre(0, 2));
  EXPECT_THAT(data.notes, ElementsAre("1 of 3 rows left out: weight 0"));
  EXPECT_EQ(dataset("a,y\n1,2\n4,5\n", {.targets = {"y"}}).weights.size(), 0);
}

TEST(Dataset, RefusesWeightsThatAreNone) {
  const std::string_view text = "a,y,w\n1,2,0.5\n4,5,-1\n";
  expect_refused(text, {.targets = {"y"}, .weights = "w"}, "line 3", "-1", "negative weight");
  expect_refused(text, {.targets = {"y"}, .weights = "v"}, "v");
  expect_refused(text, {.targets = {"y"}, .weights = "y"}, "y", "target");
  expect_refused(text, {.targets = {"y"}, .inputs = {"a", "w"}, .weights = "w"}, "w", "inputs");
  expect_refused("a,y,w\n1,2,0\n4,5,0\n", {.targets = {"y"}, .weights = "w"}, "0 in every row");
  expect_refused("a,y,w\n1,2,x\n4,5,1\n", {.targets = {"y"}, .weights = "w"}, "x", "not a number");
  expect_refused("a,y,w\n1,2,\n4,5,1\n", {.targets = {"y"}, .weights = "w"}, "lacks 1 value", "w");
}

// --- choosing columns

TEST(Dataset, TakesAllColumnsButTheTargetAsInputs) {
  const Dataset data = dataset("a,y,b\n1,2,3\n4,5,6\n", {.targets = {"y"}});
  EXPECT_THAT(data.input_names, ElementsAre("a", "b"));
  EXPECT_EQ(data.inputs, matrix(2, {1, 3, 4, 6}));
  EXPECT_THAT(data.target_names, ElementsAre("y"));
  EXPECT_EQ(data.target, matrix(2, {2, 5}));
  EXPECT_THAT(data.rows, ElementsAre(0, 1));
  EXPECT_THAT(data.notes, IsEmpty());
  EXPECT_THAT(data.categories, IsEmpty());
}

TEST(Dataset, TakesTheGivenInputsInTheirOrder) {
  const Dataset data = dataset("a,y,b,c\n1,2,3,text\n4,5,6,text\n", {.targets = {"y"}, .inputs = {"b", "a"}});
  EXPECT_THAT(data.input_names, ElementsAre("b", "a"));
  EXPECT_EQ(data.inputs, matrix(2, {3, 1, 6, 4}));
}

TEST(Dataset, RefusesAnUnknownColumnAndSuggestsTheNearest) {
  const std::string_view text = "weight,height\n1,2\n3,4\n";
  expect_refused(text, {.targets = {"heigth"}}, "data.csv", "`heigth`", "target", "`weight`, `height`",
                 "Did you mean `height`?");
  expect_refused(text, {.targets = {"height"}, .inputs = {"wait"}}, "`wait`", "input", "`weight`, `height`");
  expect_refused(text, {.targets = {"mpg"}}, "Name one of its columns");
}

TEST(Dataset, RefusesTheTargetAmongTheInputs) {
  expect_refused("a,y\n1,2\n3,4\n", {.targets = {"y"}, .inputs = {"a", "y"}},
                 "target `y` is among the inputs");
}

TEST(Dataset, RefusesAnInputGivenTwice) {
  expect_refused("a,y\n1,2\n3,4\n", {.targets = {"y"}, .inputs = {"a", "a"}}, "`a` is given twice");
}

TEST(Dataset, RefusesATableOfTheTargetAlone) {
  expect_refused("y\n1\n2\n", {.targets = {"y"}}, "no input", "`y`");
}

// --- cells

TEST(Dataset, RefusesTextNamingLineColumnAndValue) {
  expect_refused("a,b,y\n1,2,3\n4,five,6\n", {.targets = {"y"}}, "data.csv, line 3", "column `b`", "`five`",
                 "--categorical b", "--inputs");
  expect_refused("a,y\n1,2\n3,four\n", {.targets = {"y"}}, "line 3", "column `y`", "`four`",
                 "target must be a number");
}

TEST(Dataset, SuggestsADecimalPointForADecimalComma) {
  expect_refused("a;y\n1,5;2\n3;4\n", {.targets = {"y"}}, "line 2", "`1,5`", "decimal point");
}

TEST(Dataset, DoesNotMindTextInAColumnThatIsNotUsed) {
  EXPECT_NO_THROW(dataset("a,b,y\n1,x,3\n4,y,6\n", {.targets = {"y"}, .inputs = {"a"}}));
}

TEST(Dataset, RefusesNumbersThatAreNotFiniteOrTooLarge) {
  expect_refused("a,y\n1,2\nnan,4\n", {.targets = {"y"}}, "line 3", "column `a`", "`nan`",
                 "not a finite number");
  expect_refused("a,y\n1,2\n3,-inf\n", {.targets = {"y"}}, "line 3", "column `y`", "`-inf`",
                 "not a finite number");
  expect_refused("a,y\n1,2\n1e999,4\n", {.targets = {"y"}}, "line 3", "column `a`", "`1e999`",
                 "out of range");
  expect_refused("a,y\n1,2\n-2e150,4\n", {.targets = {"y"}}, "line 3", "column `a`", "-2e+150", "too large");
  EXPECT_NO_THROW(dataset("a,y\n1e150,2\n-1e150,4\n", {.targets = {"y"}}));
}

TEST(Dataset, RefusesMissingValuesCountingThem) {
  const std::string_view text = "a,b,y\n1,,3\n4,NA,6\n,,9\n1,2,3\n";
  expect_refused(text, {.targets = {"y"}}, "4 values in 3 rows", "columns `a`, `b`", "lines 2, 3, 4",
                 "--drop-missing");
  expect_refused(text, {.targets = {"y"}, .inputs = {"a"}}, "1 value in 1 row", "column `a`", "line 4");
}

TEST(Dataset, DropsRowsWithMissingValuesWhenAsked) {
  const Dataset data = dataset("a,b,y,c\n1,2,3,\n4,,6,\n7,8,NA,\n9,1,2,\n",
                               {.targets = {"y"}, .inputs = {"a", "b"}, .missing = MissingPolicy::drop});
  EXPECT_EQ(data.inputs, matrix(2, {1, 2, 9, 1}));
  EXPECT_EQ(data.target, matrix(2, {3, 2}));
  EXPECT_THAT(data.rows, ElementsAre(0, 3));
  EXPECT_THAT(data.notes, ElementsAre("2 of 4 rows left out: missing values in `b`, `y`"));
}

TEST(Dataset, RefusesADropOfEveryRow) {
  expect_refused("a,b,y\n1,,3\n,2,6\n", {.targets = {"y"}, .missing = MissingPolicy::drop}, "no complete row",
                 "`a`, `b`");
}

TEST(Dataset, RefusesTextEvenWhereMissingValuesAreDropped) {
  expect_refused("a,b,y\n1,,3\nx,2,6\n", {.targets = {"y"}, .missing = MissingPolicy::drop}, "line 3", "`x`");
}

// --- constant columns

TEST(Dataset, LeavesOutAConstantInputWithANote) {
  const Dataset data = dataset("a,b,y\n1,7,3\n4,7,6\n", {.targets = {"y"}});
  EXPECT_THAT(data.input_names, ElementsAre("a"));
  EXPECT_THAT(data.notes, ElementsAre("input `b` left out: it is 7 in every row"));
}

TEST(Dataset, JudgesConstancyInTheKeptRows) {
  const Dataset data =
      dataset("a,b,y\n1,7,3\n4,7,6\n2,8,\n", {.targets = {"y"}, .missing = MissingPolicy::drop});
  EXPECT_THAT(data.input_names, ElementsAre("a"));
}

TEST(Dataset, KeepsAnInputThatVariesInItsLastBit) {
  EXPECT_THAT(dataset("a,y\n1,3\n1.0000000000000002,6\n", {.targets = {"y"}}).input_names, ElementsAre("a"));
}

TEST(Dataset, RefusesConstantInputsOnly) {
  expect_refused("a,b,y\n1,7,3\n1,7,6\n", {.targets = {"y"}}, "no input that varies", "`a`", "`b`");
  expect_refused("a,y\n1,3\n", {.targets = {"y"}}, "y");
}

TEST(Dataset, RefusesAConstantTarget) {
  expect_refused("a,y\n1,3\n2,3\n", {.targets = {"y"}}, "data.csv", "target `y` is 3 in every row");
}

// --- categories

TEST(CategoricalInput, BecomesOneIndicatorPerLevelButTheFirst) {
  const Dataset data =
      dataset("a,origin,y\n5,3,1\n6,1,2\n7,2,3\n8,3,4\n", {.targets = {"y"}, .categorical = {"origin"}});
  EXPECT_THAT(data.input_names, ElementsAre("a", "origin=2", "origin=3"));
  EXPECT_EQ(data.inputs, matrix(4, {5, 0, 1, 6, 0, 0, 7, 1, 0, 8, 0, 1}));
  EXPECT_THAT(data.categories.at("origin"), ElementsAre("1", "2", "3"));
}

TEST(CategoricalInput, OrdersLevelsAsNumbersOnlyIfAllAre) {
  const auto levels = [](std::string_view text) {
    return dataset(text, {.targets = {"y"}, .categorical = {"c"}}).categories.at("c");
  };
  EXPECT_THAT(levels("c,y\n10,1\n9,2\n-1,3\n"), ElementsAre("-1", "9", "10"));
  EXPECT_THAT(levels("c,y\n10,1\n9,2\nb,3\n"), ElementsAre("10", "9", "b"));
}

TEST(CategoricalInput, OfOneLevelIsLeftOutAsConstant) {
  const Dataset data = dataset("a,c,y\n1,red,1\n2,red,2\n", {.targets = {"y"}, .categorical = {"c"}});
  EXPECT_THAT(data.input_names, ElementsAre("a"));
  EXPECT_THAT(data.notes, ElementsAre("input `c` left out: it is `red` in every row"));
  EXPECT_THAT(data.categories, IsEmpty());
}

TEST(CategoricalInput, HasOnlyTheLevelsOfTheKeptRows) {
  const Dataset data = dataset("c,y\nred,1\nblue,2\ngreen,\nNA,4\n",
                               {.targets = {"y"}, .categorical = {"c"}, .missing = MissingPolicy::drop});
  EXPECT_THAT(data.categories.at("c"), ElementsAre("blue", "red"));
  EXPECT_EQ(data.inputs, matrix(2, {1, 0}));
}

TEST(CategoricalInput, MayBeMissing) {
  expect_refused("c,y\nred,1\nNA,2\nblue,3\n", {.targets = {"y"}, .categorical = {"c"}}, "1 value", "`c`",
                 "line 3");
}

TEST(CategoricalInput, MayHoldAThousandLevelsAndNoMore) {
  std::string text = "c,y\n";
  for (int i = 0; i < 1000; ++i) {
    text += "level" + std::to_string(i) + "," + std::to_string(i) + "\n";
  }
  EXPECT_EQ(dataset(text, {.targets = {"y"}, .categorical = {"c"}}).inputs.cols(), 999);
  expect_refused(text + "more,1\n", {.targets = {"y"}, .categorical = {"c"}}, "`c`", "more than 1000 levels");
}

TEST(CategoricalInput, MustBeAnInput) {
  expect_refused("a,c,y\n1,2,3\n4,5,6\n", {.targets = {"y"}, .inputs = {"a"}, .categorical = {"c"}}, "`c`",
                 "is not an input");
  expect_refused("a,y\n1,2\n3,4\n", {.targets = {"y"}, .categorical = {"y"}}, "`y`", "must be a number");
  expect_refused("a,y\n1,2\n3,4\n", {.targets = {"y"}, .categorical = {"b"}}, "`b`", "no column");
}

TEST(CategoricalInput, MustWriteANumberInOneWay) {
  expect_refused("c,y\n1,2\n1.0,4\n2,3\n", {.targets = {"y"}, .categorical = {"c"}}, "`1`", "`1.0`",
                 "same number");
}

TEST(CategoricalInput, MustBeUtf8) {
  expect_refused("c,y\na,2\n\xF6,4\n", {.targets = {"y"}, .categorical = {"c"}}, "line 3", "column `c`",
                 "UTF-8");
}

TEST(CategoricalInput, MustNotTakeTheNameOfAnotherInput) {
  expect_refused("c,c=2,y\n1,3,3\n2,4,6\n", {.targets = {"y"}, .categorical = {"c"}}, "two inputs", "`c=2`");
}

TEST(CategoricalInput, MustHaveBeenReadAsSuch) {
  const Table table = table_of("c,y\n1,2\n2,3\n");
  EXPECT_THROW(make_dataset(table, {.targets = {"y"}, .categorical = {"c"}}), ContractError);
}

// --- prediction

template <typename... Parts>
void expect_no_inputs(std::string_view text, const std::vector<std::string>& names,
                      const Categories& categories, const Parts&... parts) {
  std::vector<std::string> categorical;
  for (const auto& [name, levels] : categories) {
    categorical.push_back(name);
  }
  const Table table = table_of(text, categorical);
  EXPECT_THAT([&] { input_matrix(table, names, categories); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("data.csv"), HasSubstr(parts)...)));
}

TEST(InputMatrix, FindsColumnsByNameInAnyOrder) {
  const Table table = table_of("c,b,unused,a\nred,1,text,2\nblue,3,,4\n", {"c"});
  const std::vector<std::string> names = {"a", "c=green", "c=red", "b"};
  EXPECT_EQ(input_matrix(table, names, {{"c", {"blue", "green", "red"}}}),
            matrix(2, {2, 0, 1, 1, 4, 0, 0, 3}));
}

TEST(InputMatrix, RepeatsTheInputsOfTheFit) {
  const std::string_view text = "a,origin,y\n5,3,1\n6,1,2\n7,2,3\n8,3,4\n";
  const Dataset data = dataset(text, {.targets = {"y"}, .categorical = {"origin"}});
  EXPECT_EQ(input_matrix(table_of(text, {"origin"}), data.input_names, data.categories), data.inputs);
}

TEST(InputMatrix, KeepsConstantColumns) {
  EXPECT_EQ(input_matrix(table_of("a,b\n1,2\n"), std::vector<std::string>{"b", "a"}, {}), matrix(1, {2, 1}));
}

TEST(InputMatrix, ReadsALevelWrittenAsAnotherFormOfTheSameNumber) {
  const Table table = table_of("c\n2.0\n1.0\n", {"c"});
  EXPECT_EQ(input_matrix(table, std::vector<std::string>{"c=2"}, {{"c", {"1", "2"}}}), matrix(2, {1, 0}));
}

TEST(InputMatrix, NamesAColumnThatTheTableLacks) {
  expect_no_inputs("a,b\n1,2\n", {"a", "width"}, {}, "`width`", "`a`, `b`");
  expect_no_inputs("a,b\n1,2\n", {"a", "c=2"}, {{"c", {"1", "2"}}}, "`c`");
}

TEST(InputMatrix, RefusesMissingAndBadCells) {
  expect_no_inputs("a,b\n1,2\n,3\n", {"a", "b"}, {}, "1 value in 1 row", "`a`", "line 3");
  expect_no_inputs("a,b\n1,2\nx,3\n", {"a", "b"}, {}, "line 3", "column `a`", "`x`");
  expect_no_inputs("a,b\n1,2\ninf,3\n", {"a", "b"}, {}, "line 3", "column `a`", "`inf`");
  expect_no_inputs("a,b\n1,2\n1e200,3\n", {"a", "b"}, {}, "line 3", "column `a`", "too large");
  expect_no_inputs("c\nred\nNA\nblue\n", {"c=red"}, {{"c", {"blue", "red"}}}, "1 value", "`c`", "line 3");
}

TEST(InputMatrix, RefusesAnUnknownLevel) {
  expect_no_inputs("c\nred\ngreen\n", {"c=red"}, {{"c", {"blue", "red"}}}, "line 3", "column `c`", "`green`",
                   "`blue`, `red`");
}

TEST(InputMatrix, DoesNotMindCellsInOtherColumns) {
  EXPECT_NO_THROW(input_matrix(table_of("a,b\n1,x\n2,\n"), std::vector<std::string>{"a"}, {}));
}

}  // namespace
}  // namespace moest
