#include "nn/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <memory>
#include <system_error>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/parallel.h"
#include "moest/data/text.h"

#ifdef MOEST_WITH_STB
#include <stb/stb_image.h>
#endif

namespace moest::nn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLayout = "The layout is ROOT/domain/class/picture.png (or .jpg).";
constexpr std::string_view kFetchAgain = "Fetch the file again.";

// --- IDX (http://yann.lecun.com/exdb/mnist): two zero bytes, the type (8: bytes), the number of extents,
// each extent as four bytes, the largest first; then the values.

constexpr int kNumDigits = 10;

std::string shown_idx(std::string_view header) {
  return fmt::format("{:02x} {:02x} {:02x} {:02x}", static_cast<std::uint8_t>(header[0]),
                     static_cast<std::uint8_t>(header[1]), static_cast<std::uint8_t>(header[2]),
                     static_cast<std::uint8_t>(header[3]));
}

std::size_t big_endian(std::string_view bytes) {
  std::size_t value = 0;
  for (const char byte : bytes) {
    value = 256 * value + static_cast<std::uint8_t>(byte);
  }
  return value;
}

struct Idx {
  std::vector<int> extents;
  std::string_view values;
};

Idx parse_idx(std::string_view content, std::size_t num_extents, std::string_view what,
              const std::string& path) {
  const std::array<char, 4> magic{0, 0, 8, static_cast<char>(num_extents)};
  const std::string_view expected(magic.data(), magic.size());
  const std::size_t header_size = 4 + 4 * num_extents;
  if (content.size() < header_size) {
    throw InputError(fmt::format("{} is no IDX file", path), "it ends inside the header",
                     std::string(kFetchAgain));
  }
  if (!content.starts_with(expected)) {
    throw InputError(
        fmt::format("{} is no IDX file of {}", path, what),
        fmt::format("it begins with {} and not with {}", shown_idx(content), shown_idx(expected)),
        "Check that no two files changed names, and fetch it again.");
  }
  Idx idx;
  std::size_t num_values = 1;
  for (std::size_t i = 0; i < num_extents; ++i) {
    const std::size_t extent = big_endian(content.substr(4 + 4 * i, 4));
    // More values than bytes are refused below; the bound keeps the product from overflowing.
    num_values = std::min(num_values * extent, content.size());
    idx.extents.push_back(static_cast<int>(std::min<std::size_t>(extent, content.size())));
  }
  idx.values = content.substr(header_size);
  if (num_values == 0 || num_values != idx.values.size()) {
    throw InputError(fmt::format("{} has {} values", path, idx.values.size()),
                     fmt::format("its header says {}", fmt::join(idx.extents, " x ")),
                     "The file is empty, cut short or damaged: fetch it again.");
  }
  return idx;
}

void append_idx(ImageSet& images, const std::string& images_path, const std::string& labels_path) {
  const std::string image_bytes = read_input(images_path);
  const std::string label_bytes = read_input(labels_path);
  const Idx pictures = parse_idx(image_bytes, 3, "images", images_path);
  const Idx labels = parse_idx(label_bytes, 1, "labels", labels_path);
  if (pictures.extents[0] != labels.extents[0]) {
    throw InputError(fmt::format("{} has {} labels", labels_path, labels.extents[0]),
                     fmt::format("{} has {} images", images_path, pictures.extents[0]),
                     "Fetch both files from one place.");
  }
  const ImageShape shape{1, pictures.extents[1], pictures.extents[2]};
  if (!images.labels.empty() && images.shape != shape) {
    throw InputError(fmt::format("{} has images of {} x {} pixels", images_path, shape.height, shape.width),
                     fmt::format("the training images have {} x {}", images.shape.height, images.shape.width),
                     "Fetch all files from one place.");
  }
  images.shape = shape;
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    const int label = static_cast<std::uint8_t>(labels.values[i]);
    if (label >= kNumDigits) {
      throw InputError(fmt::format("{} has the label {} for image {}", labels_path, label, i + 1),
                       "labels are 0 to 9", std::string(kFetchAgain));
    }
    images.labels.push_back(label);
  }
  images.pixels.insert(images.pixels.end(), pictures.values.begin(), pictures.values.end());
}

