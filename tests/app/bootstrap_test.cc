#include <gmock/gmock.h>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

class BootstrapCommand : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::vector<double>> rows = noisy_rows([](double x) { return 1 + 2 * x; });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].push_back(static_cast<double>(1 + i % 3));
    }
    workspace_.write("data.csv", csv("x,y,w", rows));
    const RunResult fit = workspace_.moest({"fit", "data.csv", "--target", "y", "--inputs", "x", "--experts",
                                            "1", "--output", "model.json", "--quiet"});
    ASSERT_EQ(fit.status, 0) << fit.err;
  }

  Workspace workspace_;
};

TEST_F(BootstrapCommand, TellsHowSurelyTheCoefficientsAreKnown) {
  const RunResult result = workspace_.moest({"bootstrap", "model.json", "data.csv", "--replicates", "50"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("pairs bootstrap"), HasSubstr("50 replicates"),
                                HasSubstr("expert 1: a_x"), HasSubstr("bias"), HasSubstr("95 % from")));
}

TEST_F(BootstrapCommand, HasAllOfItAsJsonAndEachReplicateAsCsv) {
  ASSERT_EQ(workspace_
                .moest({"fit", "data.csv", "--target", "y", "--inputs", "x", "--experts", "1",
                        "--weights-column", "w", "--output", "model.json", "--quiet"})
                .status,
            0);
  const RunResult result = workspace_.moest({"bootstrap", "model.json", "data.csv", "--kind", "residual",
                                             "--replicates", "20", "--json", "--confidence", "0.9",
                                             "--weights-column", "w", "--output", "replicates.csv"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document["command"], "bootstrap");
  EXPECT_EQ(document["num_replicates"], 20);
  EXPECT_EQ(document["options"]["confidence"], 0.9);
  ASSERT_EQ(document["coefficients"].size(), 2U);
  for (const Json& row : document["coefficients"]) {
    EXPECT_LT(row["low"].get<double>(), row["estimate"].get<double>());
    EXPECT_GT(row["high"].get<double>(), row["estimate"].get<double>());
  }
  const std::string replicates = workspace_.read("replicates.csv");
  EXPECT_THAT(replicates, StartsWith("replicate,expert 1: a_x,expert 1: b\n0,"));
  EXPECT_EQ(std::count(replicates.begin(), replicates.end(), '\n'), 21);
}

TEST_F(BootstrapCommand, GoesOnFromAStoreWithMoreReplicates) {
  const auto run = [&](const std::string& replicates) {
    return workspace_.moest(
        {"bootstrap", "model.json", "data.csv", "--replicates", replicates, "--store", "s", "--json"});
  };
  ASSERT_EQ(run("10").status, 0);
  const std::string first = workspace_.read("s");
  ASSERT_EQ(run("15").status, 0);
  const std::string second = workspace_.read("s");
  EXPECT_THAT(second, StartsWith(first));
  EXPECT_EQ(std::count(second.begin(), second.end(), '\n'), 16);
}

TEST_F(BootstrapCommand, TakesTheRowsThatTheFitTook) {
  workspace_.write("data.csv", workspace_.read("data.csv") + "0.5,,1\n");
  const auto words = [](const std::string& command, const std::string& last) {
    return std::vector<std::string>{command, "model.json", "data.csv", last, "--quiet"};
  };
  EXPECT_EQ(workspace_.moest(words("bootstrap", "--json")).status, 2);
  EXPECT_EQ(workspace_.moest(words("bootstrap", "--drop-missing")).status, 0);
  EXPECT_EQ(workspace_.moest(words("select", "--drop-missing")).status, 0);
}

TEST_F(BootstrapCommand, RefusesWhatItCannotUse) {
  const auto message = [&](const std::vector<std::string>& words, const std::string& part) {
    const RunResult result = workspace_.moest(words);
    EXPECT_EQ(result.status, 2) << result.out;
    EXPECT_THAT(result.err, HasSubstr(part));
  };
  message({"bootstrap", "model.json", "data.csv", "--kind", "wild"}, "pairs, residual, parametric");
  message({"bootstrap", "model.json", "data.csv", "--replicates", "1"}, "replicates");
  message({"bootstrap", "model.json", "data.csv", "--weights-column", "z"}, "z");
  message({"bootstrap", "model.json", "data.csv", "--output", "data.csv"}, "data.csv");
  workspace_.write("other.csv", "a,y\n1,2\n3,4\n");
  message({"bootstrap", "model.json", "other.csv"}, "x");
  message({"bootstrap", "model.json", "data.csv", "--weights-column", "w"},
          "not the data that the model was fitted");
  message({"bootstrap", "model.json", "data.csv", "--store", "s", "--output", "s"}, "cannot write s twice");
  workspace_.write("s", "{\"of\": 1}\n");
  message({"bootstrap", "model.json", "data.csv", "--store", "s"}, "another bootstrap");
  workspace_.write("t", "");
  EXPECT_EQ(
      workspace_.moest({"bootstrap", "model.json", "data.csv", "--store", "t", "--replicates", "2"}).status,
      0);
  workspace_.write("t",
                   workspace_.read("t") +
                       "{\"of\":5,\"is\":{\"status\":\"converged\",\"elsewhere\":false,\"values\":[1]}}\n");
  message({"bootstrap", "model.json", "data.csv", "--store", "t"}, "line 4 of the store is damaged");
}

}  // namespace
}  // namespace moest
