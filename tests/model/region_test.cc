#include "moest/model/region.h"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/random.h"

namespace moest {
namespace {

double radius_about(const Eigen::VectorXd& centre, const Eigen::MatrixXd& points) {
  return (points.colwise() - centre).colwise().norm().maxCoeff();
}

// The smallest radius among the circumscribed balls of all subsets that hold every point: some subset's ball
// is the smallest enclosing ball, and none that holds all points is smaller.
double brute_force_radius(const Eigen::MatrixXd& points, double slack) {
  const auto k = static_cast<int>(points.cols());
  double best = std::numeric_limits<double>::infinity();
  for (int subset = 1; subset < (1 << k); ++subset) {
    std::vector<int> chosen;
    for (int j = 0; j < k; ++j) {
      if (subset & (1 << j)) {
        chosen.push_back(j);
      }
    }
    const auto size = static_cast<Eigen::Index>(chosen.size());
    if (size > points.rows() + 1) {
      continue;
    }
    const Eigen::VectorXd origin = points.col(chosen[0]);
    Eigen::VectorXd centre = origin;
    if (size > 1) {
      Eigen::MatrixXd edges(points.rows(), size - 1);
      for (Eigen::Index j = 0; j + 1 < size; ++j) {
        edges.col(j) = points.col(chosen[static_cast<std::size_t>(j) + 1]) - origin;
      }
      const Eigen::MatrixXd gram = edges.transpose() * edges;
      const Eigen::VectorXd right = 0.5 * gram.diagonal();
      centre += edges * gram.completeOrthogonalDecomposition().solve(right);
    }
    const double radius = (points.col(chosen[0]) - centre).norm();
    const double needed = radius_about(centre, points);
    if (needed <= radius + slack) {
      best = std::min(best, needed);
    }
  }
  return best;
}

// Both sides lose at most some digits to nearly dependent subsets: 1e-9 of the extent.
void expect_smallest(const Eigen::MatrixXd& points, const std::string& what) {
  const double extent = radius_about(points.col(0), points);
  if (extent == 0) {
    EXPECT_EQ(enclosing_ball_centre(points), points.col(0)) << what;
    return;
  }
  const double radius = radius_about(enclosing_ball_centre(points), points);
  const double rounding = 1e-14 * points.cwiseAbs().maxCoeff();
  const Eigen::MatrixXd in_units = (points.colwise() - Eigen::VectorXd(points.col(0))) / extent;
  EXPECT_NEAR(radius, extent * brute_force_radius(in_units, 1e-9 + rounding / extent),
              1e-8 * extent + rounding)
      << what << "\n"
      << points.format({Eigen::FullPrecision});
}

Eigen::MatrixXd random_points(Eigen::Index p, Eigen::Index k, Stream& stream) {
  Eigen::MatrixXd points(p, k);
  for (double& value : points.reshaped()) {
    value = stream.normal();
  }
  return points;
}

TEST(EnclosingBall, AgreesWithAllSubsetsForRandomPoints) {
  Stream stream(1, 0, "enclosing ball");
  for (int p = 1; p <= 6; ++p) {
    for (int k = 1; k <= 8; ++k) {
      for (int trial = 0; trial < 25; ++trial) {
        const double size = std::pow(10.0, stream.uniform(-150, 150));
        expect_smallest(size * random_points(p, k, stream), "random");
      }
    }
  }
}

TEST(EnclosingBall, AgreesWithAllSubsetsForDegeneratePoints) {
  Stream stream(2, 0, "enclosing ball");
  for (int p = 1; p <= 6; ++p) {
    for (int k = 1; k <= 8; ++k) {
      for (int trial = 0; trial < 15; ++trial) {
        const Eigen::MatrixXd points = random_points(p, k, stream);
        Eigen::MatrixXd coincident = points;
        for (Eigen::Index j = 0; j < k; ++j) {
          coincident.col(j) = points.col(stream.below(std::max(1, k / 2)));
        }
        expect_smallest(coincident, "coincident");
        Eigen::MatrixXd collinear(p, k);
        for (Eigen::Index j = 0; j < k; ++j) {
          collinear.col(j) = points.col(0) * stream.normal() + points.col(k - 1);
        }
        expect_smallest(collinear, "collinear");
        const Eigen::MatrixXd cospherical = points.colwise().normalized();
        expect_smallest(cospherical, "cospherical");
        const Eigen::VectorXd centre = points.col(0);
        const Eigen::MatrixXd shifted = (1e-3 * cospherical).colwise() + 100 * centre;
        expect_smallest(shifted, "cospherical far from the origin");
        Eigen::MatrixXd corners(p, k);
        for (double& value : corners.reshaped()) {
          value = stream.uniform() < 0.5 ? -1 : 1;
        }
        expect_smallest(corners, "corners of a cube");
        Eigen::MatrixXd nearly = corners;
        nearly += 1e-13 * random_points(p, k, stream);
        expect_smallest(nearly, "nearly corners of a cube");
        Eigen::MatrixXd lattice(p, k);
        for (double& value : lattice.reshaped()) {
          value = stream.below(3);
        }
        expect_smallest(lattice, "lattice");
        Eigen::MatrixXd flat = points;
        flat.row(p - 1).setConstant(2);
        expect_smallest(flat, "in a hyperplane");
      }
    }
  }
}

TEST(EnclosingBall, HasTheKnownCentres) {
  EXPECT_EQ(enclosing_ball_centre(Eigen::Vector3d(1, 2, 3)), Eigen::VectorXd(Eigen::Vector3d(1, 2, 3)));
  Eigen::MatrixXd line(1, 3);
  line << -1, 5, 0;
  EXPECT_NEAR(enclosing_ball_centre(line)[0], 2, 1e-15);
  Eigen::MatrixXd square(2, 5);
  square << 0, 1, 0, 1, 0.4, 0, 0, 1, 1, 0.3;
  EXPECT_LT((enclosing_ball_centre(square) - Eigen::Vector2d(0.5, 0.5)).norm(), 1e-14);
  // An obtuse triangle's ball stands on its longest side.
  Eigen::MatrixXd obtuse(2, 3);
  obtuse << 0, 4, 1, 0, 0, 0.5;
  EXPECT_LT((enclosing_ball_centre(obtuse) - Eigen::Vector2d(2, 0)).norm(), 1e-14);
  EXPECT_THROW(enclosing_ball_centre(Eigen::MatrixXd(2, 0)), ContractError);
}

TEST(EnclosingBall, MovesWithItsPointsAndForgetsTheirOrder) {
  Stream stream(3, 0, "enclosing ball");
  for (int trial = 0; trial < 200; ++trial) {
    const Eigen::MatrixXd points = random_points(3, 6, stream);
    const Eigen::VectorXd centre = enclosing_ball_centre(points);
    const Eigen::Vector3d shift(0.25, -4, 1);
    EXPECT_LT((enclosing_ball_centre(points.colwise() + shift) - (centre + shift)).norm(), 1e-12);
    EXPECT_LT((enclosing_ball_centre(points.rowwise().reverse()) - centre).norm(), 1e-12);
  }
}

TEST(EnclosingBall, StaysCheapForManyPoints) {
  Stream stream(4, 0, "enclosing ball");
  const Eigen::MatrixXd points = random_points(16, 400, stream);
  const Eigen::VectorXd centre = enclosing_ball_centre(points);
  // Optimality without brute force: moving the centre in any direction does not shrink the ball.
  const double radius = radius_about(centre, points);
  for (int trial = 0; trial < 500; ++trial) {
    EXPECT_GE(radius_about(centre + 1e-3 * random_points(16, 1, stream).col(0), points), radius);
  }
}

// A shift puts all points inside if and only if region_centre does: at the smallest feasible size by
// region_centre no random shift, nor one next to it, does better.
TEST(RegionCentre, IsFeasibleWheneverAnyShiftIs) {
  Stream stream(5, 0, "region centre");
  for (const Region::Shape shape : {Region::Shape::box, Region::Shape::ball}) {
    const auto needed = [&](const Eigen::MatrixXd& points, const Eigen::VectorXd& shift) {
      const Eigen::MatrixXd moved = points.colwise() - shift;
      return shape == Region::Shape::ball ? moved.colwise().norm().maxCoeff() : moved.cwiseAbs().maxCoeff();
    };
    for (int trial = 0; trial < 300; ++trial) {
      const Eigen::MatrixXd points = random_points(1 + stream.below(5), 1 + stream.below(6), stream);
      const Eigen::VectorXd centre = region_centre(shape, points);
      const double size = needed(points, centre);
      for (int other = 0; other < 30; ++other) {
        const double step = std::pow(10.0, stream.uniform(-6, 0));
        const Eigen::VectorXd shift = centre + step * random_points(points.rows(), 1, stream).col(0);
        EXPECT_GE(needed(points, shift), size * (1 - 1e-12));
      }
    }
  }
}

TEST(RegionCentre, OfABoxDoesNotOverflow) {
  const double max = std::numeric_limits<double>::max();
  Eigen::MatrixXd points(1, 2);
  points << max, max / 2;
  EXPECT_EQ(region_centre(Region::Shape::box, points)[0], 0.75 * max);
}

TEST(Projection, IsTheNearestPointOfTheRegion) {
  Stream stream(6, 0, "projection");
  for (const Region::Shape shape : {Region::Shape::box, Region::Shape::ball}) {
    for (int trial = 0; trial < 300; ++trial) {
      const Region region{shape, stream.uniform(0.1, 2)};
      const auto inside = [&](const Eigen::VectorXd& point) {
        return (shape == Region::Shape::ball ? point.norm() : point.cwiseAbs().maxCoeff()) <=
               region.size * (1 + 1e-15);
      };
      const Eigen::VectorXd point = 2 * random_points(1 + stream.below(5), 1, stream).col(0);
      Eigen::VectorXd nearest = point;
      project(region, nearest);
      EXPECT_TRUE(inside(nearest));
      if (inside(point)) {
        EXPECT_LT((nearest - point).norm(), 1e-15);
      }
      // Variational inequality of a convex set: no point q of the region is on the other side of the
      // projection.
      for (int other = 0; other < 20; ++other) {
        Eigen::VectorXd q = random_points(point.size(), 1, stream).col(0);
        q *= region.size * stream.uniform() /
             (shape == Region::Shape::ball ? q.norm() : q.cwiseAbs().maxCoeff());
        EXPECT_LE((point - nearest).dot(q - nearest), 1e-13);
      }
      Eigen::VectorXd twice = nearest;
      project(region, twice);
      EXPECT_LT((twice - nearest).norm(), 1e-15);
    }
  }
}

TEST(Projection, LeavesTheBoundaryAndTheOriginAlone) {
  for (const Region::Shape shape : {Region::Shape::box, Region::Shape::ball}) {
    const Region region{shape, 2};
    for (const Eigen::Vector2d& point :
         {Eigen::Vector2d(2, 0), Eigen::Vector2d(0, -2), Eigen::Vector2d(0, 0)}) {
      Eigen::VectorXd same = point;
      project(region, same);
      EXPECT_EQ(same, Eigen::VectorXd(point));
    }
  }
}

}  // namespace
}  // namespace moest
