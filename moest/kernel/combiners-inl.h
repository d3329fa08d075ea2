// The bodies of the combiners, templates over the arithmetic type. combiners.h includes this text into
// namespace moest, and the SIMD source once more into the namespace of each target: a function keeps the
// instruction set under which it was written. Hence no include guard, and nothing else includes it.

/// Of scores s_1..s_k, the `kept` largest stay as they are, the lower index first among equal ones; the
/// others become -infinity. 1 <= kept <= k. `scores` has T get(int i) and void set(int i, T), i < k.
template <class T, class Scores>
void keep_largest(int k, int kept, Scores& scores) {
  const T infinity = T(std::numeric_limits<double>::infinity());
  // The next score in the order from large to small and, among equal ones, by index.
  T value = infinity;
  T index = T(-1);
  for (int rank = 0; rank < kept; ++rank) {
    T next = -infinity;
    T next_index = T(k);
    for (int i = 0; i < k; ++i) {
      const T score = scores.get(i);
      const T equal = select(value < score, -infinity, select(index < T(i), score, -infinity));
      const T candidate = select(score < value, score, equal);
      const auto is_larger = next < candidate;
      next = select(is_larger, candidate, next);
      next_index = select(is_larger, T(i), next_index);
    }
    value = next;
    index = next_index;
  }
  for (int i = 0; i < k; ++i) {
    const T score = scores.get(i);
    const T equal = select(value < score, score, select(index < T(i), -infinity, score));
    scores.set(i, select(score < value, -infinity, equal));
  }
}

/// Replaces scores s_1..s_{k-1}, with s_k = 0, by softmax weights w_i = e^{s_i} / sum_j e^{s_j}; k >= 1.
/// `scores` has T get(int i), i < k - 1, and void set(int i, T), i < k. Scores above 600 are shifted down by
/// the largest one: no overflow for any finite scores. Up to there no shift is needed, since the last term of
/// the sum is 1, and k - 1 exponentials do. The weights are >= 0 and sum to one up to rounding. The
/// derivative of f = sum_i w_i h_i is df/ds_i = w_i (h_i - f). A last_mass of 0 instead of e^{s_k} = 1 takes
/// expert k out; then some other score must not be negative.
template <class T, class Scores>
void anchored_softmax(int k, Scores& scores, const T& last_mass = T(1)) {
  using std::exp;
  T largest = T(0);
  for (int i = 0; i + 1 < k; ++i) {
    const T score = scores.get(i);
    largest = select(largest < score, score, largest);
  }
  const auto is_large = T(600) < largest;
  T last = last_mass;
  T shift = T(0);
  if (any(is_large)) {
    shift = select(is_large, largest, T(0));
    last = last_mass * exp(-shift);
  }
  T total = last;
  for (int i = 0; i + 1 < k; ++i) {
    const T mass = exp(scores.get(i) - shift);
    scores.set(i, mass);
    total = total + mass;
  }
  const T scale = T(1) / total;
  for (int i = 0; i + 1 < k; ++i) {
    scores.set(i, scale * scores.get(i));
  }
  scores.set(k - 1, scale * last);
}

/// A softmax over groups of experts, and in each group one over its experts: group g is the experts ends[g-1]
/// .. ends[g] - 1. Score i < k - 1 is that of expert i relative to the last of its group or, where i is that
/// last one, that of the group relative to the last group. Replaces them by the k weights inside the groups,
/// and gives the weight of each group. `scores` is as in anchored_softmax, `shares` has void set(int g, T).
template <class T, class Scores, class Shares>
void hierarchical_softmax(const int* ends, int num_groups, Scores& scores, Shares& shares) {
  struct OfGroups {
    const int* ends;
    Scores& scores;
    Shares& shares;
    // Masses take the places of the scores before the weights are known.
    T get(int g) const { return scores.get(ends[g] - 1); }
    void set(int g, const T& value) {
      scores.set(ends[g] - 1, value);
      shares.set(g, value);
    }
  };
  struct OfExperts {
    int first;
    Scores& scores;
    T get(int i) const { return scores.get(first + i); }
    void set(int i, const T& value) { scores.set(first + i, value); }
  };
  OfGroups groups{ends, scores, shares};
  anchored_softmax<T>(num_groups, groups);
  for (int g = 0, first = 0; g < num_groups; first = ends[g++]) {
    OfExperts experts{first, scores};
    anchored_softmax<T>(ends[g] - first, experts);
  }
}
