// Every wrong input ends with exit status 2, a message that names the place and the way out, and no file
// written.
#include <gmock/gmock.h>

#include <ostream>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Words = std::vector<std::string>;

constexpr const char* kData =
    "x1,x2,y\n1,4,2\n2,1,3\n3,5,5\n4,2,4\n5,8,9\n6,3,1\n7,9,2\n8,0,9\n9,7,4\n10,6,6\n";
constexpr const char* kModel =
    R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"},
  "inputs": ["x1", "x2"], "target": "y", "atoms": [
    {"bias": 0.5, "gate": [1.0, -0.5], "expert": [0.8, 0.2, -0.1]},
    {"bias": 0.0, "gate": [0.0, 0.7], "expert": [-1.0, 0.4, 0.5]}]})";

std::string data_with(const std::string& line, const std::string& instead) {
  std::string text = kData;
  return text.replace(text.find(line), line.size(), instead);
}

std::string model_with(const std::string& part, const std::string& instead) {
  std::string text = kModel;
  return text.replace(text.find(part), part.size(), instead);
}

// 4295 sizes whose sum is 2 if it is taken in 32 bits.
std::string sizes_that_overflow() {
  std::string sizes;
  for (int i = 0; i < 4294; ++i) {
    sizes += "1000000,";
  }
  return sizes + "967298";
}

// One expert of two targets.
std::string several_targets(const std::string& expert, const std::string& variance = "[1, 2]") {
  return R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"}, "inputs": ["x1", "x2"],
    "target": ["y", "z"], "noise_variance": )" +
         variance + R"(, "atoms": [{"gate": [0, 0], "expert": )" + expert + "}]}";
}

struct BadInput {
  std::string name;
  Words arguments;
  Words message;  // parts of the message
  std::string data = kData;
  std::string model = kModel;
};

void PrintTo(const BadInput& input, std::ostream* stream) { *stream << input.name; }

std::string case_name(const testing::TestParamInfo<BadInput>& tested) { return tested.param.name; }

