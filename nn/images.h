// Pictures in memory, and the files that they come from: IDX (MNIST and its like), PNG and JPEG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moest::nn {

/// The extents of a picture: channels x height x width values, row-major.
struct ImageShape {
  int channels = 1;
  int height = 0;
  int width = 0;

  std::size_t num_values() const;
  bool operator==(const ImageShape&) const = default;
};

/// One picture; values from 0 (black) to 255.
struct Picture {
  ImageShape shape;
  std::vector<std::uint8_t> pixels;  // channels x height x width
};

/// n labelled pictures of one shape.
struct ImageSet {
  ImageShape shape;
  std::vector<std::uint8_t> pixels;  // n x channels x height x width
  std::vector<int> labels;           // n, from 0

  int size() const { return static_cast<int>(labels.size()); }
  std::span<const std::uint8_t> image(int i) const;
  /// Requires a picture of this shape.
  void add(std::span<const std::uint8_t> image, int label);
};

/// Whether the folder has a file by one of MNIST's names: {train,t10k}-{images-idx3,labels-idx1}-ubyte, alone
/// or with .gz; a dot in place of the hyphen before idx is understood too.
bool holds_mnist(const std::string& folder);

/// The training images, then the test images, of which one pair of files may be absent; labels are 0 to 9.
/// Throws InputError that names the file: absent, not IDX, cut short, another number of labels than images.
ImageSet read_mnist(const std::string& folder);

/// Pictures in folders `root/domain/class/picture`, names sorted; files that are not .png, .jpg or .jpeg and
/// names that begin with a dot are passed over.
struct ImageFolder {
  struct File {
    std::string path;
    int label = 0;
  };
  std::vector<std::string> classes;
  std::vector<std::string> domains;
  std::vector<std::vector<File>> files;  // of each domain
};

/// Throws InputError that names the folder: there are fewer than two domains or classes, a class is empty, or
/// a domain has other classes than the first.
ImageFolder list_image_folder(const std::string& root);

/// Reads PNG or JPEG files as red, green and blue, and resizes each to image_size x image_size if given.
/// Throws InputError that names the file: it is damaged or, without image_size, of another size than the
/// first; and for any file in a build without stb_image.
ImageSet read_pictures(std::span<const ImageFolder::File> files, std::optional<int> image_size,
                       int num_threads = 0);

/// The picture with other extents, by a triangle filter as wide as the coarser of the two grids: bilinear
/// interpolation where it grows, a weighted mean of all pixels under the filter where it shrinks (the
/// `antialias` of Pillow and PyTorch). A constant picture stays as it is.
Picture resized(const Picture& picture, int height, int width);

/// All pictures resized to image_size x image_size.
ImageSet resized(const ImageSet& images, int image_size);

}  // namespace moest::nn
