// Domains: the same classes in pictures of different looks, made from MNIST or read from folders.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/base/option.h"
#include "nn/images.h"

namespace moest::nn {

/// Options of read_domains(); the sentences and ranges are in domain_options().
struct DomainOptions {
  std::string kind = "auto";
  int images_per_domain = 3000;
  std::optional<int> image_size = {};
  std::uint64_t seed = 0;

  bool operator==(const DomainOptions&) const = default;
};

/// The options but for the seed, in the order of the documentation.
std::span<const Option<DomainOptions>> domain_options();

struct Domain {
  std::string name;
  ImageSet images;
};

/// Domains of one shape and the same classes.
struct DomainSet {
  std::string kind;                  // rotated, coloured or folder
  std::vector<std::string> classes;  // their names
  std::vector<Domain> domains;
  /// 16 hexadecimal digits that tell the data from others, the same for every seed: of all of MNIST's images,
  /// or of the names and sizes of all files of pictures. Empty for domains that read_domains() did not read.
  std::string data_fingerprint = {};

  ImageShape shape() const { return domains.front().images.shape; }
};

/// The fewest images that a domain may have.
inline constexpr int kLeastImages = 10;

/// Rotated MNIST: domains 0, 15, 30, 45, 60 and 75 (degrees counter-clockwise; Ghifary et al., 2015). Each
/// has its own share of the images, chosen at random, as in DomainBed (arXiv 2007.01434), and at most
/// options.images_per_domain of them. Throws InputError where a share is smaller than kLeastImages.
DomainSet rotated_domains(const ImageSet& digits, const DomainOptions& options);

/// Coloured MNIST (Arjovsky et al., arXiv 1907.02893): label y = (digit < 5), flipped with probability 1/4;
/// colour z = y, flipped with probability .1, .2 and .9 in the domains +90%, +80% and -90%; the digit is in
/// channel z of two, and the other is 0. A model that trusts the colour gets .1 in the last domain, one that
/// trusts the shape at most .75 in all. Shares as in rotated_domains().
DomainSet coloured_domains(const ImageSet& digits, const DomainOptions& options);

/// The domains in folder `data`. Kind `auto` means rotated where there are MNIST's files, and folder
/// elsewhere: then each domain is a folder of folders of pictures, as list_image_folder() says, of which at
/// most options.images_per_domain are read, chosen at random. Throws InputError as read_mnist(),
/// list_image_folder() and read_pictures(), and for options out of range.
DomainSet read_domains(const std::string& data, const DomainOptions& options, int num_threads = 0);

/// The picture turned by an angle in degrees, counter-clockwise as one looks at it, about its centre, by
/// bilinear interpolation; what lies outside it is 0. Extents stay.
Picture turned(const Picture& picture, double degrees);

/// The numbers 0 .. size - 1 in an order from the stream (seed, key, purpose).
std::vector<int> random_order(int size, std::uint64_t seed, std::uint64_t key, std::string_view purpose);

}  // namespace moest::nn
