#include "nn/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/random.h"
#include "moest/data/text.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kUnits{"auto", "byte", "character", "word"};
constexpr std::string_view kUnknownCharacter = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kUnknownWord = "<unk>";
constexpr std::string_view kEndOfLine = "<eos>";
constexpr double kTrainingShare = 0.9;
constexpr int kUsualVocabulary = 10000;

/// Bytes of the code point whose first byte is `lead`, in UTF-8.
std::size_t code_point_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

bool continues_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80; }

std::size_t count_code_points(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues_code_point));
}

/// Calls take(code point) for each one of UTF-8 text.
template <class Take>
void for_each_character(std::string_view text, const Take& take) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t length = code_point_length(text[begin]);
    take(text.substr(begin, length));
    begin += length;
  }
}

/// Calls take(word) for each word, and take("<eos>") for each end of a line.
template <class Take>
void for_each_word(std::string_view text, const Take& take) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
    if (end > begin) {
      take(text.substr(begin, end - begin));
    }
    if (end < text.size() && text[end] == '\n') {
      take(kEndOfLine);
    }
    begin = end + 1;
  }
}

void require_utf8(std::string_view text) {
  if (!is_utf8(text)) {
    throw InputError("the text has no characters or words", "it is not UTF-8",
                     "Give --unit byte, or convert the text.");
  }
}

/// Whether the file is text: its beginning has no zero byte.
bool is_text(std::string_view content) {
  constexpr std::size_t kBeginning = 8192;
  return content.substr(0, kBeginning).find('\0') == std::string_view::npos;
}

std::string absolute(const std::string& path) {
  return path == "-" ? path : fs::absolute(path).lexically_normal().string();
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The file of one part of WikiText in a folder, if it is there.
std::optional<std::string> part_file(const std::string& folder, std::string_view part) {
  for (const std::string_view prefix : {"", "wiki."}) {
    for (const std::string_view ending : {"tokens", "txt", "raw"}) {
      const fs::path path = fs::path(folder) / fmt::format("{}{}.{}", prefix, part, ending);
      if (fs::is_regular_file(path)) {
        return path.string();
      }
    }
  }
  return std::nullopt;
}

std::optional<TextParts> read_wikitext(const std::string& folder) {
  const auto training = part_file(folder, "train");
  const auto validation = part_file(folder, "valid");
  const auto test = part_file(folder, "test");
  if (!validation && !(training && test)) {
    return std::nullopt;
  }
  if (!training || !validation) {
    throw InputError(
        fmt::format("{} lacks the {} part", folder, training ? "validation" : "training"),
        fmt::format("there is {} but no {}.tokens or {}.txt", test.value_or(validation.value_or("")),
                    training ? "valid" : "train", training ? "valid" : "train"),
        "Put the missing file there, or name one file, which is then divided by position.");
  }
  return TextParts{.training = read_input(*training),
                   .validation = read_input(*validation),
                   .test = test ? read_input(*test) : "",
                   .unit = "word",
                   .split = "by its files",
                   .has_usual_split = true};
}

/// The standard split of the first 100 million bytes of Wikipedia.
std::optional<TextParts> read_hutter(const std::string& path) {
  constexpr std::size_t kTraining = 90'000'000;
  constexpr std::size_t kPart = 5'000'000;
  std::string name = fs::path(path).filename().string();
  name = name.substr(0, name.find('.'));
  if (name != "enwik8" && name != "text8") {
    return std::nullopt;
  }
  const std::string text = read_input(path);
  if (text.size() != kTraining + 2 * kPart) {
    throw InputError(fmt::format("{} has {} bytes", path, text.size()),
                     fmt::format("{} has {}", name, kTraining + 2 * kPart),
                     "Fetch it again, or give an excerpt another name.");
  }
  return TextParts{.training = text.substr(0, kTraining),
                   .validation = text.substr(kTraining, kPart),
                   .test = text.substr(kTraining + kPart),
                   .unit = "byte",
                   .split = "90, 5 and 5 million bytes",
                   .has_usual_split = true};
}

std::vector<std::string> files_of_folder(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const bool is_hidden = entry.path().filename().string().starts_with(".");
    if (fs::is_regular_file(entry.symlink_status()) && !is_hidden) {
      files.push_back(entry.path().string());
    }
  }
  if (error) {
    throw InputError(fmt::format("cannot read the folder {}", folder), error.message(),
                     "Check its permissions.");
  }
  std::ranges::sort(files);
  return files;
}

