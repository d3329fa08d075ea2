// Arithmetic on the vectors of one gate, for any arithmetic type.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

namespace moest {

/// The Euclidean norm, in units of the largest magnitude, so that no square overflows.
template <class T>
T euclidean_norm(std::span<const T> x) {
  using std::abs, std::sqrt;
  T unit = T(0);
  for (const T& value : x) {
    unit = unit < abs(value) ? T(abs(value)) : unit;
  }
  if (!(T(0) < unit)) {
    return unit;
  }
  T sum_sq = T(0);
  for (const T& value : x) {
    sum_sq = sum_sq + (value / unit) * (value / unit);
  }
  return unit * sqrt(sum_sq);
}

/// to = factor from.
template <class T>
void scale_by(const T& factor, std::span<const T> from, std::span<T> to) {
  for (std::size_t j = 0; j < from.size(); ++j) {
    to[j] = factor * from[j];
  }
}

/// to = from / |from|, from != 0. In two steps, so that no reciprocal of a tiny norm overflows.
template <class T>
void normalise(std::span<const T> from, std::span<T> to) {
  using std::abs;
  T unit = T(0);
  for (const T& value : from) {
    unit = unit < abs(value) ? T(abs(value)) : unit;
  }
  for (std::size_t j = 0; j < from.size(); ++j) {
    to[j] = from[j] / unit;
  }
  const T norm = euclidean_norm<T>(std::span<const T>(to));
  for (T& value : to) {
    value = value / norm;
  }
}

}  // namespace moest
