// The bodies of the combiners, templates over the arithmetic type. combiners.h includes this text into
// namespace moest, and the SIMD source once more into the namespace of each target: a function keeps the
// instruction set under which it was written. Hence no include guard, and nothing else includes it.

/// Replaces scores s_1..s_{k-1}, with s_k = 0, by softmax weights w_i = e^{s_i} / sum_j e^{s_j}; k >= 1.
/// `scores` has T get(int i), i < k - 1, and void set(int i, T), i < k. Scores above 600 are shifted down by
/// the largest one: no overflow for any finite scores. Up to there no shift is needed, since the last term of
/// the sum is 1, and k - 1 exponentials do. The weights are >= 0 and sum to one up to rounding. The
/// derivative of f = sum_i w_i h_i is df/ds_i = w_i (h_i - f).
template <class T, class Scores>
void anchored_softmax(int k, Scores& scores) {
  using std::exp;
  T largest = T(0);
  for (int i = 0; i + 1 < k; ++i) {
    const T score = scores.get(i);
    largest = select(largest < score, score, largest);
  }
  const auto is_large = T(600) < largest;
  T last = T(1);
  T shift = T(0);
  if (any(is_large)) {
    shift = select(is_large, largest, T(0));
    last = exp(-shift);
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
