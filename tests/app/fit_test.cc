#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <thread>

#include "moest/base/random.h"
#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

// Two lines that meet at x = 0, noise of standard deviation 0.1.
std::string hinge(int num_samples) {
  Stream stream(7, 0, "hinge");
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < num_samples; ++i) {
    const double x = stream.uniform(-1, 1);
    rows.push_back({x, (x < 0 ? -2 * x : 3 * x) + 0.1 * stream.normal()});
  }
  return csv("x,y", rows);
}

// A table that takes a fit of many experts far longer than any test waits.
std::string endless() {
  Stream stream(8, 0, "endless");
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 4000; ++i) {
    const double a = stream.normal();
    const double b = stream.normal();
    rows.push_back({a, b, std::sin(3 * a) * std::cos(2 * b) + stream.normal()});
  }
  return csv("a,b,y", rows);
}

const Words kEndlessFit{"fit",  "data.csv", "--target", "y",           "--experts", "12",       "--expert",
                        "tanh", "--starts", "1000",     "--tolerance", "1e-14",     "--output", "model.json"};

Json without_clock(Json document) {
  document["summary"].erase("seconds");
  document["summary"]["options_given"].erase("threads");
  document["summary"]["options_used"].erase("threads");
  return document;
}

class Fit : public testing::Test {
 protected:
  Fit() { workspace_.write("data.csv", hinge(200)); }

  RunResult fit(const Words& more) const {
    Words words{"fit", "data.csv", "--target", "y"};
    words.insert(words.end(), more.begin(), more.end());
    return workspace_.moest(words);
  }

  Workspace workspace_;
};

TEST_F(Fit, LeavesWhatPredictNeedsForIntervals) {
  const RunResult fitted = fit({"--output", "model.json", "--json"});
  ASSERT_EQ(fitted.status, 0);
  const Json summary = Json::parse(fitted.out)["summary"];
  ASSERT_EQ(summary["coefficients"].size(), 8U);
  for (const Json& coefficient : summary["coefficients"]) {
    const bool has_error = !coefficient["standard_error"].is_null();
    EXPECT_EQ(has_error, coefficient["reason"].is_null()) << coefficient;
    EXPECT_EQ(has_error, !coefficient["low"].is_null() && !coefficient["high"].is_null()) << coefficient;
  }
  const RunResult predicted =
      workspace_.moest({"predict", "model.json", "data.csv", "--interval", "0.9", "--json"});
  ASSERT_EQ(predicted.status, 0) << predicted.err;
  const Json columns = Json::parse(predicted.out)["columns"];
  for (std::size_t row = 0; row < 200; ++row) {
    const double mean = columns["prediction"][row];
    EXPECT_LT(columns["lower"][row].get<double>(), mean);
    EXPECT_GT(columns["upper"][row].get<double>(), mean);
    EXPECT_NEAR(columns["upper"][row].get<double>() + columns["lower"][row].get<double>(), 2 * mean, 1e-9);
  }
  EXPECT_THAT(workspace_.moest({"predict", "model.json", "data.csv", "--interval", "0.95"}).out,
              StartsWith("prediction,lower,upper\n"));
}

