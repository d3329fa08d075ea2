#include "moest/base/random.h"

#include <algorithm>

namespace moest {

std::uint64_t text_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

Stream::Stream(std::uint64_t seed, std::uint64_t key, std::string_view purpose)
    : key_{{seed, key}}, counter_{{0, 0, 0, text_hash(purpose)}} {}

Stream::result_type Stream::operator()() {
  if (used_ == block_.size()) {
    const auto random = r123::Philox4x64()(counter_, key_);
    std::copy(random.begin(), random.end(), block_.begin());
    counter_.incr();
    used_ = 0;
  }
  return block_[used_++];
}

}  // namespace moest