// One expert with a few rows, so that only what the case is about is wrong.
Words fit_with(const Words& more) {
  Words words{"fit", "data.csv", "--target", "y", "--output", "result"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words fit() { return fit_with({"--experts", "1"}); }

Words predict() { return {"predict", "model.json", "data.csv", "--output", "result"}; }

Words simulate_with(const Words& more) {
  Words words{"simulate", "model.json", "--output", "result"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words compare_with(const Words& more) {
  Words words{"compare", "data.csv", "--target", "y", "--output", "result"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class BadInputTest : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, EndsWithStatus2AHelpfulMessageAndNothingWritten) {
  const BadInput& input = GetParam();
  const Workspace workspace;
  workspace.write("data.csv", input.data);
  workspace.write("model.json", input.model);
  workspace.write("result", "as before");

  const RunResult result = workspace.moest(input.arguments);

  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(StartsWith("moest: "), HasSubstr(" ("), HasSubstr(") "), EndsWith("\n")));
  EXPECT_THAT(result.err.substr(0, result.err.size() - 1), Not(HasSubstr("\n")));
  for (const std::string& part : input.message) {
    EXPECT_THAT(result.err, HasSubstr(part));
  }
  EXPECT_THAT(workspace.files(), ElementsAre("data.csv", "model.json", "result"));
  EXPECT_EQ(workspace.read("data.csv"), input.data);
  EXPECT_EQ(workspace.read("model.json"), input.model);
  EXPECT_EQ(workspace.read("result"), "as before");
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"NoCommand", {}, {"a command is missing", "fit, predict, simulate", "`moest --help`"}},
        BadInput{"UnknownCommand",
                 {"fut"},
                 {"unknown command `fut`", "known: fit, predict", "Did you mean `fit`?"}},
        BadInput{"OptionBeforeTheCommand",
                 {"--json", "fit"},
                 {"unknown option `--json`", "`moest fit ... --json`"}},
        BadInput{"UnknownOption",
                 fit_with({"--expurts", "2"}),
                 {"unknown option `--expurts`", "`moest fit`", "Did you mean `--experts`?"}},
        BadInput{"OneArgumentTooMany",
                 fit_with({"more.csv"}),
                 {"unknown argument `more.csv`", "`moest fit --help`"}},
        BadInput{"MissingTarget", {"fit", "data.csv"}, {"--target is missing", "`moest fit --help`"}},
        BadInput{"MissingData", {"fit", "--target", "y"}, {"DATA is missing", "CSV"}},
        BadInput{"OptionTwice", fit_with({"--target", "x1"}), {"--target is given 2 times"}},
        BadInput{"OptionWithoutItsValue",
                 fit_with({"--experts"}),
                 {"--experts lacks its value", "number of experts"}},
        BadInput{"SwitchWithAValue", fit_with({"--json=3"}), {"--json takes no value"}},
        BadInput{"TextForANumber", fit_with({"--experts", "two"}), {"--experts `two`", "whole number"}},
        BadInput{
            "FractionForAWholeNumber", fit_with({"--starts", "2.5"}), {"--starts `2.5`", "whole number"}},
        BadInput{"TrailingText", fit_with({"--bound", "200x"}), {"--bound `200x`", "finite number"}},
        BadInput{"NanForANumber", fit_with({"--tolerance", "nan"}), {"--tolerance `nan`", "finite number"}},
        BadInput{"NumberBeyondAnInteger",
                 fit_with({"--experts", "99999999999"}),
                 {"--experts 99999999999", "out of range"}},
        BadInput{"NegativeSeed", fit_with({"--seed", "-1"}), {"--seed `-1`", ">= 0"}},
        BadInput{"ValueOutOfRange",
                 fit_with({"--tolerance", "5000"}),
                 {"tolerance = 5000", "between 1e-14 and 1000"}},
        BadInput{
            "GateOptionOutOfRange", fit_with({"--gate", "perturbed_cosine", "--tau1", "-1"}), {"tau1 = -1"}},
        BadInput{"TooManyThreads", fit_with({"--threads", "99999"}), {"threads = 99999", "4096"}},
        BadInput{"TooManyThreadsToPredict",
                 {"predict", "model.json", "data.csv", "--threads", "99999"},
                 {"threads = 99999", "4096"}},
        BadInput{"NoExpert", fit_with({"--experts", "0"}), {"--experts 0", "at least one expert"}},
        BadInput{"LessThanNoExpert", fit_with({"--experts", "-3"}), {"--experts -3", "at least one expert"}},
        BadInput{
            "UnknownGate",
            fit_with({"--gate", "softmx"}),
            {"unknown gate `softmx`", "softmax, dense_to_sparse, hierarchical", "Did you mean `softmax`?"}},
        BadInput{"GroupsThatDoNotDivide",
                 fit_with({"--gate", "hierarchical", "--experts", "5", "--groups", "2"}),
                 {"2 equal groups are not possible", "5 expert(s)", "for example 3,2"}},
        BadInput{"GroupSizesThatDoNotAddUp",
                 fit_with({"--gate", "hierarchical", "--experts", "5", "--groups", "2,2"}),
                 {"groups of 2, 2 experts are not possible", "the mixture has 5"}},
        BadInput{"MoreGroupsThanExperts",
                 fit_with({"--gate", "hierarchical", "--experts", "2", "--groups", "3"}),
                 {"3 equal groups are not possible", "2 expert(s)"}},
        BadInput{"EmptyGroup",
                 fit_with({"--gate", "hierarchical", "--groups", "2,0"}),
                 {"groups = 0 is out of range"}},
        BadInput{"GroupsThatAreNoNumber",
                 fit_with({"--gate", "hierarchical", "--groups", "1,,1"}),
                 {"--groups `1,,1` cannot be read", "For example --groups 2 or --groups 3,2"}},
        BadInput{"GroupsThatOverflow",
                 fit_with({"--gate", "hierarchical", "--experts", "2", "--groups", sizes_that_overflow()}),
                 {"the mixture has 2"}},
        BadInput{"TooFewRowsOfSeveralTargets",
                 {"fit", "data.csv", "--target", "y,x2", "--experts", "4", "--output", "result"},
                 {"10 rows of 2 targets (20 numbers) are too few for 22 parameters"}},
        BadInput{"GroupsOfAFlatGate",
                 fit_with({"--groups", "2"}),
                 {"--groups does not belong to the softmax gate"}},
        BadInput{"CosineOfOneInput",
                 fit_with({"--gate", "cosine", "--inputs", "x1"}),
                 {"the cosine gate cannot be used with 1 input(s)", "at least 2"}},
        BadInput{"TemperatureIsNoNumber",
                 fit_with({"--gate", "perturbed_cosine", "--temperature", "hot"}),
                 {"--temperature `hot`"}},
        BadInput{"UnknownInputMap",
                 fit_with({"--input-map", "tan"}),
                 {"input_map = tan is unknown", "identity, tanh", "Did you mean `tanh`?"}},
        BadInput{"TopKOutOfRange",
                 fit_with({"--experts", "2", "--top-k", "3"}),
                 {"top_k = 3 is out of range", "2 expert(s)"}},
        BadInput{"TopKOfASigmoidGate",
                 fit_with({"--gate", "sigmoid", "--top-k", "1"}),
                 {"--top-k does not belong to the sigmoid gate"}},
        BadInput{"DegreeOutOfRange",
                 fit_with({"--expert", "polynomial", "--degree", "7"}),
                 {"degree = 7 is out of range"}},
        BadInput{"DegreeOfAnotherExpert",
                 fit_with({"--expert", "tanh", "--degree", "2"}),
                 {"--degree does not belong to the tanh expert"}},
        BadInput{"DegreeOfANetwork",
                 fit_with({"--expert", "ffn", "--degree", "2"}),
                 {"--degree does not belong to the ffn expert", "its options: --hidden, --activation"}},
        BadInput{"HiddenNeuronsOutOfRange",
                 fit_with({"--expert", "ffn", "--hidden", "0"}),
                 {"hidden = 0 is out of range", "between 1 and 10000"}},
        BadInput{"HiddenNeuronsOfAnotherExpert",
                 fit_with({"--hidden", "3"}),
                 {"--hidden does not belong to the linear expert"}},
        BadInput{"UnknownActivation",
                 fit_with({"--expert", "ffn", "--activation", "linear"}),
                 {"activation = linear is unknown", "sigmoid, tanh, gelu, silu, softplus, relu"}},
        BadInput{"UnknownExpert",
                 fit_with({"--expert", "tan"}),
                 {"unknown expert `tan`",
                  "constant, linear, polynomial, sigmoid, tanh, gelu, silu, softplus, relu, ffn",
                  "Did you mean `tanh`?"}},
        BadInput{"OptionOfAnotherGate",
                 fit_with({"--tau1", "0.2"}),
                 {"--tau1 does not belong to the softmax gate"}},
        BadInput{"OptionOfAnotherExpert",
                 fit_with({"--output-weight"}),
                 {"--output-weight does not belong to the linear expert", "its options: --no-bias"}},
        BadInput{"NoStartAtAll", fit_with({"--starts", "0"}), {"--starts 0", "--start-from"}},
        BadInput{"EmptyNameOfAColumn", fit_with({"--inputs", "x1,,x2"}), {"--inputs `x1,,x2`", "empty name"}},
        BadInput{"UnknownShell", {"completion", "tcsh"}, {"`tcsh`", "bash, zsh, fish"}}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Files, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"MissingData", {"fit", "dada.csv", "--target", "y"}, {"dada.csv", "No such file"}},
        BadInput{"FolderAsData", {"fit", ".", "--target", "y"}, {"cannot read .", "irectory"}},
        BadInput{"MissingModel", {"predict", "modell.json", "data.csv"}, {"modell.json", "No such file"}},
        BadInput{"MissingFileToDescribe", {"describe", "data.txt"}, {"data.txt", "No such file"}},
        BadInput{"MissingStart", fit_with({"--start-from", "start.json"}), {"start.json", "No such file"}},
        BadInput{"MissingFolderOfTheOutput",
                 {"fit", "data.csv", "--target", "y", "--output", "no/such/model.json"},
                 {"no/such/model.json", "no folder no/such"}},
        BadInput{"FolderAsOutput",
                 {"fit", "data.csv", "--target", "y", "--output", "."},
                 {"cannot write .", "folder"}},
        BadInput{"OutputOfAFitOverItsData",
                 {"fit", "data.csv", "--target", "y", "--output", "data.csv"},
                 {"cannot write data.csv", "reads it"}},
        BadInput{"PredictionsOverTheData",
                 {"predict", "model.json", "data.csv", "--output", "./data.csv"},
                 {"cannot write ./data.csv", "reads it"}},
        BadInput{"DataOverTheModel",
                 {"simulate", "model.json", "--n", "5", "--output", "model.json"},
                 {"cannot write model.json", "reads it"}},
        BadInput{"StandardInputTwice", {"predict", "-", "-"}, {"standard input is given twice"}},
        BadInput{"TwoDocumentsOnStandardOutput",
                 {"predict", "model.json", "data.csv", "--json", "--output", "-"},
                 {"--json", "--output -", "standard output"}},
        BadInput{"PictureWithoutAnEnding",
                 {"plot", "model.json", "data.csv", "--output", "picture"},
                 {"cannot draw picture", "no ending", ".svg, .pdf or .png"}},
        BadInput{"PictureOfAnotherFormat",
                 {"plot", "model.json", "data.csv", "--output", "picture.jpg"},
                 {"cannot draw picture.jpg", "`.jpg`", ".svg, .pdf or .png"}},
        BadInput{"UnknownKindOfPicture",
                 {"plot", "model.json", "data.csv", "--output", "a.svg", "--kind", "bar"},
                 {"`bar`", "fit, gate, residuals"}}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Data, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"Empty", fit(), {"data.csv is empty"}, ""},
        BadInput{"HeaderOnly", fit(), {"data.csv has no rows", "header"}, "x1,x2,y\n"},
        BadInput{
            "RaggedRow", fit(), {"data.csv, line 4", "2 fields", "3 columns"}, data_with("3,5,5", "3,5")},
        BadInput{
            "RowWithTooManyFields", fit(), {"data.csv, line 4", "4 fields"}, data_with("3,5,5", "3,5,5,5")},
        BadInput{"TextInANumericColumn",
                 fit(),
                 {"data.csv, line 5", "column `x2`", "`two`", "--categorical"},
                 data_with("4,2,4", "4,two,4")},
        BadInput{"DecimalComma",
                 fit(),
                 {"line 5", "column `x2`", "`2,5`", "decimal point"},
                 data_with("4,2,4", "4,\"2,5\",4")},
        BadInput{"Nan",
                 fit(),
                 {"data.csv, line 5", "column `x2`", "`nan`", "finite"},
                 data_with("4,2,4", "4,nan,4")},
        BadInput{"Infinity",
                 fit(),
                 {"data.csv, line 5", "column `y`", "`-inf`", "finite"},
                 data_with("4,2,4", "4,2,-inf")},
        BadInput{"NumberBeyondDouble",
                 fit(),
                 {"data.csv, line 5", "column `x2`", "`1e999`"},
                 data_with("4,2,4", "4,1e999,4")},
        BadInput{"SquareThatOverflows",
                 fit(),
                 {"data.csv, line 5", "column `x1`", "1e+200", "overflow"},
                 data_with("4,2,4", "1e200,2,4")},
        BadInput{"MissingValues",
                 fit(),
                 {"lacks 2 values in 2 rows", "`x2`, `y`", "lines 3, 5", "--drop-missing"},
                 "x1,x2,y\n1,4,2\n2,NA,3\n3,5,5\n4,2,\n5,8,9\n6,3,1\n"},
        BadInput{"ConstantTarget", fit(), {"target `y` is 3 in every row"}, "x1,y\n1,3\n2,3\n3,3\n4,3\n"},
        BadInput{"OnlyConstantInputs", fit(), {"no input that varies", "`x1`"}, "x1,y\n1,3\n1,4\n1,5\n1,6\n"},
        BadInput{"NoInput", fit(), {"data.csv has no input"}, "y\n1\n2\n3\n"},
        BadInput{"DuplicateColumn", fit(), {"data.csv, line 1", "`x1`"}, "x1,x1,y\n1,2,3\n2,3,5\n"},
        BadInput{"UnnamedColumn", fit(), {"data.csv, line 1", "no name"}, "x1,,y\n1,2,3\n2,3,5\n"},
        BadInput{"NoHeader", fit(), {"data.csv"}, "1,2,3\n2,3,5\n"},
        BadInput{"OpenQuote", fit(), {"data.csv, line 3", "not closed"}, "x1,y\n1,2\n\"2,3\n3,4\n"},
        BadInput{
            "Spreadsheet", fit(), {"data.csv is not a text file", "CSV"}, std::string("PK\x03\x04\0\0", 6)},
        BadInput{
            "DamagedGzip", fit(), {"cannot decompress data.csv", "damaged"}, "\x1f\x8b\x08 no gzip at all"},
        BadInput{"UnknownTarget",
                 {"fit", "data.csv", "--target", "yy", "--output", "result"},
                 {"data.csv has no column `yy`", "`x1`, `x2`, `y`", "Did you mean `y`?"}},
        BadInput{"UnknownInput", fit_with({"--inputs", "x1,x3"}), {"no column `x3`", "Did you mean `x1`?"}},
        BadInput{"TargetAmongTheInputs",
                 fit_with({"--inputs", "x1,y"}),
                 {"target `y` is among the inputs", "--inputs"}},
        BadInput{"OneOfTheTargetsAmongTheInputs",
                 {"fit", "data.csv", "--target", "y,x2", "--inputs", "x2,x1", "--output", "result"},
                 {"target `x2` is among the inputs"}},
        BadInput{"TargetTwice",
                 {"fit", "data.csv", "--target", "y,y", "--output", "result"},
                 {"the target `y` is given twice"}},
        BadInput{"TargetWithoutName",
                 {"fit", "data.csv", "--target", "y,", "--output", "result"},
                 {"--target `y,` has an empty name"}},
        BadInput{"AllColumnsAreTargets",
                 {"fit", "data.csv", "--target", "y,x1,x2", "--output", "result"},
                 {"data.csv has no input"}},
        BadInput{"InputTwice", fit_with({"--inputs", "x1,x1"}), {"`x1` is given twice"}},
        BadInput{"CategoricalThatIsNoInput",
                 fit_with({"--inputs", "x1", "--categorical", "x2"}),
                 {"`x2` is not an input"}},
        BadInput{"FewerRowsThanParameters",
                 fit_with({"--experts", "4"}),
                 {"data.csv: 10 rows are too few for 21 parameters", "4 linear expert", "--experts"}},
        BadInput{"NumberOfExpertsBeyondAllMemory",
                 fit_with({"--experts", "2147483647"}),
                 {"10 rows are too few"}}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    ModelFile, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"CutShort",
                 predict(),
                 {"model.json", "line 4", "cut short"},
                 kData,
                 std::string(kModel).substr(0, 200)},
        BadInput{"TableInstead", predict(), {"model.json is not a model file"}, kData, kData},
        BadInput{"OtherVersion",
                 predict(),
                 {"model.json", "moest_model = 2", "version 1"},
                 kData,
                 model_with("\"moest_model\": 1", "\"moest_model\": 2")},
        BadInput{"NoVersion",
                 predict(),
                 {"model.json", "moest_model", "missing"},
                 kData,
                 model_with("\"moest_model\": 1, ", "")},
        BadInput{"UnknownGate",
                 predict(),
                 {"model.json", "gate.kind", "unknown gate `soft`", "softmax"},
                 kData,
                 model_with("softmax", "soft")},
        BadInput{"UnknownField",
                 predict(),
                 {"model.json", "unknown field atoms[0].gates"},
                 kData,
                 model_with("\"gate\": [1.0", "\"gates\": [], \"gate\": [1.0")},
        BadInput{"WrongLength",
                 predict(),
                 {"model.json", "atoms[1].expert has 2 numbers", "3"},
                 kData,
                 model_with("[-1.0, 0.4, 0.5]", "[-1.0, 0.4]")},
        BadInput{"FewerListsThanTargets",
                 predict(),
                 {"model.json", "atoms[0].expert has 1 lists", "2"},
                 kData,
                 several_targets("[[1, 2, 3]]")},
        BadInput{"ShortListOfOneTarget",
                 predict(),
                 {"model.json", "atoms[0].expert[1] has 2 numbers", "3"},
                 kData,
                 several_targets("[[1, 2, 3], [1, 2]]")},
        BadInput{"NoListsForTargets",
                 predict(),
                 {"model.json", "atoms[0].expert[0]", "a list"},
                 kData,
                 several_targets("[1, 2, 3]")},
        BadInput{"FewerVariancesThanTargets",
                 predict(),
                 {"model.json", "noise_variance has 1 numbers", "2"},
                 kData,
                 several_targets("[[1, 2, 3], [4, 5, 6]]", "0.5")},
        BadInput{"TargetTwice",
                 predict(),
                 {"model.json", "the target `y` cannot be used", "a name of its own"},
                 kData,
                 model_with("\"y\"", "[\"y\", \"y\"]")},
        BadInput{"TargetThatIsAnInput",
                 predict(),
                 {"model.json", "the target `x1` cannot be used"},
                 kData,
                 model_with("\"y\"", "\"x1\"")},
        BadInput{"GroupsOfNoAtoms",
                 predict(),
                 {"model.json", "a mixture of 0 experts"},
                 kData,
                 R"({"moest_model": 1, "gate": {"kind": "hierarchical"}, "expert": {"kind": "linear"},
                                        "inputs": ["x1"], "target": "y", "atoms": [], "groups": []})"},
        BadInput{"GroupsOfAFlatGate",
                 predict(),
                 {"model.json", "the field groups does not belong"},
                 kData,
                 model_with("\"target\": \"y\"", "\"target\": \"y\", \"groups\": []")},
        BadInput{"NoTarget",
                 predict(),
                 {"model.json", "target", "a text, or a list of them"},
                 kData,
                 model_with("\"y\"", "[]")},
        BadInput{"IntervalsOfAModelWithoutCovariance",
                 {"predict", "model.json", "data.csv", "--interval", "0.9", "--output", "result"},
                 {"the model has no standard errors", "Fit it again"}},
        BadInput{"CovarianceOfAnotherModel",
                 {"predict", "model.json", "data.csv", "--interval", "0.9", "--output", "result"},
                 {"the covariance of the model has 1 rows", "its parameters are 9"},
                 kData,
                 model_with("\"target\": \"y\"",
                            "\"target\": \"y\", \"covariance\": "
                            "{\"degrees_of_freedom\": 3, \"lower_triangle\": [[1]]}")},
        BadInput{"IntervalOfMoreThanCertainty",
                 {"predict", "model.json", "data.csv", "--interval", "95", "--output", "result"},
                 {"interval = 95 is out of range"}},
        BadInput{"PlotOfAnotherTarget",
                 {"plot", "model.json", "data.csv", "--target", "x", "--output", "result.svg"},
                 {"the model has no target `x`", "its targets: y"}},
        BadInput{"NumberBeyondDouble",
                 predict(),
                 {"model.json", "atoms[0].expert"},
                 kData,
                 model_with("0.8", "1e999")},
        BadInput{"TextForANumber",
                 predict(),
                 {"model.json", "atoms[0].bias"},
                 kData,
                 model_with("0.5, \"gate\"", "\"a\", \"gate\"")},
        BadInput{"OptionOfAnotherGate",
                 predict(),
                 {"model.json", "gate.tau1"},
                 kData,
                 model_with("\"softmax\"", "\"softmax\", \"tau1\": 0.2")},
        BadInput{"DataWithoutAnInput",
                 predict(),
                 {"data.csv has no column `x2`", "model's input", "`x1`, `y`"},
                 "x1,y\n1,2\n2,3\n"},
        BadInput{"DataWithAMissingInput",
                 predict(),
                 {"data.csv lacks 1 value", "`x2`", "line 3"},
                 "x1,x2\n1,2\n2,\n3,4\n"},
        BadInput{"PictureOfDataWithoutTheTarget",
                 {"plot", "model.json", "data.csv", "--output", "a.svg"},
                 {"data.csv has no column `y`"},
                 "x1,x2\n1,2\n2,3\n"},
        BadInput{"PredictionThatOverflows",
                 predict(),
                 {"overflow"},
                 "x1,x2\n1e150,2\n2,3\n",
                 model_with("0.8, 0.2", "1e200, 0.2")},
        BadInput{"StartOfAnotherGate",
                 fit_with({"--start-from", "model.json", "--gate", "perturbed_cosine"}),
                 {"start cannot be used", "gate"}},
        BadInput{"StartOfAnotherExpert",
                 fit_with({"--start-from", "model.json", "--expert", "tanh"}),
                 {"start cannot be used", "expert", "linear"}},
        BadInput{"StartWithAnotherOption",
                 fit_with({"--start-from", "model.json", "--no-bias"}),
                 {"start cannot be used", "expert"}},
        BadInput{"StartOfAnotherNumberOfExperts",
                 fit_with({"--start-from", "model.json", "--experts", "1"}),
                 {"start cannot be used", "number of experts is 2"}},
        BadInput{"StartOfOtherInputs",
                 fit_with({"--start-from", "model.json", "--inputs", "x2,x1"}),
                 {"start cannot be used", "x1, x2", "x2, x1"}}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Simulation, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"MissingNumber", {"simulate", "model.json"}, {"--n is missing"}},
        BadInput{"NoSample", simulate_with({"--n", "0"}), {"n = 0", "between 1 and"}},
        BadInput{"PartOfASample", simulate_with({"--n", "2.5"}), {"--n 2.5", "whole number"}},
        BadInput{"TooManySamples", simulate_with({"--n", "1e12"}), {"n = 1000000000000"}},
        BadInput{"NegativeNoise", simulate_with({"--n", "5", "--noise", "-1"}), {"noise = -1"}},
        BadInput{"UnknownNoise", simulate_with({"--n", "5"}), {"noise is not known", "--noise"}},
        BadInput{"UnknownDistribution",
                 simulate_with({"--n", "5", "--noise", "0", "--inputs", "poisson:1,2"}),
                 {"poisson:1,2", "uniform:LOW,HIGH", "normal:MEAN,SD"}},
        BadInput{"EmptyInterval",
                 simulate_with({"--n", "5", "--noise", "0", "--inputs", "uniform:1,1"}),
                 {"uniform:1,1", "LOW < HIGH"}},
        BadInput{"OneNumberForTwo",
                 simulate_with({"--n", "5", "--noise", "0", "--inputs", "normal:1"}),
                 {"normal:1", "normal:MEAN,SD"}},
        BadInput{"NegativeDeviation",
                 simulate_with({"--n", "5", "--noise", "0", "--inputs", "normal:0,-1"}),
                 {"normal:0,-1", "SD >= 0"}}}),
    case_name);

