// The linear relations between functions that are known at sample points.
#pragma once

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "moest/base/error.h"
#include "moest/theory/wide.h"

namespace moest {

/// The null space of a matrix A (m x p, m >= p), by QR with column pivoting, A P = Q [R11 R12; 0 R22].
/// Singular values are relative to that of the largest column, which is of size 1 where the columns are
/// normalised.
template <class T>
struct NullSpace {
  DenseMatrix<T> basis;  // p x nullity: A basis = 0 up to rounding; not orthonormal
  DenseMatrix<T> range;  // m x rank: orthonormal, the range of A
  T smallest_non_null;   // the smallest singular value of R11, by inverse iteration; 0 where the rank is 0
  T largest_null;  // |R22| in the Frobenius norm, at least every null singular value; 0 where there is none
  /// Whether the two are far apart: else the rank is a matter of taste.
  bool is_clear = true;

  int nullity() const { return static_cast<int>(basis.cols()); }
  int rank() const { return static_cast<int>(range.cols()); }
};

/// How small a relative singular value is that counts as null: 82 % of the digits, 1e-30 with 36 digits and
/// 1e-41 with
/// 50. What is not null was never seen below 1e-22, and what is null always within a few thousand eps.
template <class T>
T null_threshold() {
  constexpr double kShare = 0.82;
  return T(std::pow(10.0, -kShare * std::numeric_limits<T>::digits10));
}

/// |x|_2 of a column.
template <class T, class Vector>
T column_norm(const Vector& x) {
  using std::sqrt;
  T sum = T(0);
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    sum += x[i] * x[i];
  }
  return sqrt(sum);
}

/// Factors by which each column of `a` has length 1; 1 for a column of zeros.
template <class T>
DenseVector<T> normalising_factors(const DenseMatrix<T>& a) {
  DenseVector<T> factors(a.cols());
  for (Eigen::Index j = 0; j < a.cols(); ++j) {
    const T norm = column_norm<T>(a.col(j));
    factors[j] = norm > T(0) ? T(T(1) / norm) : T(1);
  }
  return factors;
}

/// The smallest singular value of an upper triangular matrix that is not singular.
template <class T>
T smallest_singular_value(const DenseMatrix<T>& r) {
  DenseVector<T> x(r.cols());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    x[i] = T(1) + T(static_cast<double>(i % 7)) / T(11);  // nothing special
  }
  T value = T(0);
  for (int iteration = 0; iteration < 8; ++iteration) {
    x /= column_norm<T>(x);
    const DenseVector<T> y = r.transpose().template triangularView<Eigen::Lower>().solve(x);
    x = r.template triangularView<Eigen::Upper>().solve(y);
    value = T(1) / column_norm<T>(y);
  }
  return value;
}

template <class T>
NullSpace<T> null_space(const DenseMatrix<T>& a, const T& threshold) {
  using std::abs;
  MOEST_EXPECT(a.rows() >= a.cols());
  const Eigen::Index p = a.cols();
  NullSpace<T> result;
  if (p == 0) {
    result.basis.resize(0, 0);
    result.range.resize(a.rows(), 0);
    return result;
  }
  const Eigen::ColPivHouseholderQR<DenseMatrix<T>> qr(a);
  const DenseMatrix<T> r =
      qr.matrixR().topRows(std::min(a.rows(), p)).template triangularView<Eigen::Upper>();
  const T largest = abs(r(0, 0));
  Eigen::Index rank = 0;
  while (rank < r.rows() && abs(r(rank, rank)) > threshold * largest && largest > T(0)) {
    ++rank;
  }
  const DenseMatrix<T> r11 = r.topLeftCorner(rank, rank);
  if (rank > 0) {
    result.smallest_non_null = smallest_singular_value<T>(r11) / largest;
  }
  T rest = T(0);
  for (Eigen::Index i = rank; i < r.rows(); ++i) {
    for (Eigen::Index j = i; j < p; ++j) {
      rest += r(i, j) * r(i, j);
    }
  }
  using std::sqrt;
  result.largest_null = largest > T(0) ? T(sqrt(rest) / largest) : T(0);
  constexpr double kClear = 1e-6;
  result.is_clear = rank == 0 || result.largest_null < T(kClear) * result.smallest_non_null;
  DenseMatrix<T> permuted(p, p - rank);
  if (rank > 0 && rank < p) {
    permuted.topRows(rank) =
        -r11.template triangularView<Eigen::Upper>().solve(DenseMatrix<T>(r.topRightCorner(rank, p - rank)));
  }
  permuted.bottomRows(p - rank).setIdentity();
  result.basis = qr.colsPermutation() * permuted;
  DenseMatrix<T> selected = DenseMatrix<T>::Identity(a.rows(), rank);
  selected.applyOnTheLeft(qr.householderQ());
  result.range = selected;
  return result;
}

/// The linear relations between functions that are given at points, a column each: the null space of the
/// columns scaled to length 1, with the scales undone in its basis.
template <class T>
NullSpace<T> relations_between(const DenseMatrix<T>& columns) {
  const DenseVector<T> factors = normalising_factors(columns);
  NullSpace<T> null = null_space<T>(columns * factors.asDiagonal(), null_threshold<T>());
  null.basis = factors.asDiagonal() * null.basis;
  return null;
}

}  // namespace moest
