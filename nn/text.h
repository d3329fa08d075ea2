// Text for language models: files, their split into parts, and tokens.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/base/option.h"

namespace moest::nn {

/// What a token is and how many there are.
struct TextOptions {
  std::string unit = "auto";
  std::optional<int> vocabulary = {};
};

/// The options in the order of the documentation.
std::span<const Option<TextOptions>> text_options();

/// The parts of a text. `test` is empty where the split has none.
struct TextParts {
  std::string training, validation, test = {};
  std::string unit;                     // that which is usual for such a text: byte, character or word
  std::string split;                    // how it was divided, for people
  std::vector<std::string> files = {};  // that were given, folders too: absolute paths
  std::string hash = {};                // of the parts, 16 hexadecimal digits
  bool has_usual_split = false;         // for which results are published: that of enwik8, text8, WikiText
};

/// Reads and divides a text:
///   enwik8, text8 (by their names, 100,000,000 bytes): the first 90 million bytes, 5 million, 5 million;
///   WikiText (a folder with {,wiki.}{train,valid,test}.{tokens,txt,raw}): by its files;
///   anything else (files; a folder stands for its regular files in the order of their names, without those
///   that are no text; gzip is read through): joined, and of the whole the first 90 % and the rest, by
///   position.
/// Reading `files` of what it returns gives the same parts. Throws InputError for files that are missing, a
/// text without content, an enwik8 or text8 of another length, and a WikiText folder that lacks its training
/// part or its validation part.
TextParts read_text(std::span<const std::string> paths);

/// Tokens and the text that they stand for:
///   byte       the 256 bytes; any text, and back, exactly.
///   character  the code points of the training part in their order; any other one is U+FFFD.
///   word       what lies between blanks in a line, and `<eos>` for the end of a line (WikiText's
///   convention); those
///              most frequent in the training part (ties: in the order of their bytes), any other one is
///              `<unk>`. Back: the words of a line with single blanks between them.
class Vocabulary {
 public:
  /// Of the training part. Throws InputError for an unknown unit and, but with bytes, where the text is not
  /// UTF-8. `max_words` 0: all.
  Vocabulary(const std::string& unit, std::string_view training, int max_words);
  /// As json() told.
  explicit Vocabulary(const nlohmann::ordered_json& json);

  const std::string& unit() const { return unit_; }
  int size() const { return static_cast<int>(tokens_.size()); }
  /// The text of a token.
  const std::string& token(int index) const { return tokens_[static_cast<std::size_t>(index)]; }

  /// The tokens, int32, or uint8 for bytes. Throws InputError for characters that are not UTF-8.
  torch::Tensor encode(std::string_view text) const;
  std::string decode(const torch::Tensor& tokens) const;

  /// How many characters (bytes, with the unit byte) each token stands for, float64: 1; of words the code
  /// points of the word and of the blank before it, if it is not the first of its line. An unknown word
  /// counts as `<unk>`.
  torch::Tensor characters(const torch::Tensor& tokens) const;

  /// The token of what is unknown; bytes have none.
  std::optional<int> unknown_token() const;
  /// The token with which a text begins that has no beginning: the end of a line, if there is one.
  int first_token() const;

  nlohmann::ordered_json json() const;

 private:
  void index();

  std::string unit_;
  std::vector<std::string> tokens_;
  std::map<std::string, int, std::less<>> indices_;
  torch::Tensor lengths_;  // of the tokens in code points, float64, with the unit word
};

/// A text in tokens.
struct Corpus {
  Vocabulary vocabulary;
  torch::Tensor training, validation, test;  // as encode() gives them
  std::string split;
  std::vector<std::string> files;
  std::string hash;     // of the parts
  TextOptions options;  // the unit is never auto, and the vocabulary is there
};

/// Moves cuts between the parts that lie within a code point back to its begin; the hash stays that of the
/// parts as they were read.
void cut_between_characters(TextParts& parts);

/// Divides the parts into tokens of the unit that options say, cut between characters but with bytes. A
/// vocabulary that options leave open is that of all words for WikiText and of 10,000 for other texts. Throws
/// InputError where the training part has fewer than `least_tokens` or the validation part fewer than two.
Corpus make_corpus(TextParts parts, const TextOptions& options, std::int64_t least_tokens);

/// The text with U+FFFD in place of each byte that is not UTF-8.
std::string as_utf8(std::string_view text);

}  // namespace moest::nn
