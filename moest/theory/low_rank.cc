#include "moest/theory/low_rank.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <cmath>

namespace moest {
namespace {

/// Equations for U: the part of U U' outside the span is 0, and |U|^2 = 1.
template <class T>
class Equations {
 public:
  Equations(const std::vector<DenseMatrix<Wide>>& basis, Eigen::Index rank)
      : size_(basis.front().rows()), rank_(rank) {
    for (const DenseMatrix<Wide>& matrix : basis) {
      basis_.push_back(matrix.cast<T>());
    }
  }

  DenseMatrix<T> outside(DenseMatrix<T> m) const {
    for (const DenseMatrix<T>& b : basis_) {
      const T share = b.cwiseProduct(m).sum();
      m -= b * share;
    }
    return m;
  }

  DenseVector<T> residual(const DenseMatrix<T>& u) const {
    DenseVector<T> result(size_ * size_ + 1);
    const DenseMatrix<T> rest = outside(u * u.transpose());
    result.head(rest.size()) = Eigen::Map<const DenseVector<T>>(rest.data(), rest.size());
    result[rest.size()] = u.squaredNorm() - T(1);
    return result;
  }

  DenseMatrix<T> jacobian(const DenseMatrix<T>& u) const {
    DenseMatrix<T> result(size_ * size_ + 1, u.size());
    for (Eigen::Index p = 0; p < u.size(); ++p) {
      DenseMatrix<T> unit = DenseMatrix<T>::Zero(size_, rank_);
      unit.data()[p] = T(1);
      const DenseMatrix<T> change = outside(unit * u.transpose() + u * unit.transpose());
      result.col(p).head(change.size()) = Eigen::Map<const DenseVector<T>>(change.data(), change.size());
      result(change.size(), p) = T(2) * u.data()[p];
    }
    return result;
  }

  /// A Gauss-Newton step of minimal length; returns the length of the residual before it.
  T step(DenseMatrix<T>& u) const {
    using std::sqrt;
    const DenseVector<T> r = residual(u);
    Eigen::CompleteOrthogonalDecomposition<DenseMatrix<T>> decomposition;
    decomposition.setThreshold(T(1e-9));
    decomposition.compute(jacobian(u));
    const DenseVector<T> move = decomposition.solve(r);
    u -= Eigen::Map<const DenseMatrix<T>>(move.data(), size_, rank_);
    return sqrt(r.squaredNorm());
  }

  /// Levenberg-Marquardt from afar; returns the length of the residual in the end.
  T descend(DenseMatrix<T>& u) const {
    using std::sqrt;
    constexpr int kSteps = 60;
    T damping(1e-2);
    T error = residual(u).squaredNorm();
    for (int i = 0; i < kSteps && error > T(1e-28); ++i) {
      const DenseMatrix<T> j = jacobian(u);
      DenseMatrix<T> normal = j.transpose() * j;
      normal.diagonal().array() += damping;
      const DenseVector<T> move = normal.ldlt().solve(j.transpose() * residual(u));
      const DenseMatrix<T> next = u - Eigen::Map<const DenseMatrix<T>>(move.data(), size_, rank_);
      const T after = residual(next).squaredNorm();
      if (after < error) {
        u = next;
        error = after;
        damping /= T(4);
      } else {
        damping *= T(5);
      }
    }
    return sqrt(error);
  }

 private:
  Eigen::Index size_;
  Eigen::Index rank_;
  std::vector<DenseMatrix<T>> basis_;
};

}  // namespace

std::optional<DenseMatrix<Wide>> find_low_rank(const std::vector<DenseMatrix<Wide>>& basis, Eigen::Index rank,
                                               Stream& stream) {
  if (basis.empty()) {
    return std::nullopt;
  }
  constexpr int kStarts = 100;
  constexpr int kPolish = 8;
  const Equations<double> rough(basis, rank);
  const Equations<Wide> exact(basis, rank);
  for (int start = 0; start < kStarts; ++start) {
    DenseMatrix<double> u(basis.front().rows(), rank);
    for (Eigen::Index p = 0; p < u.size(); ++p) {
      u.data()[p] = stream.normal();
    }
    u /= u.norm();
    if (!(rough.descend(u) < 1e-7)) {
      continue;
    }
    DenseMatrix<Wide> polished = u.cast<Wide>();
    Wide rest = 1;
    for (int step = 0; step < kPolish && rest > Wide(1e-40); ++step) {
      rest = exact.step(polished);
    }
    if (rest < Wide(1e-30)) {
      return polished;
    }
  }
  return std::nullopt;
}

}  // namespace moest
