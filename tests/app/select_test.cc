#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

class Select : public testing::Test {
 protected:
  void SetUp() override {
    workspace_.write("data.csv", csv("x,y", noisy_rows([](double x) { return x < 0 ? 1 - x : 1 + 2 * x; })));
    const RunResult fit = workspace_.moest(
        {"fit", "data.csv", "--target", "y", "--experts", "4", "--output", "model.json", "--quiet"});
    ASSERT_EQ(fit.status, 0) << fit.err;
  }

  Workspace workspace_;
};

TEST_F(Select, TellsHowManyExpertsATableNeeds) {
  const RunResult result = workspace_.moest({"select", "model.json", "data.csv", "--output", "best.json"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("next merge"), HasSubstr("cross-validation"), HasSubstr("<- "),
                                HasSubstr("BIC chooses 2 experts.")));
  EXPECT_EQ(workspace_.read_json("best.json")["atoms"].size(), 2U);
}

TEST_F(Select, HasAllOfItAsJson) {
  const RunResult result = workspace_.moest({"select", "model.json", "data.csv", "--json", "--folds", "3"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document["command"], "select");
  EXPECT_EQ(document["experts_by_bic"], 2);
  ASSERT_EQ(document["rows"].size(), 4U);
  for (const Json& row : document["rows"]) {
    EXPECT_TRUE(row["bic"].is_number());
    EXPECT_TRUE(row["cv_rmse"].is_number());
  }
  EXPECT_EQ(document["rows"][0]["experts"], 4);
  EXPECT_EQ(document["rows"][0]["merges"].size(), 2U);
  EXPECT_TRUE(document["rows"][3]["merges"].is_null());
  const Json without =
      Json::parse(workspace_.moest({"select", "model.json", "data.csv", "--json", "--folds", "0"}).out);
  EXPECT_TRUE(without["experts_by_cross_validation"].is_null());
  EXPECT_TRUE(without["rows"][0]["cv_rmse"].is_null());
}

TEST_F(Select, DrawsTheDendrogram) {
  if (std::system("command -v gnuplot >/dev/null") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  const RunResult result =
      workspace_.moest({"select", "model.json", "data.csv", "--folds", "0", "--picture", "tree.svg"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(workspace_.read("tree.svg"), AllOf(HasSubstr("height of the merge"), HasSubstr("BIC")));
}

TEST_F(Select, RefusesWhatItCannotDo) {
  const RunResult fold = workspace_.moest({"select", "model.json", "data.csv", "--folds", "1"});
  EXPECT_EQ(fold.status, 2);
  EXPECT_THAT(fold.err, HasSubstr("folds = 1"));
  workspace_.write("other.csv", "x,z\n1,2\n2,3\n");
  const RunResult other = workspace_.moest({"select", "model.json", "other.csv"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("y"));
  const RunResult picture = workspace_.moest({"select", "model.json", "data.csv", "--picture", "tree.gif"});
  EXPECT_EQ(picture.status, 2);
}

}  // namespace
}  // namespace moest