// The file by this name in any of the forms in which it is passed on; empty if there is none.
std::string find_idx(const std::string& folder, const std::string& stem, const std::string& kind) {
  for (const std::string_view separator : {"-", "."}) {
    for (const std::string_view ending : {"", ".gz"}) {
      const fs::path path = fs::path(folder) / fmt::format("{}{}{}-ubyte{}", stem, separator, kind, ending);
      std::error_code ignored;
      if (fs::is_regular_file(path, ignored)) {
        return path.string();
      }
    }
  }
  return {};
}

struct IdxPair {
  std::string images;
  std::string labels;
};

std::array<IdxPair, 2> find_mnist(const std::string& folder) {
  return {IdxPair{find_idx(folder, "train-images", "idx3"), find_idx(folder, "train-labels", "idx1")},
          IdxPair{find_idx(folder, "t10k-images", "idx3"), find_idx(folder, "t10k-labels", "idx1")}};
}

// --- folders

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with('.')) {
      entries.push_back(entry->path());
    }
  }
  if (error) {
    throw InputError(fmt::format("cannot read the folder {}", folder.string()), error.message(),
                     "Check the path and its permissions.");
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  for (const fs::path& entry : entries_of(folder)) {
    std::error_code ignored;
    if (fs::is_directory(entry, ignored)) {
      folders.push_back(entry);
    }
  }
  return folders;
}

bool is_picture(const fs::path& file) {
  std::string extension = file.extension().string();
  for (char& c : extension) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

std::vector<std::string> names_of(const std::vector<fs::path>& paths) {
  std::vector<std::string> names;
  names.reserve(paths.size());
  for (const fs::path& path : paths) {
    names.push_back(path.filename().string());
  }
  return names;
}

void check_same_classes(const std::vector<std::string>& classes, const fs::path& domain,
                        const std::vector<std::string>& first_classes, const fs::path& first) {
  const auto refuse = [](const fs::path& folder, const std::string& name, const fs::path& other) {
    throw InputError(fmt::format("{} has no class {}", folder.string(), shown(name)),
                     fmt::format("{} has it, and all domains need the same classes", other.string()),
                     "Add the folder or remove the class everywhere.");
  };
  for (const std::string& name : first_classes) {
    if (!std::binary_search(classes.begin(), classes.end(), name)) {
      refuse(domain, name, first);
    }
  }
  for (const std::string& name : classes) {
    if (!std::binary_search(first_classes.begin(), first_classes.end(), name)) {
      refuse(first, name, domain);
    }
  }
}

std::vector<ImageFolder::File> files_of(const std::vector<fs::path>& class_folders) {
  std::vector<ImageFolder::File> files;
  for (std::size_t label = 0; label < class_folders.size(); ++label) {
    const std::size_t before = files.size();
    for (const fs::path& entry : entries_of(class_folders[label])) {
      if (is_picture(entry)) {
        files.push_back({entry.string(), static_cast<int>(label)});
      }
    }
    if (files.size() == before) {
      throw InputError(fmt::format("{} holds no pictures", class_folders[label].string()),
                       "each class of each domain needs some", std::string(kLayout));
    }
  }
  return files;
}

// --- PNG and JPEG

#ifdef MOEST_WITH_STB

constexpr std::int64_t kMostPixels = std::int64_t{1} << 26;

Picture decoded(const std::string& path) {
  const std::string content = read_input(path);
  const auto* bytes = reinterpret_cast<const stbi_uc*>(content.data());
  const int num_bytes = static_cast<int>(content.size());
  const auto damaged = [&path](std::string_view why) {
    return InputError(fmt::format("{} is no PNG or JPEG file that can be read", path), why,
                      "Remove the file, or write it again with a picture editor.");
  };
  int width = 0;
  int height = 0;
  int num_channels = 0;
  if (content.empty() || content.size() > static_cast<std::size_t>(kMostPixels) * 8) {
    throw damaged(content.empty() ? "it is empty" : "it is too large");
  }
  if (stbi_info_from_memory(bytes, num_bytes, &width, &height, &num_channels) != 0 &&
      std::int64_t{width} * height > kMostPixels) {
    throw damaged(fmt::format("{} x {} pixels are too many", width, height));
  }
  constexpr int kRgb = 3;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes, num_bytes, &width, &height, &num_channels, kRgb), stbi_image_free);
  if (pixels == nullptr) {
    throw damaged(fmt::format("the decoder says: {}", stbi_failure_reason()));
  }
  Picture picture{{kRgb, height, width}, {}};
  picture.pixels.resize(picture.shape.num_values());
  const std::size_t num_pixels = picture.pixels.size() / kRgb;
  for (std::size_t i = 0; i < num_pixels; ++i) {
    for (std::size_t c = 0; c < kRgb; ++c) {
      picture.pixels[c * num_pixels + i] = pixels.get()[kRgb * i + c];
    }
  }
  return picture;
}

