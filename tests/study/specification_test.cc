#include "moest/study/specification.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "moest/base/error.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(StudySpecification, ReadsEveryField) {
  const Study study = small_study();
  EXPECT_EQ(study.name, "small");
  EXPECT_EQ(study.seed, 5U);
  EXPECT_THAT(study.sizes, ElementsAre(50, 200));
  EXPECT_EQ(study.replicates, 3);
  EXPECT_EQ(study.noise, 0.1);
  EXPECT_EQ(study.inputs.first, -1);
  ASSERT_EQ(study.arms.size(), 1U);
  const Arm& arm = study.arms.front();
  EXPECT_EQ(arm.fitted.num_experts, 2);
  EXPECT_EQ(arm.fit.starts, 2);
  EXPECT_FALSE(arm.fit.scaling);
  EXPECT_TRUE(arm.has_losses);
  EXPECT_EQ(arm.truth.model.atoms[0].expert, (std::vector<double>{2, 0.5}));
  ASSERT_EQ(arm.expected.size(), 1U);
  EXPECT_EQ(arm.expected[0].value, -0.5);
  EXPECT_EQ(arm.expected[0].source, "NHR24");
}

TEST(StudySpecification, SpacesSizesByEqualRatios) {
  const Study study =
      small_study(replaced(kSmallStudy, "sizes = [200, 50]", "sizes = {from = 100, to = 10000, number = 5}"));
  EXPECT_THAT(study.sizes, ElementsAre(100, 316, 1000, 3162, 10000));
  const Study rounded =
      small_study(replaced(kSmallStudy, "sizes = [200, 50]", "sizes = {from = 5, to = 7, number = 3}"));
  EXPECT_THAT(rounded.sizes, ElementsAre(5, 6, 7)) << "sqrt(35) is 5.92";
}

TEST(StudySpecification, LetsAnArmHaveItsOwnTruthFitAndStart) {
  const Study study = small_study(kSmallStudy + R"(
[[arms]]
name = "over"
note = "beside the truth"
experts = 3
start = "near"
power = 3
fit = {bound = 10, fix = ["atoms[0].bias=0"]}
[[arms]]
name = "drawn"
truth = {random = true, dim = 2, experts = 2, gate = {kind = "cosine"}, expert = {kind = "tanh"}}
[[arms]]
name = "moving"
[arms.truth]
gate = {kind = "softmax"}
expert = {kind = "tanh"}
atoms = [{gate = [2.5], expert = [2, 0.8]}, {gate = [0], expert = [-1, -0.6]}]
sequence = {move = 0, towards = 1, exponent = 0.1, from = 300}
[[arms]]
name = "other"
expert = {kind = "constant"}
)");
  EXPECT_EQ(study.arms[1].fitted.num_experts, 3);
  EXPECT_EQ(study.arms[1].start, Arm::Start::near);
  EXPECT_EQ(study.arms[1].fit.starts, 0);
  EXPECT_EQ(study.arms[1].fit.bound, 10);
  EXPECT_EQ(study.arms[1].power, 3);
  EXPECT_TRUE(study.arms[2].truth.is_random);
  EXPECT_EQ(study.arms[2].fitted.num_inputs, 2);
  EXPECT_EQ(study.arms[3].truth.sequence->exponent, 0.1);
  EXPECT_FALSE(study.arms[4].has_losses) << "constants cannot be compared with lines";
}

TEST(StudySpecification, TakesATruthFromAModelFileAndKeepsItInTheDocument) {
  const auto folder = std::filesystem::temp_directory_path() / ("moest_study_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "truth.json") << R"({"moest_model": 1, "gate": {"kind": "softmax"},
    "expert": {"kind": "tanh"}, "inputs": ["a", "b"], "target": "c",
    "atoms": [{"bias": 0.1, "gate": [1, 2], "expert": [1, -1, 0.5]}]})";
  const std::string text = R"(
moest_study = 1
name = "from a file"
sizes = [10]
replicates = 1
noise = 1
inputs = "normal:0,1"
truth = {model = "truth.json"}
[[arms]]
name = "a"
)";
  const Study study = parse_study(text, "study.toml", folder.string());
  EXPECT_EQ(study.arms[0].truth.model.inputs, (std::vector<std::string>{"a", "b"}));
  std::filesystem::remove_all(folder);
  const Study again = study_of(study.document);
  EXPECT_EQ(again.arms[0].truth.model.atoms[0].gate, (std::vector<double>{1, 2}));
}

struct Mistake {
  const char* what;
  std::string from, to, message;
};

class WrongStudy : public testing::TestWithParam<Mistake> {};

