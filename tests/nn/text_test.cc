#include "nn/text.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "tests/base/temporary_folder.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TextParts read(const std::vector<std::string>& paths) { return read_text(paths); }

std::int64_t code_points(const std::string& text) {
  std::int64_t count = 0;
  for (const char byte : text) {
    count += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80 ? 1 : 0;
  }
  return count;
}

/// Words of one to four letters, some of them of two bytes, between blanks and line ends; no blank at the
/// begin or the end of a line.
std::string random_words(std::uint64_t seed, int count) {
  static const std::vector<std::string> kLetters{"a", "b", "c", "\xC3\xA9"};
  Stream stream(seed, 0, "random words");
  std::string text;
  for (int i = 0; i < count; ++i) {
    const int length = 1 + stream.below(4);
    for (int j = 0; j < length; ++j) {
      text += kLetters[static_cast<std::size_t>(stream.below(4))];
    }
    text += stream.below(5) == 0 ? "\n" : " ";
  }
  text.back() = '\n';
  return text;
}

TEST(Text, IsDividedByPositionButNotWithinACharacter) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.txt", "12345678\xC3\xA9");  // nine tenths end within the last one
  const TextParts parts = read({path});
  EXPECT_EQ(parts.training, "12345678\xC3\xA9");
  const TextParts longer = read({folder.write("b.txt", "1234567890abcdefghij")});
  EXPECT_EQ(longer.training, "1234567890abcdefgh");
  EXPECT_EQ(longer.validation, "ij");
  EXPECT_EQ(longer.test, "");
  EXPECT_EQ(longer.unit, "character");
}

TEST(Text, OfAFolderIsThatOfItsFilesInTheOrderOfTheirNames) {
  const TemporaryFolder folder;
  folder.write("b", "second. ");
  folder.write("a", "first. ");
  folder.write("c", "third. ");
  folder.write("binary", std::string("x\0y", 3));
  folder.write(".hidden", "hidden");
  folder.write("inner/d", "deeper");
  fs::create_symlink("a", folder.path("z"));
  const TextParts parts = read({folder.path()});
  EXPECT_EQ(parts.training + parts.validation, "first. second. third. ");
  EXPECT_THAT(parts.files, ElementsAre(folder.path()));
}

TEST(Text, OfSeveralFilesIsJoinedAsTheyAreGiven) {
  const TemporaryFolder folder;
  const std::string first = folder.write("b", "1 ");
  const std::string second = folder.write("a", "2");
  const TextParts parts = read({first, second});
  EXPECT_EQ(parts.training + parts.validation, "1 2");
  EXPECT_NE(parts.hash, read({second, first}).hash);
}

TEST(Text, OfWikipediaHasTheUsualSplit) {
  const TemporaryFolder folder;
  const std::string path = folder.write("enwik8", "first");
  EXPECT_THAT([&] { read({path}); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("enwik8 has 5 bytes"), HasSubstr("100000000"))));
  fs::resize_file(path, 100'000'000);
  const TextParts parts = read({path});
  EXPECT_EQ(parts.training.size(), 90'000'000U);
  EXPECT_EQ(parts.validation.size(), 5'000'000U);
  EXPECT_EQ(parts.test.size(), 5'000'000U);
  EXPECT_EQ(parts.training.substr(0, 5), "first");
  EXPECT_EQ(parts.unit, "byte");
}

TEST(Text, IsTheSameWhenItIsReadAgainFromWhatItTells) {
  const TemporaryFolder folder;
  folder.write("wikitext/wiki.train.tokens", " a b \n");
  folder.write("wikitext/wiki.valid.tokens", " v \n");
  folder.write("wikitext/wiki.test.tokens", " t \n");
  folder.write("excerpts/enwik8", "the begin of it");
  folder.write("text8/a", "a folder of that name");
  const std::string file = folder.write("file", "a file");
  for (const std::vector<std::string>& paths :
       std::vector<std::vector<std::string>>{{folder.path("wikitext")},
                                             {folder.path("excerpts")},
                                             {folder.path("text8")},
                                             {file},
                                             {file, folder.path("wikitext")}}) {
    const TextParts parts = read(paths);
    EXPECT_EQ(read(parts.files).hash, parts.hash) << paths.back();
    EXPECT_EQ(parts.files, paths);
  }
}

