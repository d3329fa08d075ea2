#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

constexpr const char* kTruth = R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "tanh"},
  "inputs": ["x"], "target": "y", "atoms": [
    {"bias": 0, "gate": [1], "expert": [2, 0.8]}, {"bias": 0, "gate": [-1], "expert": [-1, -0.6]}]})";

/// Both atoms of kTruth twice, of half their mass and at their gates -+ 0.5.
Json doubled() {
  Json model = Json::parse(kTruth);
  const Json atoms = model["atoms"];
  model["atoms"] = Json::array();
  for (Json atom : atoms) {
    const double gate = atom["gate"][0];
    atom["bias"] = std::log(0.5);
    for (const double s : {0.5, -0.5}) {
      atom["gate"][0] = gate + s;
      model["atoms"].push_back(atom);
    }
  }
  return model;
}

class Loss : public testing::Test {
 protected:
  void SetUp() override {
    workspace_.write("truth.json", kTruth);
    workspace_.write("fitted.json", doubled().dump());
  }

  std::string refusal(const std::string& fitted, const std::string& truth) const {
    workspace_.write("a.json", fitted);
    workspace_.write("b.json", truth);
    const RunResult result = workspace_.moest({"loss", "a.json", "b.json"});
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.out, "");
    return result.err;
  }

  Workspace workspace_;
};

TEST_F(Loss, HasBothLossesAndTheCellsAsJson) {
  const RunResult result = workspace_.moest({"loss", "fitted.json", "truth.json", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document["command"], "loss");
  EXPECT_EQ(document["power"], 2);
  for (const std::string coordinates : {"raw", "reduced"}) {
    const Json& loss = document[coordinates];
    EXPECT_NEAR(loss["l1"].get<double>(), 0.5, 1e-13);
    EXPECT_NEAR(loss["l2r"].get<double>(), 0.5, 1e-13);
    EXPECT_NEAR(loss["true_mass"].get<double>(), 2, 1e-15);
    ASSERT_EQ(loss["cells"].size(), 2U);
    EXPECT_EQ(loss["cells"][1]["truth"], 1);
    EXPECT_THAT(loss["cells"][1]["atoms"].get<std::vector<int>>(), ElementsAre(2, 3));
    EXPECT_NEAR(loss["cells"][1]["mass_error"].get<double>(), 0, 1e-14);
    EXPECT_TRUE(loss["cells"][1]["largest_error"].is_null());
    EXPECT_NEAR(loss["cells"][1]["split_rms"].get<double>(), 0.5, 1e-14);
  }
  const Json other =
      Json::parse(workspace_.moest({"loss", "fitted.json", "truth.json", "--json", "--power", "1"}).out);
  EXPECT_NEAR(other["raw"]["l2r"].get<double>(), 1, 1e-13);
  EXPECT_EQ(other["power"], 1);
}

TEST_F(Loss, TellsItAsText) {
  const RunResult result = workspace_.moest({"loss", "-", "truth.json"}, doubled().dump());
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("4 tanh experts"), HasSubstr("against truth.json"),
                                HasSubstr("L1            0.5      0.5"), HasSubstr("L2,2"), HasSubstr("3, 4"),
                                HasSubstr("add up to 2\n"), Not(HasSubstr("true group"))));
}

TEST_F(Loss, HasAnEntryForEveryGroup) {
  const std::string model =
      R"({"moest_model": 1, "gate": {"kind": "hierarchical"}, "expert": {"kind": "constant"}, "inputs": ["x"],
          "target": "y", "atoms": [{"gate": [0], "expert": [1]}, {"gate": [1], "expert": [2]},
          {"gate": [0], "expert": [3]}], "groups": [{"gate": [0], "size": 2}, {"gate": [5], "size": 1}]})";
  workspace_.write("groups.json", model);
  const RunResult text = workspace_.moest({"loss", "groups.json", "groups.json"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("true group"));
  const Json json = Json::parse(workspace_.moest({"loss", "groups.json", "groups.json", "--json"}).out);
  EXPECT_EQ(json["reduced"]["l1"], 0);
  ASSERT_EQ(json["reduced"]["groups"].size(), 2U);
  EXPECT_THAT(json["reduced"]["groups"][1]["groups"].get<std::vector<int>>(), ElementsAre(1));
  EXPECT_THAT(json["reduced"]["cells"][2]["atoms"].get<std::vector<int>>(), ElementsAre(2));
}

