#include "moest/theory/low_rank.h"

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

  /// One Gauss-Newton step of minimal length; returns the length of the residual before it.
  T step(DenseMatrix<T>& u) const {
    const Eigen::Index count = size_ * size_ + 1;
    DenseVector<T> residual(count);
    DenseMatrix<T> jacobian(count, u.size());
    const auto flat = [](const DenseMatrix<T>& m) {
      return Eigen::Map<const DenseVector<T>>(m.data(), m.size());
    };
    residual.head(count - 1) = flat(outside(u * u.transpose()));
    residual[count - 1] = u.squaredNorm() - T(1);
    for (Eigen::Index p = 0; p < u.size(); ++p) {
      DenseMatrix<T> unit = DenseMatrix<T>::Zero(size_, rank_);
      unit.data()[p] = T(1);
      const DenseMatrix<T> change = unit * u.transpose() + u * unit.transpose();
      jacobian.col(p).head(count - 1) = flat(outside(change));
      jacobian(count - 1, p) = T(2) * u.data()[p];
    }
    Eigen::CompleteOrthogonalDecomposition<DenseMatrix<T>> decomposition;
    decomposition.setThreshold(T(1e-9));
    decomposition.compute(jacobian);
    const DenseVector<T> move = decomposition.solve(residual);
    u -= Eigen::Map<const DenseMatrix<T>>(move.data(), size_, rank_);
    using std::sqrt;
    return sqrt(residual.squaredNorm());
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
  constexpr int kStarts = 60;
  constexpr int kSteps = 40;
  constexpr int kPolish = 8;
  const Equations<double> rough(basis, rank);
  const Equations<Wide> exact(basis, rank);
  for (int start = 0; start < kStarts; ++start) {
    DenseMatrix<double> u(basis.front().rows(), rank);
    for (Eigen::Index p = 0; p < u.size(); ++p) {
      u.data()[p] = stream.normal();
    }
    u /= u.norm();
    double error = 1;
    for (int step = 0; step < kSteps && error > 1e-13; ++step) {
      error = rough.step(u);
    }
    if (!(error < 1e-7)) {
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
