// The closed list of combiners: from the scores of the experts to their weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <span>

#include "moest/kernel/links.h"

namespace moest {

inline bool any(bool condition) { return condition; }

#include "moest/kernel/combiners-inl.h"

/// Softmax of k >= 1 scores in place, anchored at the largest: no overflow for any finite scores. With 0 <
/// kept < k it is that of the `kept` largest scores, and the other weights are 0.
template <class T>
void softmax(std::span<T> scores, int kept = 0) {
  struct Access {
    std::span<T> values;
    T get(int i) const { return values[static_cast<std::size_t>(i)]; }
    void set(int i, const T& value) { values[static_cast<std::size_t>(i)] = value; }
  };
  if (const auto k = static_cast<int>(scores.size()); 0 < kept && kept < k) {
    Access all{scores};
    keep_largest<T>(k, kept, all);
  }
  const auto largest = std::max_element(scores.begin(), scores.end());
  std::iter_swap(largest, std::prev(scores.end()));
  for (T& score : scores.first(scores.size() - 1)) {
    score = score - scores.back();
  }
  Access access{scores};
  anchored_softmax<T>(static_cast<int>(scores.size()), access);
  std::iter_swap(largest, std::prev(scores.end()));
}

}  // namespace moest
