#include "nn/images.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <array>
#include <cstdlib>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "tests/base/temporary_folder.h"
#include "tests/nn/idx_file.h"

#ifdef MOEST_WITH_STB
#include <stb/stb_image_write.h>
#endif

namespace moest::nn {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::uint8_t> random_bytes(std::size_t size, int below, Stream& stream) {
  std::vector<std::uint8_t> bytes(size);
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(stream.below(below));
  }
  return bytes;
}

std::string gzipped(const std::string& text) {
  TemporaryFolder folder;
  const std::string path = folder.path("text.gz");
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// A training pair of three images of 2 x 4 pixels and a test pair of two, of which a test changes what it is
// about.
class Mnist : public testing::Test {
 protected:
  void write() const {
    folder_.write("train-images-idx3-ubyte", train_images_);
    folder_.write("train-labels-idx1-ubyte", train_labels_);
    folder_.write("t10k-images-idx3-ubyte.gz", gzipped(test_images_));
    folder_.write("t10k-labels-idx1-ubyte.gz", gzipped(test_labels_));
  }
  template <typename... Parts>
  void expect_refused(const Parts&... parts) const {
    EXPECT_THAT([&] { read_mnist(folder_.path()); },
                ThrowsMessage<InputError>(AllOf(HasSubstr(folder_.path()), HasSubstr(parts)...)));
  }

  TemporaryFolder folder_;
  Stream stream_{2024, 0, "test: MNIST"};
  std::vector<std::uint8_t> train_pixels_ = random_bytes(24, 256, stream_);
  std::vector<std::uint8_t> test_pixels_ = random_bytes(16, 256, stream_);
  std::string train_images_ = idx({3, 2, 4}, train_pixels_);
  std::string train_labels_ = idx({3}, {7, 0, 9});
  std::string test_images_ = idx({2, 2, 4}, test_pixels_);
  std::string test_labels_ = idx({2}, {3, 4});
};

TEST_F(Mnist, IsReadFromPlainAndFromCompressedFiles) {
  write();
  const ImageSet images = read_mnist(folder_.path());
  EXPECT_EQ(images.shape, (ImageShape{1, 2, 4}));
  EXPECT_THAT(images.labels, ElementsAre(7, 0, 9, 3, 4));
  EXPECT_THAT(images.image(1), ElementsAreArray(train_pixels_.begin() + 8, train_pixels_.begin() + 16));
  EXPECT_THAT(images.image(4), ElementsAreArray(test_pixels_.begin() + 8, test_pixels_.end()));
  EXPECT_TRUE(holds_mnist(folder_.path()));
}

TEST_F(Mnist, NeedsOneOfItsTwoPairs) {
  folder_.write("t10k-images.idx3-ubyte", test_images_);
  folder_.write("t10k-labels.idx1-ubyte", test_labels_);
  EXPECT_THAT(read_mnist(folder_.path()).labels, ElementsAre(3, 4));
}

TEST_F(Mnist, IsRefusedWhereThereIsNone) {
  EXPECT_FALSE(holds_mnist(folder_.path()));
  expect_refused("holds no MNIST", "train-images-idx3-ubyte");
}

TEST_F(Mnist, IsRefusedWithHalfAPair) {
  folder_.write("train-labels-idx1-ubyte", train_labels_);
  expect_refused("train-labels-idx1-ubyte", "no images beside it");
}

TEST_F(Mnist, IsRefusedWithAWrongMagicNumber) {
  std::swap(train_images_, train_labels_);
  train_labels_ += std::string(32, '\0');
  train_images_ += std::string(32, '\0');
  write();
  expect_refused("train-images-idx3-ubyte", "no IDX file of images", "00 00 08 01", "00 00 08 03");
}

TEST_F(Mnist, IsRefusedWhenCutShort) {
  train_images_.pop_back();
  write();
  expect_refused("train-images-idx3-ubyte", "23 values", "3 x 2 x 4");
}

TEST_F(Mnist, IsRefusedWhenCutInItsHeader) {
  test_labels_.resize(6);
  write();
  expect_refused("t10k-labels-idx1-ubyte.gz", "ends inside the header");
}

TEST_F(Mnist, IsRefusedWithAHugeHeader) {
  train_images_ = idx({0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF}, train_pixels_);
  write();
  expect_refused("train-images-idx3-ubyte", "24 values");
}

TEST_F(Mnist, IsRefusedWithoutImages) {
  train_images_ = idx({0, 2, 4}, {});
  write();
  expect_refused("train-images-idx3-ubyte", "0 values");
}

TEST_F(Mnist, IsRefusedWithAnotherNumberOfLabels) {
  train_labels_ = idx({2}, {7, 0});
  write();
  expect_refused("train-labels-idx1-ubyte", "2 labels", "train-images-idx3-ubyte", "3 images");
}

TEST_F(Mnist, IsRefusedWithALabelThatIsNoDigit) {
  test_labels_ = idx({2}, {3, 10});
  write();
  expect_refused("t10k-labels-idx1-ubyte.gz", "label 10", "image 2");
}

TEST_F(Mnist, IsRefusedWithTwoSizesOfImages) {
  test_images_ = idx({2, 4, 2}, test_pixels_);
  write();
  expect_refused("t10k-images-idx3-ubyte.gz", "4 x 2", "2 x 4");
}

// --- folders

class Folder : public testing::Test {
 protected:
  // Empty files will do: listing does not open them.
  void write(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      folder_.write(name, "");
    }
  }
  template <typename... Parts>
  void expect_refused(const Parts&... parts) const {
    EXPECT_THAT([&] { list_image_folder(folder_.path()); },
                ThrowsMessage<InputError>(AllOf(HasSubstr(folder_.path()), HasSubstr(parts)...)));
  }

  TemporaryFolder folder_;
};

