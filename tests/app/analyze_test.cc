#include <gmock/gmock.h>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

class Analyze : public testing::Test {
 protected:
  Json json(std::vector<std::string> words) {
    words.insert(words.begin(), "analyze");
    words.emplace_back("--json");
    const RunResult result = workspace_.moest(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out);
  }

  Workspace workspace_;
};

TEST_F(Analyze, SaysVerdictsWithTheirReasons) {
  const RunResult result = workspace_.moest({"analyze", "--gate", "softmax", "--expert", "linear"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("exact-specified: regular"), HasSubstr("over-specified: flat"),
                                HasSubstr("d2F/d b^2 = 0"), HasSubstr("11 linear relations"),
                                HasSubstr("--expert tanh")));
}

TEST_F(Analyze, HasTheFieldsOfItsContract) {
  const Json document =
      json({"--gate", "cosine", "--expert", "tanh", "--dim", "2", "--true-experts", "2", "--experts", "3"});
  EXPECT_EQ(document["command"], "analyze");
  EXPECT_EQ(document["exact"]["verdict"], "scale_gauge");
  EXPECT_EQ(document["exact"]["rate"], "n^-1/2");
  EXPECT_EQ(document["over"]["verdict"], "scale_gauge");
  EXPECT_EQ(document["over"]["rate"], "n^-1/4");
  EXPECT_EQ(document["exact"]["relations"][0]["kind"], "shift");
  EXPECT_EQ(document["exact"]["relations"][1]["kind"], "scale");
  EXPECT_TRUE(document["exact"]["relations"][1]["text"].is_string());
  EXPECT_GT(document["num_null"], 0);
  EXPECT_LT(document["largest_null"], 1e-28);
  EXPECT_GT(document["smallest_non_null"], 1e-20);
  EXPECT_TRUE(document["over"].contains("min_extra_experts"));
  EXPECT_EQ(document["advice"][0]["options"], "--gate perturbed_cosine");
  EXPECT_EQ(document["truths"].size(), 3U);
}

TEST_F(Analyze, TakesFormulas) {
  const Json expert = json({"--expert", "expr: c*tanh(a1*x1 + a2*x2) + b", "--parameters", "a1,a2,b,c",
                            "--dim", "2", "--truths", "1"});
  EXPECT_EQ(expert["over"]["verdict"], "flat");
  const Json activation = json({"--activation", "expr: t/(1+exp(-t))", "--truths", "1"});
  EXPECT_EQ(activation["over"]["verdict"], "regular");
}

TEST_F(Analyze, TakesATruth) {
  workspace_.write("truth.json",
                   R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "tanh"},
    "inputs": ["x"], "target": "y", "atoms": [
      {"bias": 0, "gate": [1], "expert": [0, 0.8]}, {"bias": 0, "gate": [-1], "expert": [-1, -0.6]}]})");
  const Json document = json({"--model", "truth.json", "--experts", "3"});
  EXPECT_EQ(document["exact"]["verdict"], "regular");
  EXPECT_EQ(document["over"]["verdict"], "flat") << "a slope of 0";
  EXPECT_EQ(document["over"]["min_extra_experts"], 1);
}

TEST_F(Analyze, PredictsStandardErrors) {
  const auto first_error = [&](const std::string& n) {
    const Json document = json({"--expert", "tanh", "--n", n, "--noise", "0.1", "--truths", "1"});
    EXPECT_EQ(document["predicted_splits"].size(), 2U);
    return document["predicted_standard_errors"][0]["standard_error"].get<double>();
  };
  EXPECT_NEAR(first_error("100") / first_error("10000"), 10, 1e-6);
}

TEST_F(Analyze, FollowsMergingGates) {
  const Json document = json({"--expert", "linear", "--merge-gates", "1,2", "--truths", "1"});
  EXPECT_EQ(document["merging"]["points"].size(), 7U);
  EXPECT_NEAR(document["merging"]["exponent"], 5, 0.2);
}

TEST_F(Analyze, WritesLatex) {
  const RunResult result = workspace_.moest({"analyze", "--expert", "tanh", "--latex"});
  EXPECT_THAT(result.out, HasSubstr("\\frac{\\partial^2 F}{\\partial \\omega_{1}\\,\\partial b}"));
}

TEST_F(Analyze, IsTheSameForTheSameSeed) {
  const auto text = [&](const std::string& seed, const std::string& threads) {
    Json document = json({"--expert", "gelu", "--seed", seed, "--threads", threads, "--truths", "1"});
    document.erase("seconds");
    return document.dump();
  };
  EXPECT_EQ(text("4", "1"), text("4", "2"));
  EXPECT_NE(text("4", "1"), text("5", "1"));
}

}  // namespace
}  // namespace moest
