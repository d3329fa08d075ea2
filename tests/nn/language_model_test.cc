#include "nn/language_model.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <cmath>
#include <numbers>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "nn/checkpoint.h"
#include "nn/language_text.h"
#include "tests/base/temporary_folder.h"
#include "tests/nn/short_products.h"

namespace moest::nn {
namespace {

using testing::AllOf;
using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

LanguageSpecification small_specification() {
  LanguageSpecification specification;
  specification.language.context = 8;
  specification.language.evaluation_tokens = 64;
  specification.transformer.layers = 1;
  specification.transformer.width = 16;
  specification.transformer.heads = 2;
  specification.transformer.mixture.num_experts = 4;
  specification.transformer.mixture.hidden = 8;
  return specification;
}

TrainingOptions short_training() {
  TrainingOptions training;
  training.steps = 60;
  training.batch = 8;
  training.warmup = 5;
  training.learning_rate = 0.02;
  training.evaluate_every = 30;
  return training;
}

std::string repeated(const std::string& text, int times) {
  std::string whole;
  for (int i = 0; i < times; ++i) {
    whole += text;
  }
  return whole;
}

std::string random_letters(std::uint64_t seed, int length, int letters) {
  Stream stream(seed, 0, "random letters");
  std::string text;
  for (int i = 0; i < length; ++i) {
    text.push_back(static_cast<char>('a' + stream.below(letters)));
  }
  return text;
}

Corpus corpus_of(const std::string& text, const std::string& unit) {
  const auto cut = text.size() * 9 / 10;
  return make_corpus({text.substr(0, cut), text.substr(cut), "", unit, "by hand", {"text"}, "0"}, {}, 9);
}

TEST(LanguageModel, StartsAtTheEntropyOfItsVocabulary) {
  const Corpus corpus = corpus_of(random_letters(1, 2000, 20), "character");
  LanguageTask task(corpus, small_specification(), short_training());
  task.module().eval();
  const double bits = task.evaluate().fields.at("validation_bits_per_character");
  EXPECT_NEAR(bits, std::log2(corpus.vocabulary.size()), 0.05);
}

TEST(LanguageModel, LearnsAShortPeriod) {
  for (const std::string router : {"linear", "perturbed_cosine"}) {
    const TemporaryFolder folder;
    const Corpus corpus = corpus_of(repeated("abac-", 200), "character");
    LanguageSpecification specification = small_specification();
    specification.transformer.mixture.router.kind = router;
    LanguageTask task(corpus, specification, short_training());
    const TrainingSummary summary = train(task, short_training(), folder.path("run"), Beginning::fresh);
    const Json& last = summary.evaluations.back();
    EXPECT_LT(last.at("validation_bits_per_character").get<double>(), 0.1) << router;
    EXPECT_LT(last.at("train_bits_per_character").get<double>(), 0.1) << router;
    EXPECT_EQ(last.at("routing").size(), 1U);

    SampleOptions greedy;
    greedy.length = 10;
    greedy.temperature = 0;
    const SavedLanguageModel saved = load_language_model(folder.path("run"), torch::kCPU);
    EXPECT_EQ(sample_text(saved.model, saved.vocabulary, "abac-ab", greedy), "ac-abac-ab");
  }
}

TEST(LanguageModel, IsTrainedAlongItsScheduleOfTemperatures) {
  const TemporaryFolder folder;
  const Corpus corpus = corpus_of(random_letters(3, 500, 5), "character");
  LanguageSpecification specification = small_specification();
  RouterSpec& router = specification.transformer.mixture.router;
  router.kind = "dense_to_sparse";
  router.temperature.value = 2;
  router.final_temperature = 0.5;
  TrainingOptions options = short_training();
  options.steps = 4;
  options.evaluate_every = 2;
  std::vector<double> temperatures;
  TrainingControl control;
  control.evaluated = [&](const Json&) {
    const NamedTensors module = read_checkpoint(folder.path("run/checkpoint.pt")).module;
    temperatures.push_back(
        std::exp(module.at("transformer.blocks.0.mixture.router.log_temperature").item<double>()));
  };
  LanguageTask task(corpus, specification, options);
  train(task, options, folder.path("run"), Beginning::fresh, control);
  EXPECT_THAT(temperatures, ElementsAre(DoubleNear(2, 1e-6), DoubleNear(1, 1e-6), DoubleNear(0.5, 1e-6)));
}

TEST(LanguageModel, LearnsTheSameFromShortProducts) {
  seed_torch(6, 0, "test");
  TransformerOptions options = small_specification().transformer;
  options.width = 32;
  LanguageModel model(20, 8, options);
  const torch::Tensor tokens = torch::randint(20, {16, 9});
  const auto gradient = [&] {
    const torch::Tensor loss = model->loss(tokens.slice(1, 0, -1), tokens.slice(1, 1));
    EXPECT_EQ(loss.scalar_type(), torch::kFloat);
    model->zero_grad();
    loss.backward();
    std::vector<torch::Tensor> parts{loss.detach().flatten()};
    for (const torch::Tensor& parameter : model->parameters()) {
      EXPECT_EQ(parameter.grad().scalar_type(), torch::kFloat);
      parts.push_back(parameter.grad().flatten().clone());
    }
    return torch::cat(parts);
  };
  const torch::Tensor whole = gradient();
  torch::Tensor rounded;
  {
    const ShortProducts short_products;
    rounded = gradient();
  }
  const double error = ((rounded - whole).norm() / whole.norm()).item<double>();
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.02);
}

TEST(LanguageModel, IsRoutedByTheStepsTokensAlone) {
  // The auxiliary loss belongs to the forward pass of its own step: of two tasks of which one has made
  // another step before, both find the same loss.
  const Corpus corpus = corpus_of(random_letters(2, 500, 5), "character");
  LanguageTask first(corpus, small_specification(), short_training());
  LanguageTask second(corpus, small_specification(), short_training());
  second.loss(3);
  EXPECT_EQ(first.loss(4).item<double>(), second.loss(4).item<double>());
}

/// -log p of each token but the first of a window, by the logits of the window.
double nats_of_window(LanguageModel model, const torch::Tensor& window) {
  const torch::Tensor logits = model->forward(window.slice(0, 0, -1).unsqueeze(0))[0].to(torch::kDouble);
  double nats = 0;
  for (std::int64_t t = 0; t + 1 < window.numel(); ++t) {
    double total = 0;
    for (std::int64_t v = 0; v < logits.size(1); ++v) {
      total += std::exp(logits[t][v].item<double>());
    }
    nats += std::log(total) - logits[t][window[t + 1].item<std::int64_t>()].item<double>();
  }
  return nats;
}

TEST(TextScore, IsTheMeanOverTheTokensOfAllWindows) {
  const std::string words = "the cat sat\non the mat\n the end\n the cat and the mat sat on the end\n";
  for (const std::string unit : {"character", "word"}) {
    const Vocabulary vocabulary(unit, words, 5);
    const torch::Tensor tokens = vocabulary.encode(words);
    seed_torch(4, 0, "test");
    LanguageModel model(vocabulary.size(), 4, small_specification().transformer);
    model->eval();
    const torch::NoGradGuard no_gradients;
    for (const std::int64_t length :
         {2, 4, 9, 14}) {  // shorter than a window, and whole ones with or without a rest
      const torch::Tensor part = tokens.slice(0, 0, length).to(torch::kInt64);
      double nats = 0;
      for (std::int64_t begin = 0; begin + 1 < length; begin += 4) {
        nats += nats_of_window(model, part.slice(0, begin, std::min(begin + 5, length)));
      }
      double last_share = 0;
      const TextScore score =
          score_text(model, vocabulary, part, 1000, 2, [&](double share) { last_share = share; });
      EXPECT_NEAR(score.nats, nats, 1e-5 * nats);
      EXPECT_EQ(score.tokens, length - 1);
      EXPECT_EQ(score.of_tokens, length - 1);
      EXPECT_EQ(score.unknown, part.slice(0, 1).eq(0).sum().item<std::int64_t>());
      EXPECT_EQ(last_share, 1);
      const double characters =
          static_cast<double>(vocabulary.decode(part).size() - vocabulary.token(part[0].item<int>()).size());
      EXPECT_EQ(score.characters, characters);
      EXPECT_NEAR(score.bits_per_character(), nats / characters / std::numbers::ln2, 1e-5);
      EXPECT_NEAR(score.perplexity(), std::exp(nats / static_cast<double>(length - 1)),
                  1e-4 * score.perplexity());
    }
  }
}

TEST(TextScore, OfAFewTokensIsThatOfWindowsSpreadOverTheText) {
  const std::string text = repeated("abc", 40);
  const Vocabulary vocabulary("character", text, 0);
  LanguageModel model(vocabulary.size(), 4, small_specification().transformer);
  model->eval();
  const torch::NoGradGuard no_gradients;
  const torch::Tensor tokens = vocabulary.encode(text).to(torch::kInt64);
  const TextScore score = score_text(model, vocabulary, tokens, 8, 2, [](double) {});
  // 119 tokens to predict are 29 windows, of which the first and the fifteenth are taken.
  const double nats =
      nats_of_window(model, tokens.slice(0, 0, 5)) + nats_of_window(model, tokens.slice(0, 56, 61));
  EXPECT_EQ(score.tokens, 8);
  EXPECT_EQ(score.of_tokens, 119);
  EXPECT_NEAR(score.nats, nats, 1e-5 * nats);
}

TEST(Sample, IsTheSameForASeedAndAnotherForAnother) {
  const Vocabulary vocabulary("byte", "", 0);
  LanguageModel model(256, 8, small_specification().transformer);
  model->eval();
  SampleOptions options;
  options.length = 30;
  const auto sample = [&](std::uint64_t seed) {
    options.seed = seed;
    return sample_text(model, vocabulary, "x", options);
  };
  EXPECT_EQ(sample(1).size(), 30U);
  EXPECT_EQ(sample(1), sample(1));
  EXPECT_NE(sample(1), sample(2));
}

TEST(Sample, OfWordsGoesOnWithABlank) {
  const Vocabulary vocabulary("word", "a b\n", 0);
  LanguageModel model(vocabulary.size(), 4, small_specification().transformer);
  model->eval();
  SampleOptions options;
  options.length = 5;
  const std::string text = sample_text(model, vocabulary, "a b", options);
  EXPECT_THAT(
      text, testing::AnyOf(testing::StartsWith(" a"), testing::StartsWith(" b"), testing::StartsWith("\n")));
  EXPECT_EQ(vocabulary.encode("a b" + text).numel(), 2 + 5);
}

TEST(Sample, FollowsTheProbabilitiesOfTheLikeliestTokens) {
  // A model that says the same at each place: only the bias of its last norm is not 0.
  const Vocabulary vocabulary("character", "abcd", 0);  // and the unknown one
  TransformerOptions options = small_specification().transformer;
  options.mixture_every = 0;
  LanguageModel model(5, 4, options);
  model->eval();
  const torch::Tensor logits =
      torch::tensor({-9.0, std::log(1.0), std::log(2.0), std::log(4.0), std::log(1.0)});
  {
    const torch::NoGradGuard no_gradients;
    for (const auto& item : model->named_parameters()) {
      torch::Tensor parameter = item.value();
      parameter.zero_();
      if (item.key() == "transformer.norm.bias") {
        parameter[0] = 1;
      }
    }
    model->named_parameters()["embeddings.weight"].select(1, 0).copy_(logits);
  }
  SampleOptions sampling;
  sampling.length = 3000;
  sampling.temperature = 0.5;
  sampling.top_k = 2;
  const std::string text = sample_text(model, vocabulary, "", sampling);
  // b and c by 2^2 to 4^2: a share of 1/5 and 4/5. Five standard deviations: a false alarm in two million
  // seeds.
  const auto count = static_cast<double>(std::ranges::count(text, 'b'));
  EXPECT_NEAR(count, 600, 5 * std::sqrt(3000 * 0.2 * 0.8));
  EXPECT_EQ(static_cast<double>(std::ranges::count(text, 'c')), 3000 - count);
}

TEST(LanguageModel, HasFewerActiveParametersThanParameters) {
  const LanguageSpecification specification = small_specification();
  LanguageModel model(10, 8, specification.transformer);
  std::int64_t all = 0;
  for (const torch::Tensor& parameter : model->parameters()) {
    all += parameter.numel();
  }
  const std::int64_t of_an_expert = 16 * 8 + 8 + 8 * 16 + 16;
  EXPECT_EQ(num_active_parameters(model), all - 2 * of_an_expert);
}

TEST(LanguageModel, ComesBackFromItsFolder) {
  const TemporaryFolder folder;
  const Corpus corpus = corpus_of(random_letters(5, 300, 4), "character");
  LanguageSpecification specification = small_specification();
  specification.transformer.mixture.router.kind = "cosine";
  specification.transformer.mixture.router.temperature.value = 0.3;
  specification.transformer.mixture.top_k = 1;
  TrainingOptions training = short_training();
  training.steps = 3;
  training.evaluate_every = 3;
  LanguageTask task(corpus, specification, training);
  train(task, training, folder.path("run"), Beginning::fresh);
  const SavedLanguageModel saved = load_language_model(folder.path("run"), torch::kCPU);
  EXPECT_EQ(saved.specification.transformer.mixture.router.kind, "cosine");
  EXPECT_EQ(saved.specification.transformer.mixture.router.temperature.value, 0.3);
  EXPECT_EQ(saved.specification.transformer.mixture.top_k, 1);
  EXPECT_EQ(saved.specification.language.context, 8);
  EXPECT_EQ(saved.text.at("hash"), "0");
  EXPECT_EQ(saved.vocabulary.size(), corpus.vocabulary.size());
}

TEST(LanguageTask, ComparesRoutingsFromOneEvaluationToTheNext) {
  const Corpus corpus = corpus_of(random_letters(6, 800, 4), "character");
  LanguageTask task(corpus, small_specification(), short_training());
  task.module().eval();
  const Json first = task.evaluate().fields.at("routing").at(0);
  const Json second = task.evaluate().fields.at("routing").at(0);
  EXPECT_TRUE(first.at("change_rate").is_null());
  EXPECT_EQ(second.at("change_rate"), 0);
}

TEST(LanguageTask, DrawsItsBatchesFromAllOfALongText) {
  // Zeros that take no memory, but for ones at the begin: of the text's places, 92 modulo 2^32 are there.
  constexpr std::int64_t kTokens = (std::int64_t{1} << 32) + 100;
  constexpr std::int64_t kOnes = 200;
  void* memory =
      ::mmap(nullptr, kTokens, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Corpus corpus = corpus_of(std::string(1000, '\0'), "byte");
  const auto loss = [&] {
    LanguageTask task(corpus, small_specification(), short_training());
    return task.loss(0).item<double>();
  };
  const double loss_of_zeros = loss();
  corpus.training = torch::from_blob(memory, {kTokens}, torch::kUInt8);
  corpus.training.slice(0, 0, kOnes).fill_(1);
  EXPECT_EQ(loss(), loss_of_zeros);
  ::munmap(memory, kTokens);
}

TEST(ScoreLine, TellsHowMuchItIsOfAndWhatIsUnknown) {
  const Vocabulary vocabulary("word", "a b\n", 1);
  TextScore score;
  score.nats = 700;
  score.tokens = score.of_tokens = 1000;
  score.characters = 2000;
  EXPECT_THAT(score_line(score, vocabulary), testing::EndsWith("(1,000 words)"));
  score.of_tokens = 5000;
  score.unknown = 31;
  EXPECT_THAT(score_line(score, vocabulary), AllOf(HasSubstr("(1,000 of 5,000 words, 3.1 % of them unknown"),
                                                   HasSubstr("compare only with the same vocabulary")));
  EXPECT_EQ(score_json(score).at("of_tokens"), 5000);
  EXPECT_EQ(score_json(score).at("unknown_tokens"), 31);
}

}  // namespace
}  // namespace moest::nn