TextParts read_files(std::span<const std::string> paths) {
  std::string text;
  for (const std::string& path : paths) {
    if (!is_folder(path)) {
      text += read_input(path);
      continue;
    }
    for (const std::string& file : files_of_folder(path)) {
      const std::string content = read_input(file);
      if (is_text(content)) {
        text += content;
      }
    }
  }
  // Neither part begins within a character.
  auto cut = static_cast<std::size_t>(kTrainingShare * static_cast<double>(text.size()));
  while (cut < text.size() && continues_code_point(text[cut])) {
    ++cut;
  }
  return {.training = text.substr(0, cut),
          .validation = text.substr(cut),
          .unit = is_utf8(text) ? "character" : "byte",
          .split = "90 % and 10 % by position"};
}

std::string hash_of(const TextParts& parts) {
  std::string hashes;
  for (const std::string* part : {&parts.training, &parts.validation, &parts.test}) {
    hashes += fmt::format("{:016x} ", text_hash(*part));
  }
  return fmt::format("{:016x}", text_hash(hashes));
}

}  // namespace

std::span<const Option<TextOptions>> text_options() {
  static const std::array kOptions{
      Option<TextOptions>{"unit", &TextOptions::unit, 0, 0, "",
                          "what a token is: auto takes bytes for enwik8 and text8, words for WikiText, and "
                          "characters for any other text in UTF-8",
                          kUnits},
      Option<TextOptions>{
          "vocabulary", &TextOptions::vocabulary, 0, 1e7, "words",
          "with the unit word, the most frequent ones that have tokens of their own; 0 for all (default: all "
          "for WikiText, 10000 for other texts)"},
  };
  return kOptions;
}

TextParts read_text(std::span<const std::string> paths) {
  if (paths.empty()) {
    throw InputError("no text was given", "it is what the model learns",
                     "Name a file or a folder by --text.");
  }
  std::optional<TextParts> parts;
  if (paths.size() == 1) {
    parts = is_folder(paths.front()) ? read_wikitext(paths.front()) : read_hutter(paths.front());
  }
  if (!parts) {
    parts = read_files(paths);
  }
  if (parts->training.empty() && parts->validation.empty()) {
    throw InputError(fmt::format("{} holds no text", paths.front()),
                     is_folder(paths.front()) ? "there is no text file with content in it" : "it is empty",
                     "Name a file with text, or a folder with such files.");
  }
  std::ranges::transform(paths, std::back_inserter(parts->files), absolute);
  parts->hash = hash_of(*parts);
  return *parts;
}

Vocabulary::Vocabulary(const std::string& unit, std::string_view training, int max_words) : unit_(unit) {
  MOEST_EXPECT(max_words >= 0);
  check_choice("unit", unit, std::span(kUnits).subspan(1));
  if (unit != "byte") {
    require_utf8(training);
  }
  if (unit == "byte") {
    for (int byte = 0; byte < 256; ++byte) {
      tokens_.emplace_back(1, static_cast<char>(byte));
    }
  } else if (unit == "character") {
    std::map<std::string, bool, std::less<>> seen;
    for_each_character(training, [&](std::string_view character) {
      if (!seen.contains(character)) {
        seen.emplace(character, true);
      }
    });
    seen.erase(std::string(kUnknownCharacter));
    tokens_.emplace_back(kUnknownCharacter);
    for (const auto& [character, is_seen] : seen) {
      tokens_.push_back(character);
    }
  } else {
    std::unordered_map<std::string_view, std::int64_t> counts;
    for_each_word(training, [&](std::string_view word) { ++counts[word]; });
    counts.erase(kUnknownWord);
    counts.erase(kEndOfLine);
    std::vector<std::pair<std::int64_t, std::string_view>> words;
    words.reserve(counts.size());
    for (const auto& [word, count] : counts) {
      words.emplace_back(-count, word);
    }
    std::ranges::sort(words);
    if (max_words > 0 && words.size() > static_cast<std::size_t>(max_words)) {
      words.resize(static_cast<std::size_t>(max_words));
    }
    tokens_ = {std::string(kUnknownWord), std::string(kEndOfLine)};
    for (const auto& [count, word] : words) {
      tokens_.emplace_back(word);
    }
  }
  index();
}

Vocabulary::Vocabulary(const nlohmann::ordered_json& json) : unit_(json.at("unit").get<std::string>()) {
  tokens_ =
      unit_ == "byte" ? Vocabulary("byte", "", 0).tokens_ : json.at("tokens").get<std::vector<std::string>>();
  index();
}

void Vocabulary::index() {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    indices_.emplace(tokens_[i], static_cast<int>(i));
  }
  if (unit_ == "word") {
    std::vector<double> lengths;
    lengths.reserve(tokens_.size());
    for (const std::string& token : tokens_) {
      lengths.push_back(token == kEndOfLine ? 1 : static_cast<double>(count_code_points(token)));
    }
    lengths_ = torch::tensor(lengths, torch::kFloat64);
  }
}

