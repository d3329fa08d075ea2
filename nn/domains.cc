#include "nn/domains.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <numeric>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/random.h"

namespace moest::nn {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"auto", "rotated", "coloured", "folder"};
constexpr std::array<int, 6> kAngles{0, 15, 30, 45, 60, 75};

struct ColouredDomain {
  std::string_view name;
  double flip;  // probability that the colour is not the label's
};
constexpr std::array<ColouredDomain, 3> kColouredDomains{{{"+90%", .1}, {"+80%", .2}, {"-90%", .9}}};
constexpr double kLabelNoise = .25;
constexpr int kFirstLargeDigit = 5;

Picture picture_of(const ImageSet& images, int i) {
  const std::span<const std::uint8_t> image = images.image(i);
  return {images.shape, {image.begin(), image.end()}};
}

// Which images belong to each of so many domains: disjoint shares in random order.
std::vector<std::vector<int>> shares(const ImageSet& digits, std::size_t num_domains,
                                     const DomainOptions& options) {
  const int share = std::min(options.images_per_domain, digits.size() / static_cast<int>(num_domains));
  if (share < kLeastImages) {
    throw InputError(
        fmt::format("{} images make {} for each of {} domains", digits.size(), share, num_domains),
        fmt::format("each needs {} at least", kLeastImages), "Take a larger file of images.");
  }
  const std::vector<int> order = random_order(digits.size(), options.seed, 0, "shares of the domains");
  std::vector<std::vector<int>> result;
  for (std::size_t domain = 0; domain < num_domains; ++domain) {
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(domain) * share;
    result.emplace_back(first, first + share);
  }
  return result;
}

std::string fingerprint_of(const ImageSet& images) {
  const std::string_view pixels(reinterpret_cast<const char*>(images.pixels.data()), images.pixels.size());
  const std::string_view labels(reinterpret_cast<const char*>(images.labels.data()),
                                images.labels.size() * sizeof(int));
  return fmt::format("{:016x}", text_hash(fmt::format("{} {}", text_hash(pixels), text_hash(labels))));
}

std::string fingerprint_of(const ImageFolder& folder, const std::string& root) {
  namespace fs = std::filesystem;
  std::string text;
  for (const auto& files : folder.files) {
    for (const ImageFolder::File& file : files) {
      std::error_code unreadable;  // which reading it tells
      text += fmt::format("{} {}\n", fs::path(file.path).lexically_relative(root).string(),
                          fs::file_size(file.path, unreadable));
    }
  }
  return fmt::format("{:016x}", text_hash(text));
}

std::vector<std::string> digit_names() { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }

DomainSet folder_domains(const std::string& data, const DomainOptions& options, int num_threads) {
  ImageFolder folder = list_image_folder(data);
  DomainSet set{"folder", folder.classes, {}, fingerprint_of(folder, data)};
  for (std::size_t domain = 0; domain < folder.domains.size(); ++domain) {
    const std::vector<ImageFolder::File>& files = folder.files[domain];
    const int size = static_cast<int>(files.size());
    if (size < kLeastImages) {
      throw InputError(fmt::format("the domain {} of {} has {} pictures", folder.domains[domain], data, size),
                       fmt::format("each needs {} at least", kLeastImages),
                       "Add some, or remove the domain.");
    }
    std::vector<int> order = random_order(size, options.seed, domain, "pictures of a folder");
    order.resize(static_cast<std::size_t>(std::min(size, options.images_per_domain)));
    std::sort(order.begin(), order.end());
    std::vector<ImageFolder::File> chosen;
    chosen.reserve(order.size());
    for (const int i : order) {
      chosen.push_back(files[static_cast<std::size_t>(i)]);
    }
    folder.files[domain] = std::move(chosen);
  }
  // All in one call, so that pictures of every domain are held to the size of the first.
  std::vector<ImageFolder::File> all;
  for (const auto& files : folder.files) {
    all.insert(all.end(), files.begin(), files.end());
  }
  const ImageSet pictures = read_pictures(all, options.image_size, num_threads);
  int next = 0;
  for (std::size_t domain = 0; domain < folder.domains.size(); ++domain) {
    ImageSet images{pictures.shape, {}, {}};
    for (std::size_t i = 0; i < folder.files[domain].size(); ++i, ++next) {
      images.add(pictures.image(next), pictures.labels[static_cast<std::size_t>(next)]);
    }
    set.domains.push_back({folder.domains[domain], std::move(images)});
  }
  return set;
}

}  // namespace