#else

Picture decoded(const std::string& path) {
  throw InputError(fmt::format("cannot read {}", path), "this build has no decoder for PNG and JPEG",
                   "Install libstb-dev and build again.");
}

#endif

// --- resizing

// What each of `to` pixels takes from `from` pixels: weights that begin at pixel `first` and sum to 1.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};

std::vector<Taps> triangle_filter(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const double radius = std::max(scale, 1.0);
  std::vector<Taps> filter;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale - 0.5;
    Taps taps;
    taps.first = std::max(0, static_cast<int>(std::floor(centre - radius)) + 1);
    const int end = std::min(from, static_cast<int>(std::ceil(centre + radius)));
    double sum = 0;
    for (int j = taps.first; j < end; ++j) {
      taps.weights.push_back(1 - std::abs(j - centre) / radius);
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) {
      weight /= sum;
    }
    filter.push_back(std::move(taps));
  }
  return filter;
}

// source: height x width -> target: rows.size() x columns.size()
void resize_channel(std::span<const std::uint8_t> source, int width, const std::vector<Taps>& rows,
                    const std::vector<Taps>& columns, std::span<std::uint8_t> target) {
  const auto pixel = [&](int y, int x) {
    return static_cast<double>(
        source[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)]);
  };
  std::vector<double> line(static_cast<std::size_t>(width));
  std::size_t place = 0;
  for (const Taps& row : rows) {
    for (int x = 0; x < width; ++x) {
      double sum = 0;
      for (std::size_t i = 0; i < row.weights.size(); ++i) {
        sum += row.weights[i] * pixel(row.first + static_cast<int>(i), x);
      }
      line[static_cast<std::size_t>(x)] = sum;
    }
    for (const Taps& column : columns) {
      double sum = 0;
      for (std::size_t i = 0; i < column.weights.size(); ++i) {
        sum += column.weights[i] * line[static_cast<std::size_t>(column.first) + i];
      }
      target[place++] = static_cast<std::uint8_t>(std::lround(sum));
    }
  }
}

}  // namespace

std::size_t ImageShape::num_values() const {
  return static_cast<std::size_t>(channels) * static_cast<std::size_t>(height) *
         static_cast<std::size_t>(width);
}

std::span<const std::uint8_t> ImageSet::image(int i) const {
  MOEST_EXPECT(i >= 0 && i < size());
  return std::span(pixels).subspan(static_cast<std::size_t>(i) * shape.num_values(), shape.num_values());
}

void ImageSet::add(std::span<const std::uint8_t> image, int label) {
  MOEST_EXPECT(image.size() == shape.num_values());
  pixels.insert(pixels.end(), image.begin(), image.end());
  labels.push_back(label);
}

bool holds_mnist(const std::string& folder) {
  const std::array<IdxPair, 2> pairs = find_mnist(folder);
  return std::any_of(pairs.begin(), pairs.end(),
                     [](const IdxPair& pair) { return !pair.images.empty() || !pair.labels.empty(); });
}

ImageSet read_mnist(const std::string& folder) {
  ImageSet images;
  for (const IdxPair& pair : find_mnist(folder)) {
    if (pair.images.empty() && pair.labels.empty()) {
      continue;
    }
    if (pair.images.empty() || pair.labels.empty()) {
      throw InputError(fmt::format("{} has no {} beside it", pair.images.empty() ? pair.labels : pair.images,
                                   pair.images.empty() ? "images" : "labels"),
                       "images and labels come as a pair of files", "Fetch the other file too.");
    }
    append_idx(images, pair.images, pair.labels);
  }
  if (images.labels.empty()) {
    throw InputError(
        fmt::format("{} holds no MNIST", folder),
        "there is neither train-images-idx3-ubyte nor t10k-images-idx3-ubyte, with or without .gz",
        "Name the folder that holds them.");
  }
  return images;
}

