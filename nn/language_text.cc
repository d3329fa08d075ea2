#include "nn/language_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "moest/report/text_table.h"

namespace moest::nn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostRows = 12;

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) {
      text.push_back(',');
    }
    text.push_back(digits[i]);
  }
  return text;
}

std::int64_t num_parameters(LanguageModel& model) {
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : model->parameters()) {
    count += parameter.numel();
  }
  return count;
}

std::string files_text(const std::vector<std::string>& files) {
  return files.size() == 1 ? files.front() : fmt::format("{} files", files.size());
}

/// ", 3.1 % of them unknown", or nothing where none is.
std::string unknown_text(std::int64_t unknown, std::int64_t tokens) {
  return unknown == 0 ? ""
                      : fmt::format(", {} of them unknown",
                                    percent(static_cast<double>(unknown) / static_cast<double>(tokens)));
}

std::int64_t num_unknown(const torch::Tensor& tokens, const Vocabulary& vocabulary) {
  const auto unknown = vocabulary.unknown_token();
  return unknown ? tokens.eq(*unknown).sum().item<std::int64_t>() : 0;
}

std::string fixed(const Json& value, int decimals) {
  return value.is_number() ? fmt::format("{:.{}f}", value.get<double>(), decimals) : "-";
}

/// "0.97" or "0.95 to 0.99": a field of the routing of each mixture layer.
std::string range_text(const Json& routing, const std::string& field, int decimals) {
  std::vector<double> values;
  for (const Json& layer : routing) {
    if (layer.at(field).is_number()) {
      values.push_back(layer.at(field).get<double>());
    }
  }
  if (values.empty()) {
    return "-";
  }
  const auto [low, high] = std::ranges::minmax(values);
  const std::string low_text = fmt::format("{:.{}f}", low, decimals);
  const std::string high_text = fmt::format("{:.{}f}", high, decimals);
  return low_text == high_text ? low_text : low_text + " to " + high_text;
}

std::string routing_text(const Json& routing) {
  return routing.empty() ? ""
                         : fmt::format(
                               "Routing by layer: entropy of the loads {} (1: all experts are used alike), "
                               "share of choices "
                               "that changed since the evaluation before {}, margin of the scores {}.\n",
                               range_text(routing, "load_entropy", 3), range_text(routing, "change_rate", 3),
                               range_text(routing, "margin", 3));
}

}  // namespace

std::string bits_unit(const Vocabulary& vocabulary) {
  return vocabulary.unit() == "byte" ? "bits per byte" : "bits per character";
}

std::string model_text(const LanguageTask& task, const LanguageSpecification& specification,
                       const Corpus& corpus) {
  LanguageModel model = task.model();
  const TransformerOptions& options = specification.transformer;
  const auto mixtures = model->transformer()->mixtures();
  std::string text = fmt::format(
      "Language model: {} {} of width {}, {}{} parameters{}.\n", options.layers,
      options.layers == 1 ? "block" : "blocks", options.width,
      mixtures.empty() ? "dense, "
                       : fmt::format("{} experts of which a token uses {}, ", options.mixture.num_experts,
                                     options.mixture.top_k),
      grouped(num_parameters(model)),
      mixtures.empty() ? "" : fmt::format(" ({} in use at a token)", grouped(num_active_parameters(model))));
  if (!mixtures.empty()) {
    text += wrapped(fmt::format("Router: {}", mixtures.front()->router()->variant()), 8) + "\n";
  }
  return text + fmt::format("Text: {}, {} {}s to learn from, {} to check ({}{}), {} different ones.\n",
                            files_text(corpus.files), grouped(corpus.training.numel()),
                            corpus.vocabulary.unit(), grouped(corpus.validation.numel()), corpus.split,
                            unknown_text(num_unknown(corpus.validation, corpus.vocabulary),
                                         corpus.validation.numel()),
                            grouped(corpus.vocabulary.size()));
}

std::string evaluations_text(std::span<const Json> evaluations, const std::string& unit) {
  TextTable table({"step", "training", "validation", "perplexity", "seconds"});
  const std::size_t rows = std::min(kMostRows, evaluations.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t place = rows == 1 ? 0 : row * (evaluations.size() - 1) / (rows - 1);
    const Json& line = evaluations[place];
    table.add_row({fixed(line.at("step"), 0), fixed(line.at("train_bits_per_character"), 3),
                   fixed(line.at("validation_bits_per_character"), 3),
                   fixed(line.at("validation_perplexity"), 2), fixed(line.at("seconds"), 1)});
  }
  std::string text = fmt::format("In {}; perplexity per token:\n\n{}\n", unit, table.text());
  return text + (evaluations.empty() ? "" : wrapped(routing_text(evaluations.back().at("routing")), 0));
}

std::string score_line(const TextScore& score, const Vocabulary& vocabulary) {
  const std::string whole = score.tokens == score.of_tokens ? "" : " of " + grouped(score.of_tokens);
  const std::string note =
      score.unknown == 0 ? "" : "; their spelling costs nothing, so compare only with the same vocabulary";
  return fmt::format("{:.4f} {}, perplexity {:.2f} per {} ({}{} {}s{}{})", score.bits_per_character(),
                     bits_unit(vocabulary), score.perplexity(), vocabulary.unit(), grouped(score.tokens),
                     whole, vocabulary.unit(), unknown_text(score.unknown, score.tokens), note);
}

Json score_json(const TextScore& score) {
  return {{"tokens", score.tokens},
          {"of_tokens", score.of_tokens},
          {"unknown_tokens", score.unknown},
          {"characters", static_cast<std::int64_t>(std::llround(score.characters))},
          {"bits_per_character", score.bits_per_character()},
          {"perplexity", score.perplexity()}};
}

}  // namespace moest::nn