TEST_F(Loss, ComparesEveryGateWithItself) {
  for (const std::string gate :
       {"softmax", "softmax_tanh", "softmax_top_k", "dense_to_sparse", "dense_to_sparse_tanh", "hierarchical",
        "cosine", "perturbed_cosine", "quadratic", "monomial", "laplace", "sigmoid", "normalized_sigmoid"}) {
    const std::string file = std::string(MOEST_SOURCE_DIR) + "/examples/gates/" + gate + ".json";
    const RunResult result = workspace_.moest({"loss", file, file, "--json"});
    ASSERT_EQ(result.status, 0) << result.err;
    const Json document = Json::parse(result.out);
    EXPECT_LT(document["raw"]["l1"].get<double>(), 1e-12) << gate;
    EXPECT_LT(document["reduced"]["l1"].get<double>(), 1e-12) << gate;
  }
}

TEST_F(Loss, DrawsAtomsAndCells) {
  if (std::system("command -v gnuplot >/dev/null") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  const RunResult line = workspace_.moest({"loss", "fitted.json", "truth.json", "--picture", "line.svg"});
  EXPECT_EQ(line.status, 0) << line.err;
  EXPECT_THAT(workspace_.read("line.svg"), AllOf(HasSubstr("omega_x"), HasSubstr("a_x"),
                                                 HasSubstr("in the cell of 2"), Not(HasSubstr("reduced"))));
  const std::string gates = std::string(MOEST_SOURCE_DIR) + "/examples/gates/";
  for (const std::string gate : {"cosine", "monomial", "quadratic", "sigmoid", "hierarchical"}) {
    const RunResult plane = workspace_.moest(
        {"loss", gates + gate + ".json", gates + gate + ".json", "--picture", gate + ".svg"});
    EXPECT_EQ(plane.status, 0) << plane.err;
    EXPECT_THAT(workspace_.read(gate + ".svg"), HasSubstr("in the cell of 1")) << gate;
  }
  EXPECT_THAT(workspace_.read("cosine.svg"), HasSubstr("omega_x1, reduced"));
}

TEST_F(Loss, RefusesModelsThatAreNotAlike) {
  Json other = Json::parse(kTruth);
  other["gate"]["kind"] = "laplace";
  EXPECT_THAT(refusal(other.dump(), kTruth), HasSubstr("gate.kind is laplace of the fit and softmax"));
  other = Json::parse(kTruth);
  other["scaling"] = {{"inputs", {{{"offset", 1}, {"scale", 2}}}},
                      {"targets", {{{"offset", 0}, {"scale", 1}}}}};
  EXPECT_THAT(refusal(other.dump(), kTruth), AllOf(HasSubstr("scaling"), HasSubstr("--no-scaling")));
  const Json ensemble{{"moest_model", 1}, {"members", {Json::parse(kTruth), Json::parse(kTruth)}}};
  EXPECT_THAT(refusal(kTruth, ensemble.dump()), HasSubstr("b.json"));
}

TEST_F(Loss, DrawsNothingOfThreeInputs) {
  const std::string model =
      R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "constant"},
          "inputs": ["a", "b", "c"], "target": "y", "atoms": [{"gate": [1, 2, 3], "expert": [1]}]})";
  workspace_.write("three.json", model);
  const RunResult result =
      workspace_.moest({"loss", "three.json", "three.json", "--picture", "three.svg", "--json"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("cannot draw three.svg"), HasSubstr("3 inputs"), HasSubstr("--picture")));
  EXPECT_THAT(workspace_.files(), Not(testing::Contains("three.svg")));
}

}  // namespace
}  // namespace moest