ImageFolder list_image_folder(const std::string& root) {
  const std::vector<fs::path> domains = folders_in(root);
  if (domains.size() < 2) {
    throw InputError(fmt::format("{} has {}", root, domains.empty() ? "no domains" : "a single domain"),
                     "one is left out and the others are trained on, so that two are the least",
                     std::string(kLayout));
  }
  ImageFolder folder;
  folder.domains = names_of(domains);
  for (const fs::path& domain : domains) {
    const std::vector<fs::path> class_folders = folders_in(domain);
    const std::vector<std::string> classes = names_of(class_folders);
    if (classes.size() < 2) {
      throw InputError(fmt::format("{} has {}", domain.string(),
                                   classes.empty() ? "no folders of classes" : "a single class"),
                       "there must be two classes at least to tell apart", std::string(kLayout));
    }
    if (folder.classes.empty()) {
      folder.classes = classes;
    }
    check_same_classes(classes, domain, folder.classes, domains.front());
    folder.files.push_back(files_of(class_folders));
  }
  return folder;
}

ImageSet read_pictures(std::span<const ImageFolder::File> files, std::optional<int> image_size,
                       int num_threads) {
  MOEST_EXPECT(!files.empty());
  const auto read = [&](const ImageFolder::File& file) {
    const Picture picture = decoded(file.path);
    return image_size ? resized(picture, *image_size, *image_size) : picture;
  };
  ImageSet images;
  images.shape = read(files.front()).shape;
  const std::size_t num_values = images.shape.num_values();
  images.pixels.resize(files.size() * num_values);
  images.labels.resize(files.size());
  parallel_for(num_threads, static_cast<int>(files.size()), [&](int i) {
    const ImageFolder::File& file = files[static_cast<std::size_t>(i)];
    const Picture picture = read(file);
    if (picture.shape != images.shape) {
      throw InputError(
          fmt::format("{} has {} x {} pixels", file.path, picture.shape.width, picture.shape.height),
          fmt::format("{} has {} x {}", files.front().path, images.shape.width, images.shape.height),
          "Give `--image-size N`, to which all are resized.");
    }
    std::copy(picture.pixels.begin(), picture.pixels.end(),
              images.pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * num_values));
    images.labels[static_cast<std::size_t>(i)] = file.label;
  });
  return images;
}

Picture resized(const Picture& picture, int height, int width) {
  MOEST_EXPECT(height > 0 && width > 0 && picture.pixels.size() == picture.shape.num_values());
  if (picture.shape.height == height && picture.shape.width == width) {
    return picture;
  }
  const std::vector<Taps> rows = triangle_filter(picture.shape.height, height);
  const std::vector<Taps> columns = triangle_filter(picture.shape.width, width);
  Picture result{{picture.shape.channels, height, width}, {}};
  result.pixels.resize(result.shape.num_values());
  const std::size_t from = ImageShape{1, picture.shape.height, picture.shape.width}.num_values();
  const std::size_t to = ImageShape{1, height, width}.num_values();
  for (std::size_t c = 0; c < static_cast<std::size_t>(picture.shape.channels); ++c) {
    resize_channel(std::span(picture.pixels).subspan(c * from, from), picture.shape.width, rows, columns,
                   std::span(result.pixels).subspan(c * to, to));
  }
  return result;
}

ImageSet resized(const ImageSet& images, int image_size) {
  ImageSet result;
  result.shape = {images.shape.channels, image_size, image_size};
  for (int i = 0; i < images.size(); ++i) {
    const std::span<const std::uint8_t> image = images.image(i);
    result.add(resized(Picture{images.shape, {image.begin(), image.end()}}, image_size, image_size).pixels,
               images.labels[static_cast<std::size_t>(i)]);
  }
  return result;
}

}  // namespace moest::nn
