#include <gmock/gmock.h>

#include "moest/model/catalogue.h"
#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

using Json = nlohmann::ordered_json;

constexpr const char* kModel = R"({"moest_model": 1, "gate": {"kind": "perturbed_cosine", "tau1": 0.25},
  "expert": {"kind": "tanh"}, "inputs": ["u", "v"], "target": "z", "noise_variance": 0.25,
  "atoms": [{"bias": 0.5, "gate": [3.0, 1.0], "expert": [2.0, 0.0, 1.0]},
            {"bias": 0.0, "gate": [0.0, 0.0], "expert": [-1.0, 1.0, 0.0]}]FIT})";

std::string model(const std::string& fit) {
  std::string text = kModel;
  return text.replace(text.find("FIT"), 3, fit);
}

// One example for every gate of the catalogue, named after it.
TEST(Describe, ReadsTheExampleOfEveryGate) {
  const Workspace workspace;
  for (const std::string& gate : gate_names()) {
    const std::string path = std::string(MOEST_SOURCE_DIR) + "/examples/gates/" + gate + ".json";
    const RunResult result = workspace.moest({"describe", path});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(StartsWith(gate + " gate, "), HasSubstr("linear experts")));
  }
}

TEST(Describe, SaysWhichParametersAreConventions) {
  const Workspace workspace;
  const auto described = [&](const std::string& gate) {
    return workspace.moest({"describe", std::string(MOEST_SOURCE_DIR) + "/examples/gates/" + gate + ".json"})
        .out;
  };
  EXPECT_THAT(described("cosine"), HasSubstr("only directions matter"));
  EXPECT_THAT(described("softmax"), HasSubstr("the last expert is the reference"));
  EXPECT_THAT(described("softmax_tanh"), HasSubstr("x replaced by tanh(x)"));
}