TEST_P(WrongStudy, IsRefusedWithItsField) {
  const Mistake& mistake = GetParam();
  EXPECT_THAT([&] { small_study(replaced(kSmallStudy, mistake.from, mistake.to)); },
              ThrowsMessage<InputError>(testing::AllOf(HasSubstr("small.toml"), HasSubstr(mistake.message))));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, WrongStudy,
    testing::Values(
        Mistake{"unknown", "replicates = 3", "replicate = 3", "replicates"},
        Mistake{"nearest", "claim =", "clam =", "Did you mean `claim`?"},
        Mistake{"version", "moest_study = 1", "moest_study = 2", "moest_study = 2 is not supported"},
        Mistake{"missing", "noise = 0.1", "", "field noise is missing"},
        Mistake{"negative", "noise = 0.1", "noise = -0.1", "noise = -0.1"},
        Mistake{"none", "replicates = 3", "replicates = 0", "replicates = 0"},
        Mistake{"fraction", "sizes = [200, 50]", "sizes = [200.5]", "sizes[0]"},
        Mistake{"empty", "sizes = [200, 50]", "sizes = []", "at least one size"},
        Mistake{"backwards", "sizes = [200, 50]", "sizes = {from = 100, to = 10, number = 3}", "sizes.to"},
        Mistake{"law", "uniform:-1,1", "cauchy:0,1", "inputs: cauchy:0,1 is no distribution"},
        Mistake{"gate", "\"softmax\"", "\"softmx\"", "softmax"},
        Mistake{"atom", "gate = [4.0]", "gate = [4.0, 1.0]", "truth: "},
        Mistake{"option", "starts = 2", "start = 2", "Did you mean `starts`?"},
        Mistake{"range", "starts = 2", "starts = -1", "fit.starts"},
        Mistake{"not of studies", "starts = 2", "scaling = true", "unknown field fit.scaling"},
        Mistake{"metric", "\"voronoi_reduced\"", "\"voronoi_reducd\"", "arms[0].expected[0].metric"},
        Mistake{"atom of a whole", "slope = -0.5", "slope = -0.5, atom = 0", "arms[0].expected[0].atom"},
        Mistake{"slope", "slope = -0.5", "mean = 3", "slope is missing"},
        Mistake{"name", "name = \"exact\"", "name = \"\"", "arms[0].name"},
        Mistake{"arms", "[[arms]]", "[[armies]]", "arms"},
        Mistake{"statistic", "noise = 0.1", "noise = 0.1\nstatistic = \"mode\"", "statistic"},
        Mistake{"near", "name = \"exact\"", "name = \"exact\"\nstart = \"near\"\nexperts = 1",
                "arms[0].start"},
        Mistake{"sequence", "[fit]", "sequence = {move = 1, towards = 1, exponent = 0.1, from = 10}\n[fit]",
                "truth.sequence.move"},
        Mistake{"groups", "{kind = \"softmax\"}", "{kind = \"hierarchical\", groups = 3}", "groups"}),
    [](const testing::TestParamInfo<Mistake>& mistake) {
      std::string name = mistake.param.what;
      std::ranges::replace(name, ' ', '_');
      return name;
    });

TEST(StudySpecification, ReadsTheExampleOfItsDocumentation) {
  std::ifstream file(std::string(MOEST_SOURCE_DIR) + "/docs/studies.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::string begin = "```toml\n";
  const std::size_t first = page.find(begin) + begin.size();
  const Study study = parse_study(page.substr(first, page.find("```", first) - first), "docs/studies.md", "");
  EXPECT_EQ(study.arms.size(), 2U);
  EXPECT_EQ(study.sizes.size(), 10U);
}

TEST(StudyDifference, AllowsMoreButNothingElse) {
  const Study study = small_study();
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "replicates = 3", "replicates = 4"))),
            std::nullopt);
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "[200, 50]", "[200, 50, 70]"))),
            std::nullopt);
  EXPECT_EQ(difference(study, small_study(kSmallStudy + "\n[[arms]]\nname = \"b\"\nexperts = 3\n")),
            std::nullopt);
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "slope = -0.5", "slope = -0.4"))),
            std::nullopt);
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "replicates = 3", "replicates = 2"))),
            "replicates");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "[200, 50]", "[200]"))), "sizes");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "noise = 0.1", "noise = 0.2"))), "noise");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "seed = 5", "seed = 6"))), "seed");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "bias = 0.3", "bias = 0.4"))), "truth");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "starts = 2", "starts = 3"))), "fit");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "\"exact\"", "\"exact\"\nexperts = 3"))),
            "arms[0]");
  EXPECT_EQ(difference(study, small_study(replaced(kSmallStudy, "\"exact\"", "\"inexact\""))), "arms[0]");
}

}  // namespace
}  // namespace moest
