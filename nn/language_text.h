// What the program says of a language model, for people.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "nn/language_model.h"

namespace moest::nn {

/// "bits per byte" or "bits per character".
std::string bits_unit(const Vocabulary& vocabulary);

/// The model and its size, its router, and its text: a line for each.
std::string model_text(const LanguageTask& task, const LanguageSpecification& specification,
                       const Corpus& corpus);

/// A table of at most a dozen evaluations, evenly spread, from lines of the log; and in one line the routing
/// of the last.
std::string evaluations_text(std::span<const nlohmann::ordered_json> evaluations, const std::string& unit);

/// "2.01 bits per character, perplexity 4.03 per character (1,024 of 23,701 characters)", and of words that
/// some are unknown.
std::string score_line(const TextScore& score, const Vocabulary& vocabulary);

/// {"tokens", "of_tokens", "unknown_tokens", "characters", "bits_per_character", "perplexity"}.
nlohmann::ordered_json score_json(const TextScore& score);

}  // namespace moest::nn