TEST(Describe, TellsWhatIsInATable) {
  const Workspace workspace;
  workspace.write("data.csv", "place,x,mixed\nsea,1,1\nland,2,two\nsea,,3\n");
  const RunResult result = workspace.moest({"describe", "data.csv"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(
      result.out,
      AllOf(StartsWith("data.csv: 3 rows, 3 columns\n"), HasSubstr("--categorical place"),
            HasSubstr("mixed: 1 cell is not a finite number, the first is `two` in data.csv, line 3")));
}

TEST(Describe, TellsWhatIsInATableAsJson) {
  const Workspace workspace;
  const RunResult result =
      workspace.moest({"describe", "-", "--json"}, "place,x\nsea,1\nland,2\nsea,\nair,6\n");
  const Json table = Json::parse(result.out)["table"];
  EXPECT_EQ(table["num_rows"], 4);
  EXPECT_EQ(table["columns"][0]["kind"], "text");
  EXPECT_EQ(table["columns"][0]["distinct"], 3);
  EXPECT_EQ(table["columns"][0]["mean"], nullptr);
  EXPECT_EQ(table["columns"][1]["kind"], "number");
  EXPECT_EQ(table["columns"][1]["missing"], 1);
  EXPECT_EQ(table["columns"][1]["min"], 1);
  EXPECT_EQ(table["columns"][1]["mean"], 3);
  EXPECT_EQ(table["columns"][1]["max"], 6);
}

TEST(Describe, TellsWhatIsInAModel) {
  const Workspace workspace;
  workspace.write("model.json", model(""));
  const RunResult result = workspace.moest({"describe", "model.json"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(
      result.out,
      AllOf(StartsWith("perturbed_cosine gate, 2 tanh experts of 2 inputs (u, v), target z\n"),
            HasSubstr("tau1 = 0.25"), HasSubstr("tanh(a . x + b)"), HasSubstr("standard deviation 0.5"),
            HasSubstr("scaling: none"), HasSubstr("gate: omega_u"), HasSubstr("expert: a_v")));
  const Json document = Json::parse(workspace.moest({"describe", "model.json", "--json"}).out);
  EXPECT_EQ(document["model"]["gate"]["tau1"], 0.25);
}

TEST(Describe, BearsAnyRecordOfTheFit) {
  const Workspace workspace;
  for (const std::string record : {"3", "null", "[]", "{\"rss\": \"small\", \"num_samples\": [1]}", "{}"}) {
    const RunResult result = workspace.moest({"describe", "-"}, model(", \"fit\": " + record));
    EXPECT_EQ(result.status, 0) << record << ": " << result.err;
  }
  const RunResult result = workspace.moest(
      {"describe", "-"}, model(R"(, "fit": {"program": "moest 0.1.0", "num_samples": 7, "rss": 0.5})"));
  EXPECT_THAT(result.out, HasSubstr("fitted by moest 0.1.0, 7 samples, residual sum of squares 0.5"));
}

TEST(Version, IsOneLine) {
  const Workspace workspace;
  const RunResult result = workspace.moest({"--version"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out,
              MatchesRegex("moest [0-9]+\\.[0-9]+\\.[0-9]+ \\(git [^,]+, [^,]+, SIMD target [^,)]+\\)\n"));
  EXPECT_EQ(result.err, "");
}

// --- help

struct CommandHelp {
  std::string command;
  std::vector<std::string> options;
};

class Help : public testing::TestWithParam<CommandHelp> {};

TEST_P(Help, ListsEveryOptionWithinTheWidthOfATerminal) {
  const Workspace workspace;
  const RunResult result = workspace.moest({GetParam().command, "--help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("Usage: moest " + GetParam().command));
  for (const std::string& option : GetParam().options) {
    EXPECT_THAT(result.out, HasSubstr("\n  " + option + " "));
  }
  for (const std::string option : {"--help", "--quiet", "--threads"}) {
    EXPECT_THAT(result.out, HasSubstr("\n  " + option + " "));
  }
  for (std::size_t begin = 0; begin < result.out.size();) {
    const std::size_t end = result.out.find('\n', begin);
    EXPECT_LE(end - begin, 100u) << result.out.substr(begin, end - begin);
    begin = end + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Commands, Help,
    testing::Values(
        CommandHelp{
            "fit",
            {"DATA",           "--target",         "--inputs",        "--gate",       "--expert",
             "--experts",      "--output",         "--tau1",          "--tau2",       "--temperature",
             "--no-bias",      "--output-weight",  "--output-offset", "--starts",     "--bound",
             "--tolerance",    "--max-iterations", "--max-seconds",   "--no-scaling", "--start-from",
             "--drop-missing", "--dry-run",        "--seed",          "--json",       "--categorical"}},
        CommandHelp{"predict", {"MODEL", "DATA", "--weights", "--experts", "--output", "--json"}},
        CommandHelp{"simulate", {"MODEL", "--n", "--inputs", "--noise", "--seed", "--output", "--json"}},
        CommandHelp{"describe", {"FILE", "--json"}},
        CommandHelp{"plot", {"MODEL", "DATA", "--kind", "--output", "--json"}},
        CommandHelp{"export", {"MODEL", "--onnx", "--precision", "--json"}},
        CommandHelp{"completion", {"SHELL"}}),
    [](const auto& tested) { return tested.param.command; });

TEST(Help, ListsTheCommandsAndTheExitStatuses) {
  const Workspace workspace;
  const RunResult result = workspace.moest({"--help"});
  EXPECT_EQ(result.status, 0);
  for (const std::string command :
       {"fit", "predict", "simulate", "describe", "plot", "export", "completion"}) {
    EXPECT_THAT(result.out, HasSubstr("\n  " + command + " "));
  }
  EXPECT_THAT(result.out,
              HasSubstr("Exit status: 0 done, 1 failed, 2 wrong command or input, 3 done but no start"));
  EXPECT_EQ(workspace.moest({"-h"}).out, result.out);
}

TEST(Help, TellsDefaultsAndToWhichKindAnOptionBelongs) {
  const Workspace workspace;
  EXPECT_THAT(workspace.moest({"fit", "--help"}).out,
              AllOf(HasSubstr("(default 200)"), HasSubstr("(perturbed_cosine; default 0.1)"),
                    HasSubstr("(default linear)")));
}

// --- completion

TEST(Completion, OfBashIsValidAndCompletesCommandsAndOptions) {
  const Workspace workspace;
  const RunResult script = workspace.moest({"completion", "bash"});
  ASSERT_EQ(script.status, 0);
  workspace.write("completion.bash", script.out);
  EXPECT_EQ(workspace.run({"bash", "-n", "completion.bash"}).status, 0);
  const auto completed = [&](const std::string& words, int index) {
    return workspace
        .run({"bash", "-c",
              "source completion.bash; COMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(index) +
                  "; _moest; echo \"${COMPREPLY[@]}\""})
        .out;
  };
  EXPECT_EQ(completed("moest fi", 1), "fit\n");
  EXPECT_EQ(completed("moest fit --ga", 2), "--gate\n");
  EXPECT_EQ(completed("moest fit data.csv --max", 3), "--max-iterations --max-seconds\n");
  EXPECT_EQ(completed("moest predict compl", 2), "completion.bash\n");
  EXPECT_EQ(completed("moest fit --gate pert", 3), "perturbed_cosine\n");
  EXPECT_EQ(completed("moest fit --expert ''", 3),
            "constant linear polynomial sigmoid tanh gelu silu softplus relu ffn\n");
  EXPECT_EQ(completed("moest completion ''", 2), "bash zsh fish\n");
  EXPECT_EQ(completed("moest plot --kind re", 3), "residuals\n");
}

TEST(Completion, OfOtherShellsNamesEveryCommand) {
  const Workspace workspace;
  const std::string zsh = workspace.moest({"completion", "zsh"}).out;
  EXPECT_THAT(zsh, AllOf(HasSubstr("bashcompinit"), HasSubstr("fit predict simulate")));
  const std::string fish = workspace.moest({"completion", "fish"}).out;
  EXPECT_THAT(fish, AllOf(HasSubstr("complete -c moest"), HasSubstr("-l max-iterations"),
                          HasSubstr("-a simulate"), Not(HasSubstr("-l \n"))));
}

}  // namespace
}  // namespace moest