TEST(Text, OfWikitextIsDividedByItsFiles) {
  const TemporaryFolder folder;
  folder.write("wiki.valid.tokens", " v \n");
  folder.write("wiki.test.tokens", " t \n");
  EXPECT_THAT(
      [&] { read({folder.path()}); },
      ThrowsMessage<InputError>(AllOf(HasSubstr("lacks the training part"), HasSubstr("train.tokens"))));
  folder.write("wiki.train.tokens", " a b \n");
  const TextParts parts = read({folder.path()});
  EXPECT_EQ(parts.training, " a b \n");
  EXPECT_EQ(parts.validation, " v \n");
  EXPECT_EQ(parts.test, " t \n");
  EXPECT_EQ(parts.unit, "word");
}

TEST(Text, MustBeThereAndHaveContent) {
  const TemporaryFolder folder;
  const std::string empty = folder.write("empty", "");
  fs::create_directory(folder.path("nothing"));
  EXPECT_THAT([] { read({}); }, ThrowsMessage<InputError>(HasSubstr("no text was given")));
  EXPECT_THAT([&] { read({folder.path("gone")}); }, ThrowsMessage<InputError>(HasSubstr("cannot read")));
  EXPECT_THAT([&] { read({empty}); }, ThrowsMessage<InputError>(HasSubstr("it is empty")));
  EXPECT_THAT([&] { read({folder.path("nothing")}); },
              ThrowsMessage<InputError>(HasSubstr("there is no text file with content in it")));
  // One byte is short, but not empty.
  const TextParts parts = read({folder.write("short", "x")});
  EXPECT_THAT([&] { make_corpus(parts, {}, 1); }, ThrowsMessage<InputError>(HasSubstr("too short")));
}

TEST(Corpus, IsRefusedWhereAPartIsTooShort) {
  TextParts parts{"0123456789", "a", "", "byte", "by hand", {}, ""};
  EXPECT_THAT(
      [&] { make_corpus(parts, {}, 10); },
      ThrowsMessage<InputError>(AllOf(HasSubstr("validation part has 1 bytes"), HasSubstr("at least 2"))));
  parts.validation = "ab";
  EXPECT_EQ(make_corpus(parts, {}, 10).training.numel(), 10);
  EXPECT_THAT(
      [&] { make_corpus(parts, {}, 11); },
      ThrowsMessage<InputError>(AllOf(HasSubstr("training part has 10 bytes"), HasSubstr("at least 11"))));
}

TEST(Corpus, TakesTheUsualUnitUnlessToldOtherwise) {
  const TextParts parts{"a b c\n", "b a\n", "", "word", "by hand", {}, ""};
  EXPECT_EQ(make_corpus(parts, {}, 1).vocabulary.unit(), "word");
  EXPECT_EQ(make_corpus(parts, {"character", 0}, 1).vocabulary.unit(), "character");
}

