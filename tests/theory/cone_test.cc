#include "moest/theory/cone.h"

#include <gmock/gmock.h>

#include <Eigen/Eigenvalues>
#include <algorithm>

#include "moest/base/random.h"
#include "moest/theory/low_rank.h"
#include "moest/theory/null_space.h"

namespace moest {
namespace {

using Matrix = DenseMatrix<Wide>;

Matrix random_symmetric(Eigen::Index size, Stream& stream) {
  Matrix m(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      m(i, j) = m(j, i) = stream.normal();
    }
  }
  return m;
}

Matrix random_gram(Eigen::Index size, Eigen::Index rank, Stream& stream) {
  Matrix u(size, rank);
  for (Eigen::Index i = 0; i < u.size(); ++i) {
    u.data()[i] = stream.normal();
  }
  return u * u.transpose();
}

Wide inner(const Matrix& a, const Matrix& b) { return a.cwiseProduct(b).sum(); }

/// Subspaces that are orthogonal to a planted positive definite matrix meet the cone only at 0.
TEST(Cone, IsSeparatedWhereAPositiveDefiniteMatrixIsOrthogonal) {
  Stream stream(1, 0, "cone");
  for (int trial = 0; trial < 8; ++trial) {
    const Eigen::Index size = 2 + trial % 5;
    const Matrix planted = random_gram(size, size, stream) + Matrix::Identity(size, size);
    std::vector<Matrix> basis;
    for (int b = 0; b < 4; ++b) {
      Matrix m = random_symmetric(size, stream);
      m -= planted * (inner(m, planted) / inner(planted, planted));
      basis.push_back(m);
    }
    const ConeAnswer answer = meet_cone(orthonormalised(basis), size);
    EXPECT_FALSE(answer.member) << trial;
    EXPECT_GT(answer.separation, kLeastSeparation) << trial;
  }
}

/// Subspaces with a planted member: what is found is in the span, positive semidefinite and of its rank.
TEST(Cone, FindsAPlantedMember) {
  Stream stream(2, 0, "cone");
  for (int trial = 0; trial < 8; ++trial) {
    const Eigen::Index size = 3 + trial % 4;
    const Eigen::Index rank = 1 + trial % 2;
    const Matrix planted = random_gram(size, rank, stream);
    // The others are orthogonal to a separating matrix of the face's complement, so that nothing else is a
    // member.
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(planted);
    const Matrix complement = eigen.eigenvectors().leftCols(size - rank);
    const Matrix wall = complement * complement.transpose();
    std::vector<Matrix> basis{planted};
    for (int b = 0; b < 3; ++b) {
      Matrix m = random_symmetric(size, stream);
      m -= wall * (inner(m, wall) / inner(wall, wall));
      basis.push_back(m);
    }
    const std::vector<Matrix> span = orthonormalised(basis);
    const ConeAnswer answer = meet_cone(span, size);
    ASSERT_TRUE(answer.member) << trial;
    EXPECT_EQ(answer.separation, 0);
    Matrix rest = *answer.member;
    for (const Matrix& b : span) {
      rest -= b * inner(b, rest);
    }
    EXPECT_LT(rest.norm(), Wide(1e-20));
    const Eigen::SelfAdjointEigenSolver<Matrix> found(*answer.member);
    EXPECT_GT(found.eigenvalues()[0], Wide(-1e-18));
    EXPECT_LE(answer.range.cols(), rank);
    EXPECT_LT((*answer.member - planted / planted.trace()).norm(), Wide(1e-10)) << trial;
  }
}

/// Sums of two squares of vectors in a plane of matrices that also holds each square.
TEST(LowRank, FindsARankOneMember) {
  Stream stream(4, 0, "low rank");
  for (int trial = 0; trial < 5; ++trial) {
    const std::vector<Matrix> span =
        orthonormalised({random_gram(3, 1, stream), random_gram(3, 1, stream), random_gram(3, 1, stream)});
    const auto found = find_low_rank(span, 1, stream);
    ASSERT_TRUE(found) << trial;
    Matrix rest = *found * found->transpose();
    EXPECT_GT(rest.trace(), Wide(0.99));
    for (const Matrix& b : span) {
      rest -= b * inner(b, rest);
    }
    EXPECT_LT(rest.norm(), Wide(1e-28));
  }
}

TEST(LowRank, FindsNothingWhereNothingIs) {
  Stream stream(5, 0, "low rank");
  EXPECT_FALSE(find_low_rank({Matrix::Identity(3, 3) / sqrt(Wide(3))}, 1, stream));
  EXPECT_FALSE(find_low_rank({}, 1, stream));
}

TEST(Cone, IsMetByTheIdentity) {
  const ConeAnswer answer = meet_cone(orthonormalised({Matrix::Identity(3, 3)}), 3);
  ASSERT_TRUE(answer.member);
  EXPECT_EQ(answer.range.cols(), 3);
}

TEST(Cone, IsNotMetByNothing) { EXPECT_NEAR(meet_cone({}, 4).separation, 0.25, 1e-12); }

TEST(NullSpace, FindsPlantedRelationsAndTellsSmallFromNull) {
  Stream stream(3, 0, "null space");
  Matrix a(30, 6);
  for (Eigen::Index i = 0; i < a.size(); ++i) {
    a.data()[i] = stream.normal();
  }
  a.col(3) = a.col(0) * Wide(2) - a.col(1) / Wide(3);
  a.col(5) = a.col(4) + a.col(5) * Wide(1e-20);  // nearly dependent
  const NullSpace<Wide> null = null_space<Wide>(a, null_threshold<Wide>());
  ASSERT_EQ(null.nullity(), 1);
  EXPECT_TRUE(null.is_clear);
  EXPECT_LT(null.smallest_non_null, Wide(1e-19));
  EXPECT_GT(null.smallest_non_null, Wide(1e-22));
  EXPECT_LT(null.largest_null, Wide(1e-45));
  EXPECT_LT((a * null.basis).norm(), Wide(1e-45));
  EXPECT_LT((null.range.transpose() * null.range - Matrix::Identity(5, 5)).norm(), Wide(1e-45));
}

}  // namespace
}  // namespace moest