constexpr const char* kRows = "x1,y,w\n0,1,1\n1,2,1\n2,2,0\n3,5,2\n4,4,1\n5,7,1\n";

INSTANTIATE_TEST_SUITE_P(
    Prediction, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"NegativeRidge", fit_with({"--ridge", "-1"}), {"ridge = -1"}},
        BadInput{"FixOfNoPath", fit_with({"--fix", "expert=0"}), {"`expert=0`", "atoms[0].expert[1]=0"}},
        BadInput{"FixOfAnAtomThatIsNotThere",
                 fit_with({"--fix", "atoms[9].bias=0"}),
                 {"there are 2 atoms"},
                 kRows},
        BadInput{"FixTwice",
                 fit_with({"--fix", "atoms[0].bias=1", "--fix", "atoms[0].bias=2"}),
                 {"`atoms[0].bias=1` says otherwise"},
                 kRows},
        BadInput{"EnsembleOfNone", fit_with({"--ensemble", "0"}), {"ensemble = 0"}},
        BadInput{
            "WeightsThatTheTableLacks", fit_with({"--weights-column", "v"}), {"column of weights", "`v`"}},
        BadInput{"TargetAsWeights", fit_with({"--weights-column", "y"}), {"weights `y` are a target"}},
        BadInput{
            "NoNumberOfExperts", compare_with({"--experts", "0..3"}), {"--experts 0..3", "1..4,8"}, kRows},
        BadInput{"RangeBackwards", compare_with({"--experts", "4..2"}), {"--experts 4..2"}, kRows},
        BadInput{"EmptyRange", compare_with({"--experts", "1,,2"}), {"--experts ``", "whole number"}, kRows},
        BadInput{"TextAsRidge", compare_with({"--ridge", "0.1,x"}), {"--ridge `x`"}, kRows},
        BadInput{"UnknownGateToCompare",
                 compare_with({"--gates", "softmax,softmux"}),
                 {"softmux", "softmax"},
                 kRows},
        BadInput{"UnknownExpertToCompare", compare_with({"--expert-kinds", "tahn"}), {"tahn", "tanh"}, kRows},
        BadInput{"OptionOfNoneThatIsCompared",
                 compare_with({"--degree", "3"}),
                 {"--degree belongs to none", "Leave it out"},
                 kRows},
        BadInput{"GateThatCannotBeCompared",
                 compare_with({"--gates", "cosine"}),
                 {"cosine", "at least 2"},
                 "x1,y\n0,1\n1,2\n2,2\n3,5\n"},
        BadInput{"OneFold", compare_with({"--folds", "1"}), {"folds = 1"}, kRows},
        BadInput{"MoreFoldsThanRows", compare_with({"--folds", "7"}), {"7 folds are too many"}, kRows},
        BadInput{"TestRowsThatAreNone",
                 compare_with({"--test-rows", "model.json"}),
                 {"model.json, line 1", "no row"},
                 kRows},
        BadInput{"NoFileOfTestRows", compare_with({"--test-rows", "rows.txt"}), {"rows.txt"}, kRows},
        BadInput{
            "PictureWithoutAFormat", compare_with({"--picture", "picture"}), {"picture", "ending"}, kRows},
        BadInput{"StoreThatIsTheData", compare_with({"--store", "data.csv"}), {"data.csv"}, kRows},
        BadInput{"StoreInNoFolder", compare_with({"--store", "no/such/store"}), {"no/such"}, kRows},
    }),
    case_name);

