// Counter-based random streams that are named, not shared.
#pragma once

#include <Random123/philox.h>

#include <array>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cstdint>
#include <limits>
#include <string_view>

namespace moest {

/// 64 bits of a text (FNV-1a): the same on every machine.
std::uint64_t text_hash(std::string_view text);

/// The random stream (seed, key, purpose): Philox4x64-10 (Salmon et al., SC 2011) with key (seed, key) and
/// the purpose's hash in the counter. Streams of different names are independent; the same name always gives
/// the same bits, whatever the thread, the order or the number of other streams. Satisfies
/// UniformRandomBitGenerator. A stream must not be shared between threads.
class Stream {
 public:
  using result_type = std::uint64_t;

  Stream(std::uint64_t seed, std::uint64_t key, std::string_view purpose);

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()();

  /// Uniform on [0, 1).
  double uniform() { return boost::random::uniform_01<double>()(*this); }
  /// Uniform on [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Normal with mean 0 and variance 1.
  double normal() { return normal_(*this); }
  /// Uniform on {0, .., count - 1}; count >= 1.
  int below(int count) { return boost::random::uniform_int_distribution<int>(0, count - 1)(*this); }

 private:
  r123::Philox4x64::key_type key_;
  r123::Philox4x64::ctr_type counter_;
  std::array<std::uint64_t, 4> block_{};
  unsigned used_ = 4;
  boost::random::normal_distribution<double> normal_;
};

}  // namespace moest
