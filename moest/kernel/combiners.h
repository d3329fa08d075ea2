// The closed list of combiners: from the scores of the experts to their weights.
#pragma once

#include <cmath>
#include <span>

namespace moest {

/// Replaces scores s_1..s_k by softmax weights w_i = e^{s_i} / sum_j e^{s_j}; k >= 1. The largest score is
/// subtracted first: no overflow for any finite scores. The weights are >= 0 and sum to one up to rounding.
/// The derivative of f = sum_i w_i h_i is df/ds_i = w_i (h_i - f).
template <class T>
void softmax(std::span<T> scores) {
  using std::exp;
  T largest = scores[0];
  for (const T& score : scores) {
    largest = largest < score ? score : largest;
  }
  T total = T(0);
  for (T& score : scores) {
    score = exp(score - largest);
    total = total + score;
  }
  for (T& score : scores) {
    score = score / total;
  }
}

}  // namespace moest