std::span<const Option<DomainOptions>> domain_options() {
  static const std::array kOptions{
      Option<DomainOptions>{"kind", &DomainOptions::kind, 0, 0, "",
                            "how domains differ: MNIST turned by 0 to 75 degrees or with colours that agree "
                            "with the label in 90, 80 and 10 % of the images, or a folder of pictures per "
                            "domain; auto means rotated if DIR holds MNIST's files",
                            kKinds},
      Option<DomainOptions>{"images_per_domain", &DomainOptions::images_per_domain, kLeastImages, 1e8, "",
                            "the most that a domain takes, chosen at random"},
      Option<DomainOptions>{"image_size", &DomainOptions::image_size, 4, 1024, "pixels",
                            "resize all images to this height and width; as they are by default"},
  };
  return kOptions;
}

DomainSet rotated_domains(const ImageSet& digits, const DomainOptions& options) {
  const std::vector<std::vector<int>> chosen = shares(digits, kAngles.size(), options);
  DomainSet set{"rotated", digit_names(), {}};
  for (std::size_t domain = 0; domain < kAngles.size(); ++domain) {
    ImageSet images{digits.shape, {}, {}};
    for (const int i : chosen[domain]) {
      images.add(turned(picture_of(digits, i), kAngles[domain]).pixels,
                 digits.labels[static_cast<std::size_t>(i)]);
    }
    set.domains.push_back({std::to_string(kAngles[domain]), std::move(images)});
  }
  return set;
}

DomainSet coloured_domains(const ImageSet& digits, const DomainOptions& options) {
  MOEST_EXPECT(digits.shape.channels == 1);
  const std::vector<std::vector<int>> chosen = shares(digits, kColouredDomains.size(), options);
  DomainSet set{"coloured", {"5 to 9", "0 to 4"}, {}};
  for (std::size_t domain = 0; domain < kColouredDomains.size(); ++domain) {
    Stream stream(options.seed, domain, "labels and colours");
    ImageSet images{{2, digits.shape.height, digits.shape.width}, {}, {}};
    for (const int i : chosen[domain]) {
      const bool is_small = digits.labels[static_cast<std::size_t>(i)] < kFirstLargeDigit;
      const bool label = is_small != (stream.uniform() < kLabelNoise);
      const bool colour = label != (stream.uniform() < kColouredDomains[domain].flip);
      const std::span<const std::uint8_t> digit = digits.image(i);
      std::vector<std::uint8_t> image(images.shape.num_values());
      std::copy(digit.begin(), digit.end(),
                image.begin() + (colour ? static_cast<std::ptrdiff_t>(digit.size()) : 0));
      images.add(image, label ? 1 : 0);
    }
    set.domains.push_back({std::string(kColouredDomains[domain].name), std::move(images)});
  }
  return set;
}

DomainSet read_domains(const std::string& data, const DomainOptions& options, int num_threads) {
  check_options<DomainOptions>(options, domain_options());
  if (options.kind == "folder" || (options.kind == "auto" && !holds_mnist(data))) {
    return folder_domains(data, options, num_threads);
  }
  const ImageSet read = read_mnist(data);
  const ImageSet digits = options.image_size ? resized(read, *options.image_size) : read;
  DomainSet set =
      options.kind == "coloured" ? coloured_domains(digits, options) : rotated_domains(digits, options);
  set.data_fingerprint = fingerprint_of(read);
  return set;
}

Picture turned(const Picture& picture, double degrees) {
  const int height = picture.shape.height;
  const int width = picture.shape.width;
  const double angle = degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  const double centre_x = (width - 1) / 2.0;
  const double centre_y = (height - 1) / 2.0;
  Picture result{picture.shape, std::vector<std::uint8_t>(picture.shape.num_values())};
  const std::size_t size = ImageShape{1, height, width}.num_values();
  for (std::size_t c = 0; c < static_cast<std::size_t>(picture.shape.channels); ++c) {
    const auto value = [&](int y, int x) {
      const bool is_inside = y >= 0 && y < height && x >= 0 && x < width;
      return is_inside ? picture.pixels[c * size + static_cast<std::size_t>(y * width + x)] : 0.0;
    };
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        // Where this pixel was before; y grows downwards.
        const double from_x = centre_x + cosine * (x - centre_x) - sine * (y - centre_y);
        const double from_y = centre_y + sine * (x - centre_x) + cosine * (y - centre_y);
        const int left = static_cast<int>(std::floor(from_x));
        const int top = static_cast<int>(std::floor(from_y));
        const double right_share = from_x - left;
        const double bottom_share = from_y - top;
        const double upper = std::lerp(value(top, left), value(top, left + 1), right_share);
        const double lower = std::lerp(value(top + 1, left), value(top + 1, left + 1), right_share);
        result.pixels[c * size + static_cast<std::size_t>(y * width + x)] =
            static_cast<std::uint8_t>(std::lround(std::lerp(upper, lower, bottom_share)));
      }
    }
  }
  return result;
}

std::vector<int> random_order(int size, std::uint64_t seed, std::uint64_t key, std::string_view purpose) {
  std::vector<int> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  Stream stream(seed, key, purpose);
  for (int i = size - 1; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(stream.below(i + 1))]);
  }
  return order;
}

}  // namespace moest::nn