TEST(Corpus, KeepsAllWordsOfWikitextAndTheMostFrequentOfOtherTexts) {
  std::string words;
  for (int i = 0; i < 10'500; ++i) {
    words += std::to_string(i) + "\n";
  }
  const auto size = [&](const std::string& usual_unit, const TextOptions& options) {
    return make_corpus({words, "1 2\n", "", usual_unit, "by hand", {}, ""}, options, 1).vocabulary.size();
  };
  EXPECT_EQ(size("word", {}), 10'500 + 2);
  EXPECT_EQ(size("word", {"auto", 100}), 100 + 2);
  EXPECT_EQ(size("character", {"word", {}}), 10'000 + 2);
  EXPECT_EQ(size("character", {"word", 0}), 10'500 + 2);
}

TEST(Corpus, IsNotCutWithinACharacterUnlessItIsOfBytes) {
  // Each cut is after the first byte of an e-acute.
  const TextParts parts{"ab\xC3", "\xA9 cd\xC3", "\xA9", "byte", "by hand", {}, ""};
  const Corpus characters = make_corpus(parts, {"character", 0}, 1);
  EXPECT_EQ(characters.vocabulary.decode(characters.training), "ab");
  EXPECT_EQ(characters.validation.numel(), 4);
  EXPECT_EQ(characters.test.numel(), 1);
  const Corpus bytes = make_corpus(parts, {}, 1);
  EXPECT_EQ(bytes.training.numel(), 3);
  EXPECT_EQ(bytes.validation.numel(), 5);
}

TEST(Vocabulary, OfBytesGivesAnyTextBack) {
  Stream stream(1, 0, "bytes");
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text.push_back(static_cast<char>(stream.below(256)));
  }
  const Vocabulary vocabulary("byte", "", 0);
  EXPECT_EQ(vocabulary.decode(vocabulary.encode(text)), text);
  EXPECT_EQ(vocabulary.characters(vocabulary.encode(text)).sum().item<double>(), 1000);
}

TEST(Vocabulary, OfCharactersGivesTextBackInCodePoints) {
  const std::string text = random_words(2, 100);
  const Vocabulary vocabulary("character", text, 0);
  const torch::Tensor tokens = vocabulary.encode(text);
  EXPECT_EQ(tokens.numel(), code_points(text));
  EXPECT_EQ(vocabulary.decode(tokens), text);
  EXPECT_EQ(vocabulary.size(), 7);  // a b c e-acute, blank, line end, and the unknown one
  EXPECT_EQ(vocabulary.token(vocabulary.first_token()), "\n");
}

TEST(Vocabulary, OfCharactersKnowsNoOthers) {
  const Vocabulary vocabulary("character", "abc", 0);
  EXPECT_EQ(vocabulary.decode(vocabulary.encode("cxa")),
            "c\xEF\xBF\xBD"
            "a");
  EXPECT_THAT([&] { vocabulary.encode("\xFF"); }, ThrowsMessage<InputError>(HasSubstr("not UTF-8")));
  EXPECT_THAT([&] { Vocabulary("character", "\xFF", 0); },
              ThrowsMessage<InputError>(HasSubstr("--unit byte")));
  EXPECT_THAT([&] { Vocabulary("word", "\xFF", 0); }, ThrowsMessage<InputError>(HasSubstr("--unit byte")));
}

TEST(Vocabulary, OfWordsGivesLinesBackWithSingleBlanks) {
  const std::string text = random_words(3, 200);
  const Vocabulary vocabulary("word", text, 0);
  EXPECT_EQ(vocabulary.decode(vocabulary.encode(text)), text);
  EXPECT_EQ(vocabulary.decode(vocabulary.encode("  x\t y \n\n z")), "<unk> <unk>\n\n<unk>");
}

TEST(Vocabulary, OfWordsCountsTheCharactersOfTheTextThatItGivesBack) {
  const std::string text = random_words(4, 200);
  const Vocabulary vocabulary("word", text, 20);
  const torch::Tensor tokens = vocabulary.encode(text);
  EXPECT_GT(tokens.eq(0).sum().item<int>(), 0);  // some are unknown
  EXPECT_EQ(vocabulary.characters(tokens).sum().item<double>(), code_points(vocabulary.decode(tokens)));
}

TEST(Vocabulary, OfWordsKeepsTheMostFrequentOnes) {
  const Vocabulary vocabulary("word", "b b a a c <unk> <unk> <unk>\n", 2);
  ASSERT_EQ(vocabulary.size(), 4);
  EXPECT_EQ(vocabulary.token(0), "<unk>");
  EXPECT_EQ(vocabulary.token(1), "<eos>");
  EXPECT_EQ(vocabulary.token(2), "a");
  EXPECT_EQ(vocabulary.token(3), "b");
  EXPECT_EQ(vocabulary.decode(vocabulary.encode("c a\n")), "<unk> a\n");
}

TEST(Vocabulary, ComesBackFromJson) {
  const std::string text = random_words(5, 50);
  for (const std::string unit : {"byte", "character", "word"}) {
    const Vocabulary vocabulary(unit, text, 10);
    const Vocabulary same(nlohmann::ordered_json::parse(vocabulary.json().dump(-1, ' ', true)));
    EXPECT_EQ(same.unit(), unit);
    EXPECT_EQ(same.size(), vocabulary.size());
    EXPECT_TRUE(same.encode(text).equal(vocabulary.encode(text)));
  }
}

TEST(Utf8, HasAReplacementForWhatIsNone) {
  EXPECT_EQ(as_utf8("a\xC3\xA9z"), "a\xC3\xA9z");
  EXPECT_EQ(as_utf8("a\xFFz\xC3"), "a\xEF\xBF\xBDz\xEF\xBF\xBD");
}

}  // namespace
}  // namespace moest::nn
