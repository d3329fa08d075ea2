#include "nn/language_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <numbers>

#include "moest/base/error.h"
#include "moest/base/json_reader.h"
#include "moest/base/option_json.h"
#include "moest/base/random.h"
#include "nn/routing_statistics.h"

namespace moest::nn {
namespace {

namespace tn = torch::nn;
using Json = nlohmann::ordered_json;

constexpr const char* kKind = "language_model";

tn::Embedding embedding(std::int64_t count, std::int64_t width) {
  tn::Embedding layer(count, width);
  tn::init::normal_(layer->weight, 0, kInitialDeviation);
  return layer;
}

/// Windows of `length` tokens that begin at `starts`, as rows on the device.
torch::Tensor windows(const torch::Tensor& tokens, std::span<const std::int64_t> starts, std::int64_t length,
                      const torch::Device& device) {
  std::vector<torch::Tensor> rows;
  rows.reserve(starts.size());
  for (const std::int64_t start : starts) {
    rows.push_back(tokens.slice(0, start, start + length));
  }
  return torch::stack(rows).to(device, torch::kInt64);
}

/// Adds what the model says of the `length` tokens that follow each start.
void add_windows(TextScore& score, LanguageModel& model, const Vocabulary& vocabulary,
                 const torch::Tensor& tokens, std::span<const std::int64_t> starts, std::int64_t length) {
  const torch::Tensor rows = windows(tokens, starts, length + 1, model->device());
  const torch::Tensor targets = rows.slice(1, 1);
  score.nats +=
      model->loss(rows.slice(1, 0, -1), targets).item<double>() * static_cast<double>(targets.numel());
  score.tokens += targets.numel();
  if (vocabulary.unknown_token()) {
    score.unknown += targets.eq(*vocabulary.unknown_token()).sum().item<std::int64_t>();
  }
  for (const std::int64_t start : starts) {
    // What a token stands for may depend on the one before it.
    const torch::Tensor window = tokens.slice(0, start, start + length + 1);
    score.characters += vocabulary.characters(window).slice(0, 1).sum().item<double>();
  }
}

/// The places of `wanted` of `count` windows, evenly spread.
std::vector<std::int64_t> spread_starts(std::int64_t count, std::int64_t wanted, std::int64_t length) {
  std::vector<std::int64_t> starts;
  starts.reserve(static_cast<std::size_t>(wanted));
  for (std::int64_t i = 0; i < wanted; ++i) {
    starts.push_back(i * count / wanted * length);
  }
  return starts;
}

/// A token by the weights exp(logits / temperature) of the `top_k` largest logits.
std::int64_t draw(const torch::Tensor& logits, const SampleOptions& options, Stream& stream) {
  const std::int64_t wanted = options.temperature == 0 ? 1 : options.top_k;
  const std::int64_t top = wanted == 0 ? logits.numel() : std::min(wanted, logits.numel());
  const auto [values, tokens] = logits.to(torch::kCPU, torch::kFloat64).topk(top);
  const double temperature = options.temperature == 0 ? 1 : options.temperature;
  const torch::Tensor sums = torch::softmax(values / temperature, 0).cumsum(0);
  const std::span<const double> bounds(sums.data_ptr<double>(), static_cast<std::size_t>(top));
  const auto place = std::ranges::upper_bound(bounds, stream.uniform()) - bounds.begin();
  return tokens[std::min<std::int64_t>(place, top - 1)].item<std::int64_t>();
}

}  // namespace

std::span<const Option<LanguageOptions>> language_options() {
  static const std::array kOptions{
      Option<LanguageOptions>{"context", &LanguageOptions::context, 1, 1e6, "tokens",
                              "that the model sees before the one that it predicts"},
      Option<LanguageOptions>{
          "evaluation_tokens", &LanguageOptions::evaluation_tokens, 1, 1e9, "tokens",
          "of the training and the validation part that an evaluation during the training predicts"},
  };
  return kOptions;
}

std::span<const Option<JudgementOptions>> judgement_options() {
  static const std::array kOptions{
      Option<JudgementOptions>{
          "final_tokens", &JudgementOptions::final_tokens, 1, 1e9, "tokens",
          "of the validation and of the test part that the final scores predict, in windows evenly spread "
          "(default: all)"},
  };
  return kOptions;
}

std::span<const Option<SampleOptions>> sample_options() {
  static const std::array kOptions{
      Option<SampleOptions>{"length", &SampleOptions::length, 1, 1e7, "tokens", "how much is written"},
      Option<SampleOptions>{"temperature", &SampleOptions::temperature, 0, 100, "",
                            "below 1 likelier tokens are preferred, at 0 the likeliest one is taken"},
      Option<SampleOptions>{"top_k", &SampleOptions::top_k, 0, 1e7, "",
                            "draw from so many of the likeliest tokens; 0 for all"},
      Option<SampleOptions>{"seed", &SampleOptions::seed, 0, 1.8446744073709552e19, "",
                            "same seed, same text"},
  };
  return kOptions;
}

LanguageModelImpl::LanguageModelImpl(int vocabulary, int context, const TransformerOptions& options)
    : context_(context) {
  MOEST_EXPECT(vocabulary >= 1 && context >= 1);
  embeddings_ = register_module("embeddings", embedding(vocabulary, options.width));
  positions_ = register_module("positions", embedding(context, options.width));
  dropout_ = register_module("dropout", tn::Dropout(options.dropout));
  transformer_ = register_module("transformer", Transformer(options, Attention::causal));
}

torch::Tensor LanguageModelImpl::forward(const torch::Tensor& tokens) {
  MOEST_EXPECT(tokens.dim() == 2 && tokens.size(1) <= context_);
  const torch::Tensor places = positions_->weight.slice(0, 0, tokens.size(1));
  const torch::Tensor x = transformer_(dropout_(embeddings_(tokens) + places));
  return torch::matmul(x, embeddings_->weight.t());
}

torch::Tensor LanguageModelImpl::loss(const torch::Tensor& tokens, const torch::Tensor& targets) {
  const torch::Tensor logits = forward(tokens);
  return tn::functional::cross_entropy(logits.flatten(0, 1), targets.flatten());
}

std::int64_t num_active_parameters(LanguageModel model) {
  return num_active_parameters(*model, model->transformer());
}

double TextScore::bits_per_character() const { return nats / characters / std::numbers::ln2; }

double TextScore::perplexity() const { return std::exp(nats / static_cast<double>(tokens)); }

TextScore score_text(LanguageModel model, const Vocabulary& vocabulary, const torch::Tensor& tokens,
                     std::int64_t max_tokens, int batch, const std::function<void(double)>& after_batch) {
  MOEST_EXPECT(tokens.numel() >= 2 && max_tokens >= 1 && batch >= 1);
  const torch::NoGradGuard no_gradients;
  const std::int64_t num_targets = tokens.numel() - 1;
  const std::int64_t length = std::min<std::int64_t>(model->context(), num_targets);
  const std::int64_t whole = num_targets / length;
  const bool is_complete = max_tokens >= num_targets;
  const std::int64_t wanted = is_complete ? whole : std::clamp<std::int64_t>(max_tokens / length, 1, whole);
  const std::vector<std::int64_t> starts = spread_starts(whole, wanted, length);
  TextScore score;
  score.of_tokens = num_targets;
  for (std::size_t begin = 0; begin < starts.size(); begin += static_cast<std::size_t>(batch)) {
    const std::size_t count = std::min(static_cast<std::size_t>(batch), starts.size() - begin);
    add_windows(score, model, vocabulary, tokens, std::span(starts).subspan(begin, count), length);
    after_batch(static_cast<double>(begin + count) / static_cast<double>(starts.size()));
  }
  const std::int64_t rest = num_targets - whole * length;
  if (is_complete && rest > 0) {
    add_windows(score, model, vocabulary, tokens, std::array{whole * length}, rest);
    after_batch(1);
  }
  return score;
}

std::string sample_text(LanguageModel model, const Vocabulary& vocabulary, const std::string& prompt,
                        const SampleOptions& options) {
  check_options(options, sample_options());
  const torch::NoGradGuard no_gradients;
  torch::Tensor tokens = vocabulary.encode(prompt).to(torch::kInt64);
  if (tokens.numel() == 0) {
    tokens = torch::full({1}, vocabulary.first_token(), torch::kInt64);
  }
  const std::int64_t given = tokens.numel();
  Stream stream(options.seed, 0, "language model sample");
  for (int i = 0; i < options.length; ++i) {
    const torch::Tensor seen = tokens.slice(0, std::max<std::int64_t>(0, tokens.numel() - model->context()));
    const torch::Tensor logits = model->forward(seen.unsqueeze(0).to(model->device()))[0][-1];
    if (vocabulary.unknown_token()) {
      logits[*vocabulary.unknown_token()] = -std::numeric_limits<double>::infinity();
    }
    tokens = torch::cat({tokens, torch::full({1}, draw(logits, options, stream), torch::kInt64)});
  }
  // A word stands with the blank before it, which there is only where another one precedes it.
  return vocabulary.decode(tokens).substr(vocabulary.decode(tokens.slice(0, 0, given)).size());
}

LanguageTask::LanguageTask(const Corpus& corpus, const LanguageSpecification& specification,
                           const TrainingOptions& training)
    : corpus_(corpus), specification_(specification), training_(training) {
  seed_torch(training.seed, 0, "initial parameters");
  model_ = LanguageModel(corpus.vocabulary.size(), specification.language.context, specification.transformer);
  model_->to(training_device(training));
}

Json LanguageTask::specification() const {
  const TransformerOptions& transformer = specification_.transformer;
  Json model = options_json(language_options(), specification_.language);
  model.update(options_json(transformer_options(), transformer));
  model.update(options_json(mixture_options(), transformer.mixture));
  model.update(router_json(transformer.mixture.router));
  Json text{{"hash", corpus_.hash}, {"split", corpus_.split}, {"files", corpus_.files}};
  text.update(options_json(text_options(), corpus_.options));
  return {{"kind", kKind}, {"text", text}, {"model", model}, {"vocabulary", corpus_.vocabulary.json()}};
}

torch::Tensor LanguageTask::loss(std::int64_t step) {
  const std::int64_t length = model_->context() + 1;
  const std::int64_t num_places = corpus_.training.numel() - length + 1;
  boost::random::uniform_int_distribution<std::int64_t> place(0, num_places - 1);
  Stream stream(training_.seed, static_cast<std::uint64_t>(step), "language model batch");
  std::vector<std::int64_t> starts;
  starts.reserve(static_cast<std::size_t>(training_.batch));
  for (int i = 0; i < training_.batch; ++i) {
    starts.push_back(place(stream));
  }
  const torch::Tensor rows = windows(corpus_.training, starts, length, model_->device());
  const torch::Tensor loss = model_->loss(rows.slice(1, 0, -1), rows.slice(1, 1));
  return loss + model_->transformer()->auxiliary_loss();
}

Evaluation LanguageTask::evaluate() {
  const auto mixtures = model_->transformer()->mixtures();
  std::vector<std::vector<Routing>> parts(mixtures.size());
  const auto keep_routing = [&](double) {
    for (std::size_t i = 0; i < mixtures.size(); ++i) {
      parts[i].push_back(mixtures[i]->routing());
    }
  };
  const auto score = [&](const torch::Tensor& tokens, const std::function<void(double)>& after_batch) {
    return score_text(model_, corpus_.vocabulary, tokens, specification_.language.evaluation_tokens,
                      training_.batch, after_batch);
  };
  const TextScore training = score(corpus_.training, [](double) {});
  const TextScore validation = score(corpus_.validation, keep_routing);
  return {validation.bits_per_character(),
          {{"train_bits_per_character", training.bits_per_character()},
           {"validation_bits_per_character", validation.bits_per_character()},
           {"validation_perplexity", validation.perplexity()},
           {"routing", routing_.next_json(joined(parts))}}};
}

Json LanguageTask::step_fields() {
  return {{"routing", last_routing_json(model_->transformer()->mixtures())}};
}

SavedLanguageModel load_language_model(const std::string& folder, const torch::Device& device) {
  const Json task = read_specification(folder, kModelFile).at("task");
  if (task.value("kind", "") != kKind) {
    throw InputError(fmt::format("{} holds no language model", folder),
                     fmt::format("it is a training of the kind {}", task.value("kind", "unknown")),
                     "Name the --output of `lm train`.");
  }
  const LanguageSpecification specification = language_specification(task);
  const Vocabulary vocabulary(task.at("vocabulary"));
  LanguageModel model(vocabulary.size(), specification.language.context, specification.transformer);
  load_model(folder, *model);
  model->to(device);
  model->eval();
  return {specification, vocabulary, model, task.at("text")};
}

LanguageSpecification language_specification(const Json& task) {
  LanguageSpecification specification;
  ObjectReader reader(task.at("model"), "task.model", "checkpoint");
  const auto all = [](std::string_view) { return true; };
  read_options(reader, language_options(), specification.language, all);
  read_options(reader, transformer_options(), specification.transformer, all);
  read_options(reader, mixture_options(), specification.transformer.mixture, all);
  read_options(reader, router_options(), specification.transformer.mixture.router, all);
  reader.refuse_the_rest();
  return specification;
}

}  // namespace moest::nn
