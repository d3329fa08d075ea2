#include <gmock/gmock.h>

#include <cmath>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

// f(x) = w_1 (2 x) + w_2 (1 - x) with w_1 = 1 / (1 + exp(-3 x - 0.5)).
constexpr const char* kModel =
    R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"},
  "inputs": ["x"], "target": "y", "atoms": [{"bias": 0.5, "gate": [3.0], "expert": [2.0, 0.0]},
                                            {"bias": 0.0, "gate": [0.0], "expert": [-1.0, 1.0]}]})";

class Predict : public testing::Test {
 protected:
  Predict() {
    workspace_.write("model.json", kModel);
    workspace_.write("data.csv", "other,x\nhello,-1\nyou,0\n,0.25\nthere,2\n");
  }

  RunResult predict(const Words& more) const {
    Words words{"predict", "model.json", "data.csv"};
    words.insert(words.end(), more.begin(), more.end());
    return workspace_.moest(words);
  }

  Workspace workspace_;
};

TEST_F(Predict, WritesOneRowPerRow) {
  const RunResult result = predict({});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const auto fields = fields_of(result.out);
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_THAT(fields[0], ElementsAre("prediction"));
  const double w = 1 / (1 + std::exp(-0.5));
  EXPECT_NEAR(std::stod(fields[2][0]), 1 - w, 1e-14);
}

TEST_F(Predict, AddsWeightsAndExpertsOnRequest) {
  const auto fields = fields_of(predict({"--weights", "--experts"}).out);
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_THAT(fields[0], ElementsAre("prediction", "weight_1", "weight_2", "expert_1", "expert_2"));
  const double inputs[] = {-1, 0, 0.25, 2};
  for (std::size_t row = 0; row < 4; ++row) {
    std::vector<double> values;
    for (const std::string& field : fields[row + 1]) {
      values.push_back(std::stod(field));
    }
    ASSERT_EQ(values.size(), 5u);
    EXPECT_NEAR(values[1], 1 / (1 + std::exp(-3 * inputs[row] - 0.5)), 1e-14);
    EXPECT_NEAR(values[1] + values[2], 1, 1e-15);
    EXPECT_NEAR(values[3], 2 * inputs[row], 1e-14);
    EXPECT_NEAR(values[4], 1 - inputs[row], 1e-14);
    EXPECT_NEAR(values[0], values[1] * values[3] + values[2] * values[4], 1e-14);
  }
}

TEST_F(Predict, WritesTheSameNumbersToAFileToStandardOutputAndAsJson) {
  const std::string text = predict({"--weights"}).out;
  ASSERT_EQ(predict({"--weights", "--output", "predictions.csv"}).status, 0);
  EXPECT_EQ(workspace_.read("predictions.csv"), text);
  EXPECT_EQ(predict({"--weights", "--output", "-"}).out, text);

  const Json document = Json::parse(predict({"--weights", "--json"}).out);
  EXPECT_EQ(document["num_samples"], 4);
  const auto fields = fields_of(text);
  for (std::size_t column = 0; column < fields[0].size(); ++column) {
    for (std::size_t row = 0; row < 4; ++row) {
      EXPECT_EQ(document["columns"][fields[0][column]][row], std::stod(fields[row + 1][column]));
    }
  }
}

TEST_F(Predict, GivesTheSameBitsForAnyNumberOfThreads) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 5000; ++i) {
    rows.push_back({0.001 * i - 2});
  }
  workspace_.write("data.csv", csv("x", rows));
  EXPECT_EQ(predict({"--threads", "1", "--weights"}).out, predict({"--threads", "2", "--weights"}).out);
}

TEST_F(Predict, NotesTheErrorWhereTheTargetIsThere) {
  workspace_.write("data.csv", "x,y\n0,1\n1,2\n");
  EXPECT_THAT(predict({}).err,
              AllOf(StartsWith("note: "), HasSubstr("root mean square error"), HasSubstr("y")));
  EXPECT_EQ(predict({"--quiet"}).err, "");
  workspace_.write("data.csv", "x,y\n0,1\n1,\n");
  EXPECT_EQ(predict({}).err, "");
}

TEST_F(Predict, ReadsTheModelFromStandardInput) {
  EXPECT_EQ(workspace_.moest({"predict", "-", "data.csv"}, kModel).out, predict({}).out);
}

TEST_F(Predict, KeepsTheOldFileAfterAWrongInput) {
  workspace_.write("predictions.csv", "as before");
  workspace_.write("data.csv", "x\n1\ntwo\n");
  const RunResult result = predict({"--output", "predictions.csv"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("data.csv, line 3"), HasSubstr("`two`")));
  EXPECT_EQ(workspace_.read("predictions.csv"), "as before");
}

// --- simulate