TEST_F(Folder, IsListedInTheOrderOfNames) {
  write({"photo/dog/2.PNG", "photo/dog/1.jpg", "photo/cat/x.jpeg", "art/dog/a.png", "art/cat/b.png"});
  write({"README.txt", ".git/config", "art/labels.csv", "art/cat/Thumbs.db", "art/dog/.hidden.png"});
  const ImageFolder listed = list_image_folder(folder_.path());
  EXPECT_THAT(listed.classes, ElementsAre("cat", "dog"));
  EXPECT_THAT(listed.domains, ElementsAre("art", "photo"));
  std::vector<std::string> names;
  for (const ImageFolder::File& file : listed.files[1]) {
    names.push_back(file.path + " " + std::to_string(file.label));
  }
  EXPECT_THAT(names, ElementsAre(folder_.path("photo/cat/x.jpeg 0"), folder_.path("photo/dog/1.jpg 1"),
                                 folder_.path("photo/dog/2.PNG 1")));
  EXPECT_EQ(listed.files[0].size(), 2u);
}

TEST_F(Folder, IsRefusedWithOneDomain) {
  write({"photo/dog/1.png", "photo/cat/1.png"});
  expect_refused("a single domain");
}

TEST_F(Folder, IsRefusedWhenEmpty) { expect_refused("no domains"); }

TEST_F(Folder, IsRefusedWhenAbsent) {
  EXPECT_THAT([&] { list_image_folder(folder_.path("absent")); },
              ThrowsMessage<InputError>(HasSubstr(folder_.path("absent"))));
}

TEST_F(Folder, IsRefusedWithPicturesInPlaceOfClasses) {
  write({"dog/1.png", "cat/1.png"});
  expect_refused("/cat has no folders of classes", "ROOT/domain/class");
}

TEST_F(Folder, IsRefusedWithAnEmptyClass) {
  write({"art/dog/1.png", "art/cat/1.png", "photo/dog/1.png", "photo/cat/notes.txt"});
  expect_refused("photo/cat holds no pictures");
}

TEST_F(Folder, IsRefusedWithOtherClassesInOneDomain) {
  write({"art/dog/1.png", "art/cat/1.png", "photo/dog/1.png", "photo/horse/1.png"});
  expect_refused("photo has no class `cat`");
}

TEST_F(Folder, IsRefusedWithMoreClassesInOneDomain) {
  write({"art/dog/1.png", "art/cat/1.png", "photo/dog/1.png", "photo/cat/1.png", "photo/horse/1.png"});
  expect_refused("art has no class `horse`");
}

// --- PNG and JPEG

#ifdef MOEST_WITH_STB

constexpr int kWidth = 7;
constexpr int kHeight = 5;

void append(void* text, void* data, int size) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

// pixels: height x width x channels, as files have them
std::string png(const std::vector<std::uint8_t>& pixels, int num_channels, int width = kWidth,
                int height = kHeight) {
  std::string content;
  stbi_write_png_to_func(append, &content, width, height, num_channels, pixels.data(), 0);
  return content;
}

class Pictures : public testing::Test {
 protected:
  ImageSet read(const std::vector<std::string>& paths, std::optional<int> image_size = {}) const {
    std::vector<ImageFolder::File> files;
    for (const std::string& path : paths) {
      files.push_back({path, static_cast<int>(files.size())});
    }
    return read_pictures(files, image_size, 2);
  }
  std::string write_random(const std::string& name, int width = kWidth, int height = kHeight) {
    return folder_.write(name, png(random_bytes(static_cast<std::size_t>(3 * width * height), 256, stream_),
                                   3, width, height));
  }
  template <typename... Parts>
  void expect_refused(const std::string& path, const Parts&... parts) {
    EXPECT_THAT(
        [&] {
          read({write_random("good.png"), path});
        },
        ThrowsMessage<InputError>(AllOf(HasSubstr(path), HasSubstr(parts)...)));
  }

  TemporaryFolder folder_;
  Stream stream_{2024, 0, "test: pictures"};
};

TEST_F(Pictures, AreReadColourByColour) {
  const std::vector<std::uint8_t> pixels = random_bytes(3 * kWidth * kHeight, 256, stream_);
  const ImageSet images = read({write_random("0.png"), folder_.write("1.png", png(pixels, 3))});
  EXPECT_EQ(images.shape, (ImageShape{3, kHeight, kWidth}));
  EXPECT_THAT(images.labels, ElementsAre(0, 1));
  for (std::size_t i = 0; i < kWidth * kHeight; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      ASSERT_EQ(images.image(1)[c * kWidth * kHeight + i], pixels[3 * i + c]);
    }
  }
}

