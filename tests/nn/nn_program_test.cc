#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::ordered_json;

std::string repeated(const std::string& text, int times) {
  std::string whole;
  for (int i = 0; i < times; ++i) {
    whole += text;
  }
  return whole;
}

/// Arguments of a training that takes a moment.
std::vector<std::string> short_training(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{
      "lm",       "train", "--text",           "text.txt", "--output",  "run", "--steps",   "20",
      "--layers", "1",     "--width",          "16",       "--heads",   "2",   "--context", "8",
      "--batch",  "4",     "--evaluate-every", "10",       "--threads", "1",   "--quiet"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

class LanguageProgram : public testing::Test {
 protected:
  void SetUp() override { workspace_.write("text.txt", repeated("the cat sat on the mat.\n", 60)); }

  Json json_of(const std::vector<std::string>& arguments) const {
    std::vector<std::string> with_json = arguments;
    with_json.emplace_back("--json");
    const RunResult result = workspace_.moest(with_json);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.status == 0 ? Json::parse(result.out) : Json();
  }

  Workspace workspace_;
};

TEST_F(LanguageProgram, TrainsAndSaysHowItWent) {
  const RunResult result = workspace_.moest(short_training({"--router", "perturbed_cosine"}));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(
      result.out,
      AllOf(HasSubstr("Router: perturbed_cosine"), HasSubstr("1,296 characters to learn from"),
            HasSubstr("step  training  validation"), HasSubstr("bits per character, perplexity"),
            HasSubstr("Routing by layer"), HasSubstr("Sample:"), HasSubstr("Next: moest-nn lm sample run")));
  for (const std::string name : {"model.pt", "checkpoint.pt", "log.jsonl"}) {
    EXPECT_TRUE(std::filesystem::is_regular_file(workspace_.path("run") / name)) << name;
  }
}

TEST_F(LanguageProgram, TellsTheSameAsJson) {
  const Json json = json_of(short_training({"--router", "cosine", "--seed", "5"}));
  EXPECT_EQ(json.at("router"), "cosine");
  EXPECT_EQ(json.at("status"), "finished");
  EXPECT_EQ(json.at("steps"), 20);
  EXPECT_EQ(json.at("evaluations").size(), 3U);
  EXPECT_EQ(json.at("training").at("seed"), 5);
  for (const char* field :
       {"validation_bits_per_character", "train_bits_per_character", "validation_perplexity",
        "num_parameters", "num_active_parameters", "seconds", "tokens_per_second"}) {
    EXPECT_GT(json.at(field).get<double>(), 0) << field;
  }
  const Json first = json.at("evaluations").front();
  EXPECT_LT(json.at("validation_bits_per_character"), first.at("validation_bits_per_character"));
}

TEST_F(LanguageProgram, EvaluatesTheModelThatItKept) {
  const Json trained = json_of(short_training({}));
  const Json evaluated = json_of({"lm", "evaluate", "run", "--threads", "1"});
  EXPECT_EQ(evaluated.at("validation"), trained.at("validation"));
  EXPECT_EQ(evaluated.at("router"), "linear");
  workspace_.write("other.txt", "the mat sat");
  const RunResult other =
      workspace_.moest({"lm", "evaluate", "run", "--text", "other.txt", "--threads", "1"});
  EXPECT_THAT(other.out,
              AllOf(HasSubstr("text: "), HasSubstr("bits per character"), HasSubstr("10 characters")));
}

/// Writes a WikiText of a few lines to a folder, its training part of `words` different words.
void write_wikitext(const Workspace& workspace, const std::string& folder, int words) {
  std::filesystem::create_directory(workspace.path(folder));
  std::string lines;
  for (int i = 0; i < words; ++i) {
    lines += " the word " + std::to_string(i) + " \n";
  }
  workspace.write(folder + "/wiki.train.tokens", lines);
  workspace.write(folder + "/wiki.valid.tokens", repeated(" the word 1 is <unk> \n", 4));
  workspace.write(folder + "/wiki.test.tokens", repeated(" the word 2 \n", 5));
}

TEST_F(LanguageProgram, TrainsOnWikitextThatIsResumedAndEvaluatedFromOutside) {
  write_wikitext(workspace_, "wikitext", 40);
  std::vector<std::string> limited = short_training({"--max-seconds", "0.001"});
  limited[3] = "wikitext";
  const Json part = json_of(limited);
  EXPECT_EQ(part.at("status"), "time_limit");
  EXPECT_EQ(part.at("vocabulary_size"), 40 + 4);
  const Json whole = json_of({"lm", "train", "--output", "run", "--resume", "--threads", "1", "--quiet"});
  EXPECT_EQ(whole.at("status"), "finished");
  EXPECT_EQ(whole.at("data_fingerprint"), part.at("data_fingerprint"));
  EXPECT_EQ(whole.at("data_fingerprint"), whole.at("task").at("text").at("hash"));
  const Json own = json_of({"lm", "evaluate", "run", "--batch", "4", "--threads", "1"});
  EXPECT_EQ(own.at("validation"), whole.at("validation"));
  EXPECT_EQ(own.at("test"), whole.at("test"));
  EXPECT_EQ(whole.at("test_bits_per_character"), whole.at("test").at("bits_per_character"));
  EXPECT_EQ(own.at("data_fingerprint"), whole.at("data_fingerprint"));
  EXPECT_EQ(own.at("validation").at("unknown_tokens"), 8);
  EXPECT_EQ(own.at("test").at("tokens"), 5 * 4 - 1);
  // Named as another text, it is judged as usual: on its own parts.
  write_wikitext(workspace_, "other", 50);
  const Json other = json_of({"lm", "evaluate", "run", "--text", "other", "--batch", "4", "--threads", "1"});
  EXPECT_EQ(other.at("test"), own.at("test"));
  EXPECT_FALSE(other.contains("text"));
  EXPECT_NE(other.at("data_fingerprint"), own.at("data_fingerprint"));
}

TEST_F(LanguageProgram, ScoresSoMuchOfTheTextAsItIsTold) {
  const std::vector<std::string> arguments = short_training({"--final-tokens", "32"});
  const RunResult result = workspace_.moest(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("Validation, with the model"), HasSubstr("(32 of 143 characters)")));
  const auto validation = [&](const std::vector<std::string>& more) {
    std::vector<std::string> evaluate{"lm", "evaluate", "run", "--threads", "1"};
    evaluate.insert(evaluate.end(), more.begin(), more.end());
    return json_of(evaluate).at("validation");
  };
  EXPECT_EQ(validation({"--final-tokens", "32"}).at("tokens"), 32);
  EXPECT_EQ(validation({"--final-tokens", "32"}).at("of_tokens"), 143);
  EXPECT_EQ(validation({}).at("tokens"), 143);
}

TEST_F(LanguageProgram, EvaluatesAndWritesOnTheDeviceAndInTheBatchesThatItIsTold) {
  const Json trained = json_of(short_training({}));
  const Json evaluated =
      json_of({"lm", "evaluate", "run", "--batch", "1", "--device", "cpu", "--threads", "1"});
  EXPECT_NEAR(evaluated.at("validation").at("bits_per_character"),
              trained.at("validation").at("bits_per_character"), 1e-5);
  const Json sample = json_of({"lm", "sample", "run", "--length", "5", "--device", "cpu", "--threads", "1"});
  EXPECT_EQ(sample.at("text").get<std::string>().size(), 5U);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"lm", "evaluate", "run", "--batch", "0"},
                                             {"lm", "evaluate", "run", "--device", "tpu"},
                                             {"lm", "evaluate", "run", "--final-tokens", "-1"},
                                             {"lm", "sample", "run", "--device", "tpu"}}) {
    const RunResult result = workspace_.moest(wrong);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr(wrong.back()), Not(HasSubstr("not expected"))));
  }
}

