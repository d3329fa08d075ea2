#include "moest/model/region.h"

#include <Eigen/QR>
#include <algorithm>
#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

// Columns p_j - p_0 for the support's points j >= 1.
Eigen::MatrixXd edges(const Eigen::MatrixXd& points, const std::vector<Eigen::Index>& support) {
  Eigen::MatrixXd result(points.rows(), static_cast<Eigen::Index>(support.size()) - 1);
  for (Eigen::Index j = 0; j < result.cols(); ++j) {
    result.col(j) = points.col(support[static_cast<std::size_t>(j) + 1]) - points.col(support[0]);
  }
  return result;
}

// The point outside the support that the ball of centre c first loses on the way to c + direction, and when.
struct Collision {
  Eigen::Index point = -1;
  double time = 1;
};

Collision first_collision(const Eigen::MatrixXd& points, const std::vector<Eigen::Index>& support,
                          const Eigen::VectorXd& centre, const Eigen::VectorXd& direction) {
  Collision first;
  const auto on_boundary = points.col(support[0]);
  const double radius_sq = (on_boundary - centre).squaredNorm();
  for (Eigen::Index j = 0; j < points.cols(); ++j) {
    const double approach = 2 * direction.dot(on_boundary - points.col(j));
    if (approach <= 1e-14 * radius_sq || std::find(support.begin(), support.end(), j) != support.end()) {
      continue;
    }
    const double time = std::max(0.0, (radius_sq - (points.col(j) - centre).squaredNorm()) / approach);
    if (time < first.time) {
      first = {j, time};
    }
  }
  return first;
}

}  // namespace

Eigen::VectorXd enclosing_ball_centre(const Eigen::MatrixXd& points) {
  MOEST_EXPECT(points.cols() >= 1);
  Eigen::VectorXd centre = points.col(0);
  Eigen::Index farthest = 0;
  (points.colwise() - centre).colwise().squaredNorm().maxCoeff(&farthest);
  std::vector<Eigen::Index> support{farthest};
  const double scale = (points.col(farthest) - centre).norm();
  const auto max_steps = 50 * (points.cols() + points.rows());
  for (Eigen::Index step = 0; step < max_steps && scale > 0; ++step) {
    // Barycentric coordinates of the centre's projection on the affine hull of the support.
    const Eigen::VectorXd offset = centre - points.col(support[0]);
    Eigen::VectorXd barycentric(static_cast<Eigen::Index>(support.size()));
    Eigen::VectorXd target = points.col(support[0]);
    if (support.size() > 1) {
      const Eigen::MatrixXd hull = edges(points, support);
      const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> factor(hull);
      barycentric.tail(hull.cols()) = factor.solve(offset);
      // Not by the coordinates: next to dependent points they are huge, and their rounding is too.
      Eigen::VectorXd in_hull = factor.householderQ().adjoint() * offset;
      in_hull.tail(in_hull.size() - factor.rank()).setZero();
      target += factor.householderQ() * in_hull;
    }
    barycentric[0] = 1 - barycentric.tail(barycentric.size() - 1).sum();
    const Eigen::VectorXd direction = target - centre;
    if (direction.norm() > 1e-14 * scale) {
      const Collision collision = first_collision(points, support, centre, direction);
      centre += collision.time * direction;
      if (collision.point >= 0) {
        support.push_back(collision.point);
        continue;
      }
    }
    Eigen::Index worst = 0;
    if (barycentric.minCoeff(&worst) >= -1e-12) {
      break;
    }
    support.erase(support.begin() + worst);
  }
  return centre;
}

Eigen::VectorXd region_centre(Region::Shape shape, const Eigen::MatrixXd& points) {
  if (shape == Region::Shape::ball) {
    return enclosing_ball_centre(points);
  }
  if (shape == Region::Shape::sphere) {
    return Eigen::VectorXd::Zero(points.rows());
  }
  return 0.5 * points.rowwise().maxCoeff() + 0.5 * points.rowwise().minCoeff();
}

void project(const Region& region, Eigen::Ref<Eigen::VectorXd> point) {
  if (region.shape == Region::Shape::box) {
    point = point.cwiseMax(region.lower()).cwiseMin(region.size);
  } else if (region.shape == Region::Shape::sphere) {
    if (point.isZero(0)) {
      point[0] = 1;
    }
    point *= region.size / point.stableNorm();
  } else if (const double norm = point.norm(); norm > region.size) {
    point *= region.size / norm;
  }
}

}  // namespace moest