TEST_F(Pictures, OfGreyHaveThreeEqualColours) {
  const std::vector<std::uint8_t> pixels = random_bytes(kWidth * kHeight, 256, stream_);
  const ImageSet images = read({folder_.write("grey.png", png(pixels, 1))});
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_THAT(images.image(0).subspan(c * kWidth * kHeight, kWidth * kHeight), ElementsAreArray(pixels));
  }
}

TEST_F(Pictures, AreReadFromJpeg) {
  constexpr std::array<int, 3> kColour{200, 90, 30};
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < kWidth * kHeight; ++i) {
    pixels.insert(pixels.end(), kColour.begin(), kColour.end());
  }
  std::string content;
  stbi_write_jpg_to_func(append, &content, kWidth, kHeight, 3, pixels.data(), 100);
  const ImageSet images = read({folder_.write("colour.jpg", content)});
  ASSERT_EQ(images.shape, (ImageShape{3, kHeight, kWidth}));
  constexpr int kRounding = 3;  // one level in each of luminance and the two of chrominance
  for (std::size_t i = 0; i < images.pixels.size(); ++i) {
    ASSERT_LE(std::abs(images.pixels[i] - kColour[i / (kWidth * kHeight)]), kRounding);
  }
  content.resize(content.size() - 20);
  expect_refused(folder_.write("cut.jpg", content), "decoder");
}

TEST_F(Pictures, OfTwoSizesAreRefusedByName) {
  expect_refused(write_random("wide.png", kWidth + 1), "8 x 5", "good.png has 7 x 5", "--image-size");
}

TEST_F(Pictures, OfTwoSizesAreResizedWhereAsked) {
  const ImageSet images = read({write_random("0.png"), write_random("1.png", kWidth + 1)}, 4);
  EXPECT_EQ(images.shape, (ImageShape{3, 4, 4}));
  EXPECT_EQ(images.size(), 2);
}

TEST_F(Pictures, ThatAreDamagedAreRefusedByName) {
  const std::string whole = png(random_bytes(3 * kWidth * kHeight, 256, stream_), 3);
  expect_refused(folder_.write("cut.png", whole.substr(0, whole.size() - 40)), "decoder");
  expect_refused(folder_.write("text.png", "no picture"), "decoder");
  expect_refused(folder_.write("empty.png", ""), "empty");
  expect_refused(folder_.path("absent.png"));
}

TEST_F(Pictures, OfAbsurdSizeAreRefusedBeforeTheyAreDecoded) {
  std::string content = png(random_bytes(3 * kWidth * kHeight, 256, stream_), 3);
  content[18] = 0x40;  // 2^14 more columns
  content[22] = 0x40;  // and rows
  expect_refused(folder_.write("bomb.png", content), "too many");
}

#endif

// --- resizing

TEST(Resizing, KeepsAConstantPictureAsItIs) {
  const Picture picture{{2, 9, 5}, std::vector<std::uint8_t>(90, 173)};
  for (const int size : {1, 2, 4, 7, 9, 31}) {
    const Picture result = resized(picture, size, size + 1);
    EXPECT_EQ(result.shape, (ImageShape{2, size, size + 1}));
    EXPECT_THAT(result.pixels, Each(173));
  }
}

TEST(Resizing, InterpolatesBetweenTheCentresOfPixelsWhereItGrows) {
  EXPECT_THAT(resized({{1, 1, 2}, {40, 200}}, 1, 4).pixels, ElementsAre(40, 80, 160, 200));
}

TEST(Resizing, TakesTheMeanUnderATriangleWhereItShrinks) {
  Stream stream(2024, 0, "test: resizing");
  const Picture picture{{1, 8, 1}, random_bytes(8, 256, stream)};
  const Picture half = resized(picture, 4, 1);
  for (const std::size_t i : {1, 2}) {
    const auto* p = &picture.pixels[2 * i];
    EXPECT_EQ(half.pixels[i], (p[-1] + 3 * p[0] + 3 * p[1] + p[2] + 4) / 8);
  }
  const auto& p = picture.pixels;
  EXPECT_NEAR(half.pixels[0], (3 * p[0] + 3 * p[1] + p[2]) / 7.0, 0.5);
}

TEST(Resizing, TreatsRowsAndColumnsAlikeAndChannelsApart) {
  Stream stream(2024, 1, "test: resizing");
  const Picture picture{{2, 6, 6}, random_bytes(72, 256, stream)};
  Picture transposed = picture;
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < 6; ++j) {
        transposed.pixels[c * 36 + i * 6 + j] = picture.pixels[c * 36 + j * 6 + i];
      }
    }
  }
  const Picture one = resized(picture, 4, 9);
  const Picture other = resized(transposed, 9, 4);
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 9; ++j) {
        ASSERT_NEAR(one.pixels[c * 36 + i * 9 + j], other.pixels[c * 36 + j * 4 + i], 1);  // one rounding
      }
    }
  }
}

}  // namespace
}  // namespace moest::nn
