#include <gmock/gmock.h>

#include "moest/export/onnx.h"
#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Json = nlohmann::ordered_json;

constexpr const char* kModel = R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "tanh"},
  "inputs": ["u", "v"], "target": "z",
  "atoms": [{"bias": 0.5, "gate": [3.0, 1.0], "expert": [2.0, 0.0, 1.0]},
            {"bias": 0.0, "gate": [0.0, 0.0], "expert": [-1.0, 1.0, 0.0]}]})";

class ExportCommand : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_onnx()) {
      GTEST_SKIP() << "this build has no ONNX";
    }
    workspace_.write("model.json", kModel);
    workspace_.write("ensemble.json",
                     std::string(R"({"moest_model": 1, "members": [)") + kModel + ", " + kModel + "]}");
  }

  Workspace workspace_;
};

TEST_F(ExportCommand, WritesTheModelAndSaysWhatItsArraysAre) {
  const RunResult result = workspace_.moest({"export", "model.json", "--onnx", "model.onnx"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "note: input x (n x 2: u, v), outputs y (n x 1: z) and weights (n x 2), all float\n");
  EXPECT_THAT(workspace_.read("model.onnx"), AllOf(HasSubstr("moest"), HasSubstr("Softmax")));
}

TEST_F(ExportCommand, WritesAnEnsembleWithoutWeights) {
  const RunResult result =
      workspace_.moest({"export", "ensemble.json", "--onnx", "model.onnx", "--precision", "double"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "note: input x (n x 2: u, v), output y (n x 1: z), all double\n");
  EXPECT_THAT(workspace_.files(), ElementsAre("ensemble.json", "model.json", "model.onnx"));
}

TEST_F(ExportCommand, TellsTheSameAsJson) {
  const RunResult result =
      workspace_.moest({"export", "ensemble.json", "--onnx", "a.onnx", "--json", "--quiet"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(Json::parse(result.out), Json({{"command", "export"},
                                           {"onnx", "a.onnx"},
                                           {"precision", "float"},
                                           {"operator_set", kOnnxOperatorSet},
                                           {"members", 2},
                                           {"inputs", Json::array({"u", "v"})},
                                           {"targets", Json::array({"z"})}}));
}

TEST_F(ExportCommand, ReadsAndWritesStandardStreams) {
  const RunResult result = workspace_.moest({"export", "-", "--onnx", "-", "--quiet"}, kModel);
  EXPECT_EQ(result.status, 0) << result.err;
  workspace_.moest({"export", "model.json", "--onnx", "model.onnx"});
  EXPECT_EQ(result.out, workspace_.read("model.onnx"));
}

}  // namespace
}  // namespace moest