TEST_F(LanguageProgram, WritesTextBySeed) {
  json_of(short_training({}));
  const auto sample = [&](const std::string& seed) {
    return workspace_.moest({"lm", "sample", "run", "--prompt", "the ", "--length", "30", "--seed", seed})
        .out;
  };
  EXPECT_THAT(sample("1"), testing::StartsWith("the "));
  EXPECT_EQ(sample("1").size(), 4U + 30 + 1);
  EXPECT_EQ(sample("1"), sample("1"));
  EXPECT_NE(sample("1"), sample("2"));
  const Json json = json_of({"lm", "sample", "run", "--length", "5", "--temperature", "0", "--threads", "1"});
  EXPECT_EQ(json.at("text").get<std::string>().size(), 5U);
}

TEST_F(LanguageProgram, GoesOnWithWhatItWasBegunWith) {
  const Json whole = json_of(short_training({"--router", "laplace"}));
  std::vector<std::string> limited = short_training({"--router", "laplace", "--max-seconds", "0.001"});
  limited[5] = "part";
  const Json part = json_of(limited);
  EXPECT_EQ(part.at("status"), "time_limit");
  const Json rest = json_of({"lm", "train", "--output", "part", "--resume", "--threads", "1", "--quiet"});
  EXPECT_EQ(rest.at("status"), "finished");
  EXPECT_EQ(rest.at("router"), "laplace");
  EXPECT_EQ(rest.at("validation"), whole.at("validation"));
  const RunResult other =
      workspace_.moest({"lm", "train", "--output", "part", "--resume", "--router", "cosine", "--quiet"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("router"), HasSubstr("laplace"), HasSubstr("cosine")));
}