TEST_F(Fit, OfGroupsGoesThroughEveryCommand) {
  const Words kind{"--gate", "hierarchical", "--experts", "3", "--groups", "2,1", "--output", "model.json"};
  const RunResult fitted = fit(kind);
  EXPECT_EQ(fitted.status, 0) << fitted.err;
  EXPECT_THAT(fitted.out, AllOf(StartsWith("hierarchical gate, 3 linear experts"), HasSubstr("\n  group ")));
  const Json model = workspace_.read_json("model.json");
  EXPECT_EQ(model["gate"]["groups"], Json({2, 1}));
  EXPECT_EQ(model["groups"].size(), 2U);
  EXPECT_EQ(model["groups"][0]["size"], 2);
  EXPECT_THAT(workspace_.moest({"describe", "model.json"}).out,
              AllOf(HasSubstr("groups of 2, 1"), HasSubstr("the last expert of each group")));
  EXPECT_THAT(workspace_.moest({"predict", "model.json", "data.csv", "--weights"}).out,
              StartsWith("prediction,weight_1,weight_2,weight_3\n"));
  EXPECT_THAT(workspace_.moest({"simulate", "model.json", "--n", "5"}).out, StartsWith("x,y\n"));
  EXPECT_EQ(workspace_.moest({"plot", "model.json", "data.csv", "--output", "p.svg"}).status, 0);
  const RunResult again = fit({"--start-from", "model.json", "--starts", "0", "--json"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_NEAR(Json::parse(again.out)["summary"]["rss"].get<double>(), model["fit"]["rss"].get<double>(),
              1e-6 * model["fit"]["rss"].get<double>());
  EXPECT_THAT(fit({"--start-from", "model.json", "--experts", "4"}).err,
              HasSubstr("its number of experts is 3 (the fit's is 4)"));
  EXPECT_THAT(fit({"--start-from", "model.json", "--groups", "1,2"}).err, HasSubstr(R"("groups":[2,1])"));
}

TEST_F(Fit, TakesATargetWithACommaInItsName) {
  workspace_.write("data.csv", "x,\"a,b\"\n1,2\n2,3.1\n3,4\n4,5.2\n5,6\n6,7.3\n");
  const RunResult result = workspace_.moest({"fit", "data.csv", "--target", "a,b", "--experts", "1"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("target a,b"));
}

TEST_F(Fit, OfSeveralTargetsGoesThroughEveryCommand) {
  Stream stream(9, 0, "two targets");
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 200; ++i) {
    const double x = stream.uniform(-1, 1);
    rows.push_back(
        {x, (x < 0 ? -2 * x : 3 * x) + 0.1 * stream.normal(), x < 0 ? 1 : 2 + 0.2 * stream.normal()});
  }
  workspace_.write("data.csv", csv("x,y,z", rows));
  const RunResult fitted = workspace_.moest({"fit", "data.csv", "--target", "y,z", "--output", "model.json"});
  EXPECT_EQ(fitted.status, 0) << fitted.err;
  EXPECT_THAT(fitted.out, AllOf(HasSubstr("targets y, z"), HasSubstr("y: residual sum of squares"),
                                HasSubstr("expert 1: a_x of y"), HasSubstr("expert 2: b of z")));
  const Json model = workspace_.read_json("model.json");
  EXPECT_EQ(model["target"], Json({"y", "z"}));
  EXPECT_EQ(model["noise_variance"].size(), 2U);
  EXPECT_EQ(model["atoms"][0]["expert"].size(), 2U);
  EXPECT_EQ(model["atoms"][0]["expert"][0].size(), 2U);

  const RunResult predicted =
      workspace_.moest({"predict", "model.json", "data.csv", "--weights", "--experts"});
  EXPECT_THAT(predicted.out, StartsWith("prediction_y,prediction_z,weight_1,weight_2,expert_1_y,expert_2_y,"
                                        "expert_1_z,expert_2_z\n"));
  EXPECT_THAT(predicted.err, AllOf(HasSubstr("against the column y"), HasSubstr("against the column z")));
  EXPECT_THAT(workspace_.moest({"simulate", "model.json", "--n", "5"}).out, StartsWith("x,y,z\n"));
  EXPECT_THAT(workspace_.moest({"describe", "model.json"}).out, HasSubstr("targets y, z"));
  for (const std::string target : {"y", "z"}) {
    const RunResult drawn =
        workspace_.moest({"plot", "model.json", "data.csv", "--target", target, "--output", target + ".svg"});
    EXPECT_EQ(drawn.status, 0) << drawn.err;
  }
  EXPECT_NE(workspace_.read("y.svg"), workspace_.read("z.svg"));
  workspace_.write("inputs.csv", "x,y\n-1,2\n0,0\n1,3\n");
  for (const Words& shown : {Words{"--kind", "gate"}, Words{"--target", "y"}}) {
    Words words{"plot", "model.json", "inputs.csv", "--output", "p.svg"};
    words.insert(words.end(), shown.begin(), shown.end());
    EXPECT_EQ(workspace_.moest(words).status, 0);
  }
  EXPECT_THAT(
      workspace_.moest({"plot", "model.json", "inputs.csv", "--target", "z", "--output", "p.svg"}).err,
      HasSubstr("no column `z` for the model's target"));
  const RunResult again = workspace_.moest(
      {"fit", "data.csv", "--target", "y,z", "--start-from", "model.json", "--starts", "0", "--json"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(Json::parse(again.out)["summary"]["rss_by_target"].size(), 2U);
  EXPECT_THAT(workspace_.moest({"fit", "data.csv", "--target", "z,y", "--start-from", "model.json"}).err,
              HasSubstr("its list of targets is y, z"));
}

TEST_F(Fit, WritesAModelThatSurvivesReadingAndWritingToTheLastBit) {
  ASSERT_EQ(fit({"--output", "model.json"}).status, 0);
  const RunResult read = workspace_.moest({"describe", "model.json", "--json"});
  ASSERT_EQ(read.status, 0);
  EXPECT_EQ(Json::parse(read.out)["model"], workspace_.read_json("model.json"));
}

TEST_F(Fit, FindsTheTwoLines) {
  ASSERT_EQ(fit({"--output", "model.json"}).status, 0);
  const RunResult prediction = workspace_.moest({"predict", "model.json", "-"}, "x\n-0.5\n0.5\n0.9\n");
  const auto fields = fields_of(prediction.out);
  ASSERT_EQ(fields.size(), 4u);
  // The standard error of a line fitted to 100 points of noise 0.1 is below 0.03 there.
  EXPECT_NEAR(std::stod(fields[1][0]), 1.0, 0.1);
  EXPECT_NEAR(std::stod(fields[2][0]), 1.5, 0.1);
  EXPECT_NEAR(std::stod(fields[3][0]), 2.7, 0.1);
}

TEST_F(Fit, GivesTheSameBitsForAnyNumberOfThreads) {
  for (const Words& kind : {Words{}, Words{"--gate", "perturbed_cosine", "--expert", "tanh"}}) {
    std::vector<std::string> files;
    std::vector<Json> documents;
    for (const std::string threads : {"1", "2"}) {
      Words words{"--json", "--output", "model.json", "--threads", threads};
      words.insert(words.end(), kind.begin(), kind.end());
      const RunResult result = fit(words);
      ASSERT_EQ(result.status, 0) << result.err;
      files.push_back(workspace_.read("model.json"));
      documents.push_back(without_clock(Json::parse(result.out)));
    }
    EXPECT_EQ(files[0], files[1]);
    EXPECT_EQ(documents[0], documents[1]);
  }
}

TEST_F(Fit, DependsOnTheSeedOnly) {
  const Words words{"--output", "-", "--seed", "5", "--starts", "2"};
  EXPECT_EQ(fit(words).out, fit(words).out);
}

TEST_F(Fit, PrintsEveryPromisedFieldAsJson) {
  const RunResult result = fit({"--json", "--output", "model.json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document["command"], "fit");
  EXPECT_EQ(document["model"], workspace_.read_json("model.json"));

  const Json& summary = document["summary"];
  for (const char* field : {"status", "message"}) {
    EXPECT_TRUE(summary[field].is_string()) << field;
  }
  for (const char* field :
       {"rss", "r_squared", "noise_variance", "best_single_expert_rss", "aic", "bic", "seconds"}) {
    EXPECT_TRUE(summary[field].is_number_float()) << field;
  }
  for (const char* field :
       {"num_samples", "num_parameters", "num_identifiable_parameters", "agreeing_starts", "active_bounds"}) {
    EXPECT_TRUE(summary[field].is_number_integer()) << field;
  }
  EXPECT_TRUE(summary["rank_deficient"].is_boolean());
  EXPECT_TRUE(summary["options_given"].is_object());
  EXPECT_TRUE(summary["options_used"].is_object());

  ASSERT_TRUE(summary["starts"].is_array());
  ASSERT_FALSE(summary["starts"].empty());
  for (const Json& start : summary["starts"]) {
    EXPECT_TRUE(start["rss"].is_number());
    EXPECT_TRUE(start["iterations"].is_number_integer());
    EXPECT_TRUE(start["status"].is_string());
    EXPECT_THAT(start["kind"].get<std::string>(), AnyOf("greedy", "random"));
  }
  EXPECT_EQ(summary["status"], "converged");
  EXPECT_EQ(summary["num_samples"], 200);
  EXPECT_EQ(summary["num_parameters"], 8);
  EXPECT_EQ(summary["num_identifiable_parameters"], 6);
  EXPECT_EQ(summary["options_used"]["starts"], summary["starts"].size());
  EXPECT_EQ(summary["options_given"]["starts"], nullptr);
  const double expected_variance = summary["rss"].get<double>() / (200 - 6);
  EXPECT_DOUBLE_EQ(summary["noise_variance"], expected_variance);
  // 0.01, with a relative standard error of sqrt(2 / 194) = 10 %.
  EXPECT_NEAR(summary["noise_variance"], 0.01, 0.004);
}

TEST_F(Fit, TellsTheResultInWords) {
  const RunResult result = fit({"--output", "model.json"});
  EXPECT_THAT(result.out, AllOf(StartsWith("softmax gate, 2 linear experts of 1 input (x)\n"),
                                HasSubstr("data.csv: 200 samples"), HasSubstr("converged: "),
                                HasSubstr("residual sum of squares"), HasSubstr("standard deviation 0.1"),
                                HasSubstr("less 6 identifiable parameters"), HasSubstr("leads from x"),
                                HasSubstr("model written to model.json")));
  EXPECT_EQ(result.err, "");
}

TEST_F(Fit, KeepsToReadableLines) {
  const RunResult result = fit({});
  for (std::size_t begin = 0; begin < result.out.size();) {
    const std::size_t end = result.out.find('\n', begin);
    EXPECT_LE(end - begin, 100u) << result.out.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST_F(Fit, PrintsTheModelOnStandardOutputAndTheSummaryBesideIt) {
  ASSERT_EQ(fit({"--output", "model.json"}).status, 0);
  const RunResult result = fit({"--output", "-"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, workspace_.read("model.json"));
  EXPECT_THAT(result.err, HasSubstr("residual sum of squares"));
  EXPECT_EQ(fit({"--output", "-", "--quiet"}).err, "");
}

TEST_F(Fit, ReadsStandardInputGzipAndNumpyAlike) {
  const Words words{"--target", "y", "--output", "-", "--quiet"};
  const auto model_of = [&](const std::string& data, const std::string& standard_input) {
    return workspace_.moest({"fit", data, "--target", "y", "--output", "-", "--quiet"}, standard_input).out;
  };
  const std::string expected = model_of("data.csv", "");
  ASSERT_THAT(expected, StartsWith("{"));
  EXPECT_EQ(model_of("-", hinge(200)), expected);

  const std::string text = hinge(200);
  const gzFile file = ::gzopen(workspace_.path("data.csv.gz").c_str(), "wb");
  ASSERT_EQ(::gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
  ::gzclose(file);
  EXPECT_EQ(model_of("data.csv.gz", ""), expected);

  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (200, 2), }";
  header.resize(117, ' ');
  std::string array("\x93NUMPY\x01\x00\x76\x00", 10);
  array += header + "\n";
  const auto fields = fields_of(text);
  for (std::size_t row = 1; row < fields.size(); ++row) {
    for (const std::string& field : fields[row]) {
      const double value = std::stod(field);
      array.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }
  workspace_.write("data.npy", array);
  const RunResult from_numpy =
      workspace_.moest({"fit", "data.npy", "--target", "x2", "--output", "-", "--quiet"});
  ASSERT_EQ(from_numpy.status, 0) << from_numpy.err;
  EXPECT_EQ(Json::parse(from_numpy.out)["atoms"], Json::parse(expected)["atoms"]);
}

TEST_F(Fit, TakesTheChosenInputsInTheirOrder) {
  workspace_.write("wide.csv",
                   "b,y,a,c\n1,4,9,1\n2,1,5,1\n3,5,6,2\n4,2,4,2\n5,8,2,7\n6,3,8,9\n7,9,2,3\n8,2,1,3\n");
  // The list of inputs takes nothing of what follows it.
  const RunResult result = workspace_.moest(
      {"fit", "--inputs", "c,b", "wide.csv", "--target", "y", "--experts", "1", "--output", "-"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["inputs"], Json({"c", "b"}));
}

TEST_F(Fit, DropsAConstantInputAndSaysSo) {
  workspace_.write("wide.csv", "a,b,y\n1,7,4\n2,7,1\n3,7,5\n4,7,2\n5,7,8\n");
  const Words words{"fit", "wide.csv", "--target", "y", "--experts", "1", "--output", "-"};
  const RunResult result = workspace_.moest(words);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["inputs"], Json({"a"}));
  EXPECT_THAT(result.err, AllOf(StartsWith("note: "), HasSubstr("`b`"), HasSubstr("7 in every row")));
}

TEST_F(Fit, LeavesOutIncompleteRowsOnRequestAndSaysHowMany) {
  workspace_.write("gaps.csv", "a,y\n1,4\n2,\n3,5\nNA,2\n5,8\n6,7\n");
  const RunResult result =
      workspace_.moest({"fit", "gaps.csv", "--target", "y", "--experts", "1", "--drop-missing", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["summary"]["num_samples"], 4);
  EXPECT_THAT(result.err, HasSubstr("2 of 6 rows left out"));
}

TEST_F(Fit, TurnsLabelsIntoIndicators) {
  workspace_.write("labels.csv",
                   "place,x,y\nsea,1,4\nland,2,1\nsea,3,5\nair,4,2\nair,5,8\nland,6,3\nsea,7,1\nland,8,2\n");
  const RunResult result = workspace_.moest({"fit", "labels.csv", "--target", "y", "--experts", "1",
                                             "--categorical", "place", "--output", "model.json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json model = workspace_.read_json("model.json");
  EXPECT_EQ(model["inputs"], Json({"place=land", "place=sea", "x"}));
  EXPECT_EQ(model["categories"]["place"], Json({"air", "land", "sea"}));
  EXPECT_EQ(workspace_.moest({"predict", "model.json", "labels.csv", "--quiet"}).status, 0);

  const RunResult unknown = workspace_.moest({"predict", "model.json", "-"}, "place,x\nsea,1\nmoon,2\n");
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err,
              AllOf(HasSubstr("standard input, line 3"), HasSubstr("`moon`"), HasSubstr("`land`")));

  // A start knows its columns, also those behind indicators.
  const RunResult again =
      workspace_.moest({"fit", "labels.csv", "--target", "y", "--start-from", "model.json", "--starts", "0"});
  EXPECT_EQ(again.status, 0) << again.err;
}

TEST_F(Fit, ChecksEverythingAndWritesNothingInADryRun) {
  const RunResult result = fit({"--dry-run", "--output", "model.json", "--experts", "3"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("200 samples"), HasSubstr("10 free parameters"),
                                HasSubstr("nothing was fitted")));
  EXPECT_THAT(workspace_.files(), ElementsAre("data.csv"));
  EXPECT_EQ(fit({"--dry-run", "--experts", "100"}).status, 2);
  EXPECT_EQ(Json::parse(fit({"--dry-run", "--json"}).out)["num_samples"], 200);
}

TEST_F(Fit, StaysAtAnOptimumThatItStartsFrom) {
  ASSERT_EQ(fit({"--output", "model.json"}).status, 0);
  const RunResult result =
      fit({"--start-from", "model.json", "--starts", "0", "--output", "again.json", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json summary = Json::parse(result.out)["summary"];
  ASSERT_EQ(summary["starts"].size(), 1u);
  EXPECT_EQ(summary["starts"][0]["kind"], "given");
  const double rss = workspace_.read_json("model.json")["fit"]["rss"];
  EXPECT_LE(summary["rss"].get<double>(), rss * (1 + 1e-12));
  EXPECT_NEAR(summary["rss"], rss, 1e-6 * rss);
}

TEST_F(Fit, TakesTheKindOfItsStart) {
  ASSERT_EQ(fit({"--gate", "perturbed_cosine", "--tau1", "0.3", "--expert", "tanh", "--experts", "2",
                 "--output", "model.json", "--starts", "2"})
                .status,
            0);
  const Words start{"--start-from", "model.json", "--starts", "0", "--output", "-", "--quiet"};
  const RunResult result = fit(start);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["gate"], workspace_.read_json("model.json")["gate"]);

  Words other = start;
  other.insert(other.end(), {"--tau1", "0.2"});
  const RunResult refused = fit(other);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("start cannot be used"), HasSubstr("0.3"), HasSubstr("0.2")));
}

TEST_F(Fit, AddsOneStartToTheOthers) {
  ASSERT_EQ(fit({"--output", "model.json"}).status, 0);
  const Json summary =
      Json::parse(fit({"--start-from", "model.json", "--starts", "3", "--json"}).out)["summary"];
  ASSERT_EQ(summary["starts"].size(), 4u);
  EXPECT_EQ(summary["starts"][0]["kind"], "given");
  EXPECT_EQ(summary["starts"][1]["kind"], "greedy");
}

TEST_F(Fit, EndsWithStatus3AndAModelWhenNoStartConverges) {
  const RunResult result =
      fit({"--max-iterations", "1", "--starts", "2", "--output", "model.json", "--json"});
  EXPECT_EQ(result.status, 3);
  const Json summary = Json::parse(result.out)["summary"];
  EXPECT_EQ(summary["status"], "iteration_limit");
  EXPECT_THAT(summary["message"].get<std::string>(), HasSubstr("--max-iterations"));
  EXPECT_EQ(workspace_.moest({"predict", "model.json", "data.csv", "--quiet"}).status, 0);
  EXPECT_EQ(fit({"--max-iterations", "1", "--starts", "2", "--output", "-"}).status, 3);
}

TEST_F(Fit, EndsWhenItsTimeIsUp) {
  workspace_.write("data.csv", endless());
  Words words = kEndlessFit;
  words.insert(words.end(), {"--max-seconds", "0.5", "--json"});
  const RunResult result = workspace_.moest(words);
  EXPECT_THAT(result.status, AnyOf(0, 3)) << result.err;
  const Json summary = Json::parse(result.out)["summary"];
  EXPECT_EQ(summary["status"], "time_limit");
  EXPECT_GE(summary["seconds"].get<double>(), 0.5);
  EXPECT_LT(summary["seconds"].get<double>(), 30);
  EXPECT_THAT(workspace_.files(), ElementsAre("data.csv", "model.json"));
}

class InterruptedFit : public Fit, public testing::WithParamInterface<int> {};

TEST_P(InterruptedFit, WritesTheBestModelSoFarAndEndsWithStatus3) {
  workspace_.write("data.csv", endless());
  Words words = kEndlessFit;
  words.emplace_back("--json");
  BackgroundRun run(workspace_, words);
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  // As `timeout` does: to the process, and at once to its group.
  run.send(GetParam());
  run.send(GetParam());
  const RunResult result = run.result();
  EXPECT_EQ(result.status, 3) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document["summary"]["status"], "interrupted");
  EXPECT_THAT(workspace_.files(), ElementsAre("data.csv", "model.json"));
  EXPECT_EQ(document["model"], workspace_.read_json("model.json"));
}

INSTANTIATE_TEST_SUITE_P(BySignal, InterruptedFit, testing::Values(SIGINT, SIGTERM));

TEST_F(Fit, IsSilentOnRequest) {
  workspace_.write("data.csv", endless());
  Words words = kEndlessFit;
  words.insert(words.end(), {"--max-seconds", "3", "--output", "-", "--quiet"});
  words.erase(std::find(words.begin(), words.end(), "--output"),
              std::find(words.begin(), words.end(), "--max-seconds"));
  EXPECT_EQ(workspace_.moest(words).err, "");
}

TEST_F(Fit, WritesPlainLinesOfProgressWhereThereIsNoTerminal) {
  workspace_.write("data.csv", endless());
  Words words = kEndlessFit;
  words.insert(words.end(), {"--max-seconds", "3"});
  const std::string log = workspace_.moest(words).err;
  EXPECT_THAT(log, AllOf(HasSubstr("of 1000 starts"), HasSubstr("s so far")));
  EXPECT_THAT(log, AllOf(Not(HasSubstr("\r")), Not(HasSubstr("\033"))));
}

TEST_F(Fit, LeavesTheOldFileWhereTheDiskIsFull) {
  workspace_.write("model.json", "as before");
  EXPECT_EQ(fit({"--output", "/dev/full"}).status, 1);
  EXPECT_THAT(fit({"--output", "/dev/full"}).err, AllOf(HasSubstr("/dev/full"), HasSubstr("No space left")));
  // A limit on the size of files cuts the writing short as a full disk does.
  const RunResult cut =
      workspace_.run({"bash", "-c",
                      "trap '' XFSZ; ulimit -f 0; exec 1>/dev/null 2>/dev/null; \"$0\" fit data.csv "
                      "--target y --quiet --output model.json",
                      MOEST_PROGRAM});
  EXPECT_EQ(cut.status, 1);
  EXPECT_EQ(workspace_.read("model.json"), "as before");
  EXPECT_THAT(workspace_.files(), ElementsAre("data.csv", "model.json"));
}

TEST_F(Fit, FailsWhereStandardOutputIsFull) {
  for (const std::string more : {"", "--json", "--dry-run", "--output -"}) {
    const RunResult result = workspace_.run(
        {"bash", "-c", "\"$0\" fit data.csv --target y " + more + " >/dev/full", MOEST_PROGRAM});
    EXPECT_EQ(result.status, 1) << more;
    EXPECT_THAT(result.err, HasSubstr("cannot write standard output")) << more;
  }
}

TEST_F(Fit, RefusesAFolderThatItMayNotWriteToBeforeItFits) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "the superuser may write everywhere";
  }
  ASSERT_EQ(::chmod(workspace_.path("").c_str(), 0500), 0);
  const RunResult result = fit({"--output", "model.json"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("not writable"));
}

TEST_F(Fit, ReportsAnOverflowingStartAsAStatusAndNeverPrintsNan) {
  // Values near the largest that are legal, without scaling: squares come close to overflow.
  workspace_.write("huge.csv",
                   "x,y\n1e149,1e149\n-1e149,3e149\n5e148,-1e149\n2e148,1e148\n-3e148,5e148\n7e148,2e148\n");
  const RunResult result = workspace_.moest({"fit", "huge.csv", "--target", "y", "--experts", "1",
                                             "--no-scaling", "--json", "--output", "model.json"});
  EXPECT_THAT(result.status, AnyOf(0, 2, 3)) << result.err;
  EXPECT_THAT(result.out, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
  EXPECT_THAT(workspace_.read("model.json"), AllOf(Not(HasSubstr("nan")), Not(HasSubstr("[null"))));
}

}  // namespace
}  // namespace moest
