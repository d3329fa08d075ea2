// The compact sets that the coordinates of a fit may range over.
#pragma once

#include <Eigen/Core>
#include <optional>

namespace moest {

/// A set in R^p: the box of all points with low <= v_j <= size, low = -size unless it is given, the ball of
/// all points with ‖v‖ <= size, or the sphere of all points with ‖v‖ = size.
struct Region {
  enum class Shape { box, ball, sphere };

  Shape shape = Shape::box;
  double size = 0;
  std::optional<double> low = std::nullopt;  // of a box

  double lower() const { return low.value_or(-size); }
};

/// Centre of the smallest ball that holds all columns of `points` (p x k, k >= 1), by walking the centre
/// towards the circumcentre of the points on the boundary (Fischer, Gaertner and Kutz, ESA 2003). Exact up to
/// rounding.
Eigen::VectorXd enclosing_ball_centre(const Eigen::MatrixXd& points);

/// The common shift that brings the columns of `points` (p x k) deepest into a region of this shape: the
/// middle of each coordinate's range for the box, the centre of the smallest enclosing ball for the ball,
/// none for the sphere, which no shift keeps. Some common shift puts all columns inside the region if and
/// only if this one does.
Eigen::VectorXd region_centre(Region::Shape shape, const Eigen::MatrixXd& points);

/// The point of the region nearest to `point`; for the centre of a sphere, the one on the first axis.
void project(const Region& region, Eigen::Ref<Eigen::VectorXd> point);

}  // namespace moest