Words loss_with(const Words& more) {
  Words words{"loss", "model.json", "model.json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Loss, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"NoTruth", {"loss", "model.json"}, {"TRUTH is missing"}},
        BadInput{"TableAsTruth", {"loss", "model.json", "data.csv"}, {"data.csv is not a model file"}},
        BadInput{"BothFromStandardInput", {"loss", "-", "-"}, {"standard input is given twice"}},
        BadInput{"PowerBelowOne", loss_with({"--power", "0.5"}), {"power = 0.5", "between 1 and 100"}},
        BadInput{"TextAsPower", loss_with({"--power", "two"}), {"--power `two`"}},
        BadInput{"PictureOfNoFormat", loss_with({"--picture", "atoms.gif"}), {"atoms.gif", ".svg"}},
        BadInput{
            "PictureInPlaceOfTheModel", loss_with({"--picture", "model.json"}), {"cannot write model.json"}},
        BadInput{"MassesBeyondDouble",
                 loss_with({}),
                 {"masses of the truth", "e^5000"},
                 kData,
                 model_with("0.5, \"gate\"", "5000, \"gate\"")},
    }),
    case_name);

Words analyze_with(const Words& more) {
  Words words{"analyze"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Analyze, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"UnfinishedFormula",
                 analyze_with({"--expert", "expr: tanh(a*x1", "--parameters", "a"}),
                 {"closing parenthesis", "character 10 of 'tanh(a*x1'"}},
        BadInput{"UnknownNameInAFormula",
                 analyze_with({"--expert", "expr: a*x2", "--parameters", "a"}),
                 {"'x2' is no variable", "character 3"}},
        BadInput{
            "FormulaWithoutParameters", analyze_with({"--expert", "expr: x1"}), {"without --parameters"}},
        BadInput{"UnusedParameter",
                 analyze_with({"--expert", "expr: a*x1", "--parameters", "a,b"}),
                 {"does not use `b`"}},
        BadInput{"ParameterNamedLikeAnInput",
                 analyze_with({"--expert", "expr: a*x1", "--parameters", "a,x1"}),
                 {"`x1` cannot be a name"}},
        BadInput{"ParametersWithoutAFormula",
                 analyze_with({"--parameters", "a"}),
                 {"--parameters belongs to a formula"}},
        BadInput{"UnknownExpert", analyze_with({"--expert", "tanhh"}), {"tanhh", "tanh"}},
        BadInput{"FewerExpertsThanTheTruth",
                 analyze_with({"--true-experts", "3", "--experts", "2"}),
                 {"2 experts cannot fit a truth with 3"}},
        BadInput{"NoInputs", analyze_with({"--dim", "0"}), {"dim = 0"}},
        BadInput{"CosineOfOneInput", analyze_with({"--gate", "cosine"}), {"cosine"}},
        BadInput{"SizeWithoutNoise", analyze_with({"--n", "100"}), {"--n and --noise belong together"}},
        BadInput{"NegativeNoise", analyze_with({"--n", "100", "--noise", "-1"}), {"--noise"}},
        BadInput{"OneGateToMerge", analyze_with({"--merge-gates", "1"}), {"two experts are needed"}},
        BadInput{"TheSameGateTwice", analyze_with({"--merge-gates", "1,1"}), {"--merge-gates 1,1"}},
        BadInput{"GateBesideAModel",
                 analyze_with({"--model", "model.json", "--gate", "softmax"}),
                 {"--gate and --model exclude each other"}},
        BadInput{"OptionOfTheGateBesideAModel",
                 analyze_with({"--model", "model.json", "--router", "tanh"}),
                 {"--router and --model exclude each other"}},
        BadInput{"NoDistribution",
                 analyze_with({"--n", "9", "--noise", "1", "--inputs", "x"}),
                 {"--inputs: x is no distribution"}},
        BadInput{"ForeignOption",
                 analyze_with({"--expert", "linear", "--hidden", "3"}),
                 {"--hidden does not belong"}},
        BadInput{"InfiniteFormula",
                 analyze_with({"--expert", "expr: a*log(x1)", "--parameters", "a"}),
                 {"not finite over the box"}},
    }),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Export, BadInputTest,
    testing::ValuesIn(std::vector<BadInput>{
        BadInput{"ExportToNothing", {"export", "model.json"}, {"--onnx is missing", "`moest export --help`"}},
        BadInput{"UnknownPrecision",
                 {"export", "model.json", "--onnx", "result", "--precision", "half"},
                 {"precision = half is unknown", "float, double"}},
        BadInput{"ExportToNoFolder",
                 {"export", "model.json", "--onnx", "no/such/model.onnx"},
                 {"no/such/model.onnx", "no folder no/such"}},
        BadInput{"ExportOverItsModel",
                 {"export", "model.json", "--onnx", "model.json"},
                 {"cannot write model.json", "reads it"}},
        BadInput{"ExportOfATable", {"export", "data.csv", "--onnx", "result"}, {"data.csv", "JSON"}},
        BadInput{"ExportAndJsonOnStandardOutput",
                 {"export", "model.json", "--onnx", "-", "--json"},
                 {"--json", "standard output"}},
    }),
    case_name);

}  // namespace
}  // namespace moest
