// Language models with mixture layers: what they are, how well they predict a text, and what they write.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/base/option.h"
#include "nn/routing_statistics.h"
#include "nn/text.h"
#include "nn/training.h"
#include "nn/transformer.h"

namespace moest::nn {

/// Options of a language model besides those of its transformer.
struct LanguageOptions {
  int context = 64;
  int evaluation_tokens = 16384;
};

/// The options in the order of the documentation.
std::span<const Option<LanguageOptions>> language_options();

/// The model of the next token: with E the embeddings of V tokens and P those of `context` positions,
///     logits_t = E norm(transformer(E[x_1] + P_1, .., E[x_t] + P_t))_t,
/// where the transformer is causal. At the start the logits are near 0, and the loss is near log V.
class LanguageModelImpl : public torch::nn::Module {
 public:
  LanguageModelImpl(int vocabulary, int context, const TransformerOptions& options);

  /// tokens: B x T, T <= context. Returns the logits, B x T x V.
  torch::Tensor forward(const torch::Tensor& tokens);
  /// The mean of -log p(target) over all positions, in nats. tokens, targets: B x T.
  torch::Tensor loss(const torch::Tensor& tokens, const torch::Tensor& targets);

  int context() const { return context_; }
  torch::Device device() const { return positions_->weight.device(); }
  Transformer transformer() const { return transformer_; }

 private:
  int context_;
  torch::nn::Embedding embeddings_{nullptr}, positions_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
  Transformer transformer_{nullptr};
};
TORCH_MODULE(LanguageModel);

/// The parameters of a model without the experts that a token does not use.
std::int64_t num_active_parameters(LanguageModel model);

/// How well a model predicts a text.
struct TextScore {
  double nats = 0;             // sum of -log p over the predicted tokens
  std::int64_t tokens = 0;     // that were predicted
  std::int64_t of_tokens = 0;  // that the text has to predict
  // Those of `tokens` that are Vocabulary::unknown_token(): their spelling costs nothing.
  std::int64_t unknown = 0;
  double characters = 0;  // that `tokens` stand for: Vocabulary::characters()

  double bits_per_character() const;
  double perplexity() const;  // per token: exp(nats / tokens)
};

/// Predicts each token but the first from those before it in its window: windows of `context` tokens that do
/// not overlap, the last one shorter. With `max_tokens` below their number only that many whole windows (at
/// least one), evenly spread over the text. Calls after_batch(share done) after each `batch` windows. The
/// model should be in evaluation mode. Requires two tokens.
TextScore score_text(LanguageModel model, const Vocabulary& vocabulary, const torch::Tensor& tokens,
                     std::int64_t max_tokens, int batch, const std::function<void(double)>& after_batch);

/// How much of a text it takes to judge a model that was trained.
struct JudgementOptions {
  std::optional<int> final_tokens = {};
};

/// The options in the order of the documentation.
std::span<const Option<JudgementOptions>> judgement_options();

/// How a text is drawn from a model.
struct SampleOptions {
  int length = 400;
  double temperature = 0.8;
  int top_k = 0;
  std::uint64_t seed = 0;
};

/// The options in the order of the documentation.
std::span<const Option<SampleOptions>> sample_options();

/// `length` tokens after the prompt, each drawn from softmax(logits / temperature) of the `top_k` most likely
/// (0: of all; temperature 0: the most likely one), by a stream of that seed; what is unknown is never drawn.
/// Returns the text that was drawn, without the prompt.
std::string sample_text(LanguageModel model, const Vocabulary& vocabulary, const std::string& prompt,
                        const SampleOptions& options);

struct LanguageSpecification {
  LanguageOptions language;
  TransformerOptions transformer;
};

/// The training of a language model. Of step s, the batch is `batch` windows of context + 1 tokens of the
/// training part at places drawn from Stream(seed, s, "language model batch"). An evaluation scores
/// `evaluation_tokens` of the training and of the validation part, always the same; its routing is that of
/// the latter.
class LanguageTask : public Task {
 public:
  /// The model starts from the seed. `corpus` must outlive the task.
  LanguageTask(const Corpus& corpus, const LanguageSpecification& specification,
               const TrainingOptions& training);

  /// {"kind", "text", "model": all options, "vocabulary"}
  nlohmann::ordered_json specification() const override;
  torch::nn::Module& module() override { return *model_; }
  torch::Tensor loss(std::int64_t step) override;
  /// Fields: train_bits_per_character, validation_bits_per_character, validation_perplexity, and
  /// routing: the statistics of each mixture layer.
  Evaluation evaluate() override;
  NamedTensors memory() const override { return routing_.memory(); }
  void set_memory(const NamedTensors& memory) override { routing_.set_memory(memory); }
  /// routing: the statistics of each mixture layer over the batch.
  nlohmann::ordered_json step_fields() override;
  void set_share_done(double share) override { model_->transformer()->set_share_done(share); }

  LanguageModel model() const { return model_; }

 private:
  const Corpus& corpus_;
  LanguageSpecification specification_;
  TrainingOptions training_;
  LanguageModel model_{nullptr};
  RoutingHistory routing_;
};

/// The options in a LanguageTask's specification. Throws InputError for a field that is wrong.
LanguageSpecification language_specification(const nlohmann::ordered_json& task);

/// A model that was trained, in evaluation mode.
struct SavedLanguageModel {
  LanguageSpecification specification;
  Vocabulary vocabulary;
  LanguageModel model;
  nlohmann::ordered_json text;  // that it was trained on: {"hash", "split", "files", "unit", "vocabulary"}
};

/// The model in model.pt. Throws InputError as read_specification(), and for one that is no language model.
SavedLanguageModel load_language_model(const std::string& folder, const torch::Device& device);

}  // namespace moest::nn
