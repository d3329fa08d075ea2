// IDX files, in which MNIST comes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moest::nn {

/// The bytes of an IDX file of these extents, as the page that defines the format says.
inline std::string idx(const std::vector<int>& extents, const std::vector<std::uint8_t>& values) {
  std::string content{0, 0, 8, static_cast<char>(extents.size())};
  for (const int extent : extents) {
    for (const int shift : {24, 16, 8, 0}) {
      content += static_cast<char>((extent >> shift) & 0xFF);
    }
  }
  return content.append(values.begin(), values.end());
}

}  // namespace moest::nn
