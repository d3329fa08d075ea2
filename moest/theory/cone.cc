#include "moest/theory/cone.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>

namespace moest {
namespace {

using Matrix = DenseMatrix<Wide>;
using Vector = DenseVector<Wide>;

constexpr double kNullValue = 1e-22;  // of s: the numbers reach 1e-28

Wide inner(const Matrix& a, const Matrix& b) { return a.cwiseProduct(b).sum(); }

/// The barrier problem for one weight mu: minimise c . linear / mu - log det X(c), X(c) = I / p + sum_i c_i
/// A_i.
class CentralPath {
 public:
  CentralPath(const std::vector<Matrix>& basis, Eigen::Index size)
      : size_(size), c_(Vector::Zero(static_cast<Eigen::Index>(basis.size()))), traces_(c_) {
    for (std::size_t i = 0; i < basis.size(); ++i) {
      const Wide trace = basis[i].trace();
      traces_[static_cast<Eigen::Index>(i)] = trace;
      directions_.emplace_back(basis[i] -
                               Matrix::Identity(size, size) * (trace / Wide(static_cast<double>(size))));
    }
  }

  Matrix point() const {
    Matrix x = Matrix::Identity(size_, size_) / Wide(static_cast<double>(size_));
    for (std::size_t i = 0; i < directions_.size(); ++i) {
      x += directions_[i] * c_[static_cast<Eigen::Index>(i)];
    }
    return x;
  }
  /// s = (1 - sum_i c_i tr B_i) / p.
  Wide value() const { return (Wide(1) - traces_.dot(c_)) / Wide(static_cast<double>(size_)); }

  /// Newton steps to the centre for mu; damped, so that they stay inside the cone.
  void centre(const Wide& mu) {
    constexpr int kMostSteps = 60;
    for (int step = 0; step < kMostSteps; ++step) {
      const Matrix inverse = point().llt().solve(Matrix::Identity(size_, size_));
      std::vector<Matrix> scaled;
      scaled.reserve(directions_.size());
      for (const Matrix& direction : directions_) {
        scaled.emplace_back(inverse * direction);
      }
      const auto count = c_.size();
      Vector gradient(count);
      Matrix hessian(count, count);
      for (Eigen::Index i = 0; i < count; ++i) {
        const Matrix& a = scaled[static_cast<std::size_t>(i)];
        gradient[i] = -traces_[i] / (Wide(static_cast<double>(size_)) * mu) - a.trace();
        for (Eigen::Index j = 0; j <= i; ++j) {
          hessian(i, j) = hessian(j, i) = inner(a, scaled[static_cast<std::size_t>(j)].transpose());
        }
      }
      // A direction without effect (a multiple of I in N) has zeros here.
      hessian.diagonal().array() += Wide(1e-40) * (Wide(1) + hessian.trace());
      const Vector move = -hessian.llt().solve(gradient);
      const Wide decrement = sqrt(abs(gradient.dot(move)));
      c_ += move * (decrement < Wide(0.25) ? Wide(1) : Wide(1) / (Wide(1) + decrement));
      if (decrement < Wide(1e-8)) {
        return;
      }
    }
  }

  /// Y = Z + (1 - tr Z) / p I with Z = mu X^-1, orthogonal to N at the centre.
  Matrix dual(const Wide& mu) const {
    Matrix z = point().llt().solve(Matrix::Identity(size_, size_)) * mu;
    z += Matrix::Identity(size_, size_) * ((Wide(1) - z.trace()) / Wide(static_cast<double>(size_)));
    return z;
  }

 private:
  Eigen::Index size_;
  std::vector<Matrix> directions_;
  Vector c_;
  Vector traces_;
};

/// The smallest eigenvalue of `y` after it was made exactly orthogonal to N, and of trace 1.
double separation_of(Matrix y, const std::vector<Matrix>& basis) {
  for (const Matrix& b : basis) {
    y -= b * inner(y, b);
  }
  const Wide trace = y.trace();
  if (!(trace > Wide(0))) {
    return 0;
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(y / trace, Eigen::EigenvaluesOnly);
  return static_cast<double>(eigen.eigenvalues()[0]);
}

}  // namespace

std::vector<Matrix> orthonormalised(std::vector<Matrix> matrices) {
  std::vector<Matrix> result;
  for (Matrix& matrix : matrices) {
    const Wide before = sqrt(inner(matrix, matrix));
    for (int pass = 0; pass < 2; ++pass) {
      for (const Matrix& other : result) {
        matrix -= other * inner(matrix, other);
      }
    }
    const Wide norm = sqrt(inner(matrix, matrix));
    if (norm > Wide(1e-30) * before) {
      result.emplace_back(matrix / norm);
    }
  }
  return result;
}

ConeAnswer meet_cone(const std::vector<Matrix>& basis, Eigen::Index size) {
  ConeAnswer answer;
  CentralPath path(basis, size);
  constexpr double kLeastBarrier = 1e-30;
  constexpr double kShrink = 0.2;
  for (Wide mu = 1; mu > Wide(kLeastBarrier); mu *= Wide(kShrink)) {
    path.centre(mu);
    const double separation = separation_of(path.dual(mu), basis);
    answer.separation = std::max(answer.separation, separation);
    if (answer.separation > kLeastSeparation && separation <= answer.separation * 1.001 && mu < Wide(1e-4)) {
      return answer;  // the path has found the best one
    }
  }
  if (answer.separation > kLeastSeparation) {
    return answer;
  }
  answer.separation = 0;
  if (path.value() > Wide(kNullValue)) {
    return answer;
  }
  const Matrix member = path.point() - Matrix::Identity(size, size) * path.value();
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(member);
  constexpr double kLeastEigenvalue = 1e-9;  // of a matrix of trace 1; null ones are 1e-22 and less
  Eigen::Index rank = 0;
  while (rank < size && eigen.eigenvalues()[size - 1 - rank] > Wide(kLeastEigenvalue)) {
    ++rank;
  }
  answer.member = member / member.trace();
  answer.range = eigen.eigenvectors().rightCols(rank);
  return answer;
}

}  // namespace moest