torch::Tensor Vocabulary::encode(std::string_view text) const {
  if (unit_ == "byte") {
    const auto size = static_cast<std::int64_t>(text.size());
    return torch::from_blob(const_cast<char*>(text.data()), {size}, torch::kUInt8).clone();
  }
  std::vector<std::int32_t> tokens;
  const auto add = [&](std::string_view token) {
    const auto found = indices_.find(token);
    tokens.push_back(found == indices_.end() ? *unknown_token() : found->second);
  };
  if (unit_ == "character") {
    require_utf8(text);
    for_each_character(text, add);
  } else {
    for_each_word(text, add);
  }
  return torch::tensor(tokens, torch::kInt32);
}

std::string Vocabulary::decode(const torch::Tensor& tokens) const {
  const torch::Tensor values = tokens.to(torch::kCPU, torch::kInt64).contiguous();
  const std::span<const std::int64_t> indices(values.data_ptr<std::int64_t>(),
                                              static_cast<std::size_t>(values.numel()));
  std::string text;
  bool is_line_start = true;
  for (const std::int64_t index : indices) {
    const std::string& text_of_token = token(static_cast<int>(index));
    if (unit_ != "word") {
      text += text_of_token;
    } else if (text_of_token == kEndOfLine) {
      text += "\n";
      is_line_start = true;
    } else {
      text += (is_line_start ? "" : " ") + text_of_token;
      is_line_start = false;
    }
  }
  return text;
}

torch::Tensor Vocabulary::characters(const torch::Tensor& tokens) const {
  if (unit_ != "word") {
    return torch::ones_like(tokens, torch::kFloat64);
  }
  const torch::Tensor own = lengths_.to(tokens.device()).index_select(0, tokens);
  const torch::Tensor is_word = tokens.ne(first_token());
  torch::Tensor has_blank = is_word.clone();
  if (tokens.numel() > 0) {
    has_blank.slice(0, 1) &= is_word.slice(0, 0, -1);
    has_blank.slice(0, 0, 1).fill_(false);
  }
  return own + has_blank;
}

std::optional<int> Vocabulary::unknown_token() const {
  return unit_ == "byte" ? std::nullopt : std::optional(0);
}

int Vocabulary::first_token() const {
  const auto found = indices_.find(unit_ == "word" ? kEndOfLine : std::string_view("\n"));
  return found == indices_.end() ? 0 : found->second;
}

nlohmann::ordered_json Vocabulary::json() const {
  nlohmann::ordered_json json{{"unit", unit_}};
  if (unit_ != "byte") {
    json["tokens"] = tokens_;
  }
  return json;
}

void cut_between_characters(TextParts& parts) {
  const auto move_back = [](std::string& before, std::string& after) {
    if (after.empty() || !continues_code_point(after.front())) {
      return;
    }
    const auto lead = std::find_if_not(before.rbegin(), before.rend(), continues_code_point);
    if (lead != before.rend()) {
      const auto cut = lead.base() - 1;
      after.insert(after.begin(), cut, before.end());
      before.erase(cut, before.end());
    }
  };
  move_back(parts.training, parts.validation);
  move_back(parts.validation, parts.test);
}

Corpus make_corpus(TextParts parts, const TextOptions& options, std::int64_t least_tokens) {
  check_options(options, text_options());
  const std::string& unit = options.unit == "auto" ? parts.unit : options.unit;
  if (unit != "byte") {
    cut_between_characters(parts);
  }
  // WikiText is what is usually taken in words; its rare ones are `<unk>` already.
  const int max_words = options.vocabulary.value_or(parts.unit == "word" ? 0 : kUsualVocabulary);
  const Vocabulary vocabulary(unit, parts.training, max_words);
  Corpus corpus{vocabulary,
                vocabulary.encode(parts.training),
                vocabulary.encode(parts.validation),
                vocabulary.encode(parts.test),
                parts.split,
                parts.files,
                parts.hash,
                {unit, max_words}};
  const auto refuse = [&](std::string_view part, const torch::Tensor& tokens, std::int64_t needed) {
    if (tokens.numel() < needed) {
      throw InputError("the text is too short",
                       fmt::format("its {} part has {} {}s, and at least {} are needed", part, tokens.numel(),
                                   unit, needed),
                       "Give a longer text, or a smaller --context.");
    }
  };
  refuse("training", corpus.training, least_tokens);
  refuse("validation", corpus.validation, 2);
  return corpus;
}

std::string as_utf8(std::string_view text) {
  std::string clean;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::string_view character = text.substr(begin, code_point_length(text[begin]));
    const bool is_valid = is_utf8(character);
    clean += is_valid ? character : kUnknownCharacter;
    begin += is_valid ? character.size() : 1;
  }
  return clean;
}

}  // namespace moest::nn