TEST_F(LanguageProgram, SaysThatItWasInterrupted) {
  std::vector<std::string> endless = short_training({"--json"});
  endless[7] = "100000000";
  BackgroundRun run(workspace_, endless);
  while (workspace_.read("run/log.jsonl").empty()) {
    usleep(10'000);
  }
  run.send(SIGINT);
  const RunResult result = run.result();
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_EQ(Json::parse(result.out).at("status"), "interrupted");
}

TEST_F(LanguageProgram, HasADenseNetworkForComparison) {
  const Json json = json_of(short_training({"--dense"}));
  EXPECT_EQ(json.at("router"), "none");
  EXPECT_EQ(json.at("num_parameters"), json.at("num_active_parameters"));
  EXPECT_THAT(json.at("evaluations").back().at("routing"), IsEmpty());
}

TEST_F(LanguageProgram, FailsWithAdviceWhereTheLossIsNoNumber) {
  const RunResult result = workspace_.moest(
      short_training({"--weight-decay", "100", "--learning-rate", "10", "--warmup", "0", "--clip", "1e9"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("not a finite number"), HasSubstr("is kept"), HasSubstr("learning_rate")));
  EXPECT_THAT(result.out, Not(HasSubstr("Next:")));
  EXPECT_EQ(workspace_.moest({"lm", "evaluate", "run", "--threads", "1"}).status, 0);
}

struct BadInput {
  std::string name;
  std::vector<std::string> arguments;
  std::vector<std::string> words;
};

class LanguageBadInput : public LanguageProgram, public testing::WithParamInterface<BadInput> {};

TEST_P(LanguageBadInput, EndsWithStatus2AndAHelpfulMessage) {
  workspace_.write("empty.txt", "");
  workspace_.write("tiny.txt", "tiny");
  workspace_.write("byte.txt", "x");
  const RunResult result = workspace_.moest(GetParam().arguments);
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.out, IsEmpty());
  for (const std::string& word : GetParam().words) {
    EXPECT_THAT(result.err, HasSubstr(word));
  }
  EXPECT_THAT(workspace_.files(), Not(testing::Contains("run")));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, LanguageBadInput,
    testing::Values(
        BadInput{
            "Missing", {"lm", "train", "--text", "gone.txt", "--output", "run"}, {"gone.txt", "cannot read"}},
        BadInput{
            "Empty", {"lm", "train", "--text", "empty.txt", "--output", "run"}, {"empty.txt", "is empty"}},
        BadInput{
            "Tiny", {"lm", "train", "--text", "tiny.txt", "--output", "run"}, {"too short", "at least 65"}},
        BadInput{"OneByte", {"lm", "train", "--text", "byte.txt", "--output", "run"}, {"too short"}},
        BadInput{"NoText", {"lm", "train", "--output", "run"}, {"no text was given"}},
        BadInput{"UnknownRouter",
                 {"lm", "train", "--text", "text.txt", "--output", "run", "--router", "cosin"},
                 {"cosin", "perturbed_cosine"}},
        BadInput{"ForeignOption",
                 {"lm", "train", "--text", "text.txt", "--output", "run", "--tau1", "0.2"},
                 {"--tau1 does not belong to the linear router"}},
        BadInput{"DenseWithRouter",
                 {"lm", "train", "--text", "text.txt", "--output", "run", "--dense", "--router", "cosine"},
                 {"--dense and --router"}},
        BadInput{"UnevenHeads",
                 {"lm", "train", "--text", "text.txt", "--output", "run", "--heads", "5"},
                 {"5 heads cannot share"}},
        BadInput{"NothingToResume",
                 {"lm", "train", "--output", "run", "--resume"},
                 {"there is no training in run"}},
        BadInput{"NothingToSample", {"lm", "sample", "run"}, {"there is no training in run"}},
        BadInput{"NoCommand", {"lm"}, {"a command is missing", "train, evaluate, sample"}}),
    [](const auto& parameter) { return parameter.param.name; });

TEST_F(LanguageProgram, RefusesAFolderThatHoldsSomethingElse) {
  std::filesystem::create_directory(workspace_.path("run"));
  workspace_.write("run/thesis.tex", "x");
  const RunResult result = workspace_.moest(short_training({}));
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("thesis.tex"), HasSubstr("empty folder")));
  EXPECT_EQ(workspace_.read("run/thesis.tex"), "x");
}

TEST_F(LanguageProgram, SaysSoWhereMemoryRunsOut) {
  // The matrices of these scores would take more than there are addresses; the address sanitizer would end
  // the program.
  const RunResult result = workspace_.run({"env",         "ASAN_OPTIONS=allocator_may_return_null=1",
                                           MOEST_PROGRAM, "lm",
                                           "train",       "--text",
                                           "text.txt",    "--output",
                                           "run",         "--width",
                                           "1024",        "--experts",
                                           "4096",        "--router",
                                           "quadratic",   "--router-rank",
                                           "10000",       "--threads",
                                           "1",           "--quiet"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("out of memory"), HasSubstr("--width")));
}

}  // namespace
}  // namespace moest