class Simulate : public Predict {
 protected:
  static constexpr const char* kNamed =
      R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "tanh"}, "inputs": ["u", "v"],
      "target": "z", "noise_variance": 0.25, "atoms": [{"bias": 0.5, "gate": [3.0, 1.0], "expert": [2.0, 0.0, 1.0]},
      {"bias": 0.0, "gate": [0.0, 0.0], "expert": [-1.0, 1.0, 0.0]}]})";

  Simulate() { workspace_.write("model.json", kNamed); }

  // The numbers of each column.
  std::vector<std::vector<double>> columns(const Words& more) const {
    Words words{"simulate", "model.json", "--n", "4000"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = workspace_.moest(words);
    EXPECT_EQ(result.status, 0) << result.err;
    const auto fields = fields_of(result.out);
    EXPECT_EQ(fields.size(), 4001u);
    std::vector<std::vector<double>> values(3);
    for (std::size_t row = 1; row < fields.size(); ++row) {
      for (std::size_t j = 0; j < 3; ++j) {
        values[j].push_back(std::stod(fields[row].at(j)));
      }
    }
    return values;
  }
};

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const double centre = mean(values);
  double sum_sq = 0;
  for (const double value : values) {
    sum_sq += (value - centre) * (value - centre);
  }
  return std::sqrt(sum_sq / static_cast<double>(values.size()));
}

// The bounds of the next three tests are five standard errors of n = 4000: false alarms below 1e-5 for other
// seeds.
TEST_F(Simulate, DrawsUniformInputs) {
  const auto values = columns({"--inputs", "uniform:2,6"});
  for (int j = 0; j < 2; ++j) {
    const auto& input = values[static_cast<std::size_t>(j)];
    EXPECT_THAT(input, testing::Each(AllOf(testing::Ge(2), testing::Lt(6))));
    EXPECT_NEAR(mean(input), 4, 5 * 1.155 / std::sqrt(4000));
  }
}

TEST_F(Simulate, DrawsNormalInputs) {
  const auto values = columns({"--inputs", "normal:3,2"});
  EXPECT_NEAR(mean(values[0]), 3, 5 * 2 / std::sqrt(4000));
  EXPECT_NEAR(deviation(values[1]), 2, 5 * 2 / std::sqrt(8000));
}

TEST_F(Simulate, TakesTheNoiseOfTheModel) {
  const auto noisy = columns({"--seed", "3"});
  const auto exact = columns({"--seed", "3", "--noise", "0"});
  std::vector<double> noise;
  for (std::size_t row = 0; row < 4000; ++row) {
    ASSERT_EQ(noisy[0][row], exact[0][row]);
    noise.push_back(noisy[2][row] - exact[2][row]);
  }
  EXPECT_NEAR(mean(noise), 0, 5 * 0.5 / std::sqrt(4000));
  EXPECT_NEAR(deviation(noise), 0.5, 5 * 0.5 / std::sqrt(8000));
}

TEST_F(Simulate, UsesTheNamesOfTheModel) {
  EXPECT_THAT(workspace_.moest({"simulate", "model.json", "--n", "3"}).out, StartsWith("u,v,z\n"));
}

TEST_F(Simulate, WithoutNoiseGivesThePredictionsToTheLastBit) {
  ASSERT_EQ(
      workspace_.moest({"simulate", "model.json", "--n", "500", "--noise", "0", "--output", "drawn.csv"})
          .status,
      0);
  const auto drawn = fields_of(workspace_.read("drawn.csv"));
  const auto predicted = fields_of(workspace_.moest({"predict", "model.json", "drawn.csv", "--quiet"}).out);
  ASSERT_EQ(drawn.size(), predicted.size());
  for (std::size_t row = 1; row < drawn.size(); ++row) {
    EXPECT_EQ(drawn[row][2], predicted[row][0]);
  }
}

TEST_F(Simulate, GivesTheSameBitsForTheSameSeedAndAnyNumberOfThreads) {
  const auto drawn = [&](const std::string& seed, const std::string& threads) {
    return workspace_.moest({"simulate", "model.json", "--n", "1e4", "--seed", seed, "--threads", threads})
        .out;
  };
  EXPECT_EQ(drawn("1", "1"), drawn("1", "2"));
  EXPECT_NE(drawn("1", "1"), drawn("2", "1"));
}

TEST_F(Simulate, PrintsJson) {
  const Json document = Json::parse(workspace_.moest({"simulate", "model.json", "--n", "3", "--json"}).out);
  EXPECT_EQ(document["command"], "simulate");
  EXPECT_EQ(document["num_samples"], 3);
  EXPECT_EQ(document["noise"], 0.5);
  EXPECT_EQ(document["columns"]["v"].size(), 3u);
  EXPECT_EQ(document["columns"]["z"].size(), 3u);
}

TEST_F(Simulate, FeedsAFitWhoseModelPredictsTheSameAfterReloading) {
  ASSERT_EQ(
      workspace_.moest({"simulate", "model.json", "--n", "400", "--noise", "0.05", "--output", "drawn.csv"})
          .status,
      0);
  ASSERT_EQ(workspace_
                .moest({"fit", "drawn.csv", "--target", "z", "--expert", "tanh", "--starts", "4", "--output",
                        "fitted.json"})
                .status,
            0);
  const RunResult described = workspace_.moest({"describe", "fitted.json", "--json"});
  workspace_.write("copy.json", Json::parse(described.out)["model"].dump());
  EXPECT_EQ(workspace_.moest({"predict", "fitted.json", "drawn.csv", "--weights", "--experts"}).out,
            workspace_.moest({"predict", "copy.json", "drawn.csv", "--weights", "--experts"}).out);
}

}  // namespace
}  // namespace moest
