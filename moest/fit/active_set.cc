#include "moest/fit/active_set.h"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

namespace moest {
namespace {

// A point this close to a bound, relative to the bound, is on it.
constexpr double kOnBound = 1e-12;

}  // namespace

void ActiveSet::assign(const MixtureChart& chart, const Eigen::VectorXd& theta,
                       const NormalEquations& equations) {
  equations_ = &equations;
  gradient_ = equations.gradient;
  diagonal_ = equations.diagonal;
  curvature_.setZero(theta.size());
  displacement_.setZero(theta.size());
  frozen_.assign(static_cast<std::size_t>(theta.size()), 0);
  held_.assign(static_cast<std::size_t>(theta.size()), 0);
  normals_.clear();
  num_active_bounds_ = 0;
  bound_coordinates_.clear();
  num_free_gauges_ = 0;
  has_displacement_ = false;
  constraints_ = &chart.constraints();
  freeze_constrained(*constraints_);
  freeze_bounds(chart, theta);
  fix_gauges(chart);
  count_free_gauges(chart);
  collect_free();
}

void ActiveSet::freeze_constrained(const Constraints& constraints) {
  for (const auto& [coordinate, value] : constraints.fixed()) {
    const auto index = static_cast<std::size_t>(coordinate);
    frozen_[index] = held_[index] = 1;
  }
  for (const auto& [coordinate, to] : constraints.ties()) {
    frozen_[static_cast<std::size_t>(coordinate)] = 1;
  }
}

void ActiveSet::freeze_bounds(const MixtureChart& chart, const Eigen::VectorXd& theta) {
  for (const RegionBlock& block : chart.regions()) {
    const double limit = block.region.size * (1 - kOnBound);
    if (block.region.shape == Region::Shape::sphere) {
      rotate(block, theta);
      continue;
    }
    if (block.region.shape == Region::Shape::ball) {
      const auto point = theta.segment(block.offset, block.size);
      if (point.norm() >= limit && point.dot(gradient_.segment(block.offset, block.size)) > 0) {
        rotate(block, theta);
        ++num_active_bounds_;
      }
      continue;
    }
    for (int j = block.offset; j < block.offset + block.size; ++j) {
      const bool at_top = theta[j] >= limit;
      const double low = block.region.lower();
      const bool at_bottom = theta[j] <= low + kOnBound * std::abs(low);
      const auto index = static_cast<std::size_t>(j);
      const bool is_held = (at_top && gradient_[j] > 0) || (at_bottom && gradient_[j] < 0);
      if (is_held && frozen_[index] == 0) {
        frozen_[index] = held_[index] = 1;
        bound_coordinates_.push_back(j);
        ++num_active_bounds_;
      }
    }
  }
}

void ActiveSet::rotate(const RegionBlock& block, const Eigen::VectorXd& theta) {
  const auto point = theta.segment(block.offset, block.size);
  const double multiplier = point.dot(gradient_.segment(block.offset, block.size)) / point.squaredNorm();
  const Eigen::VectorXd direction = point.normalized();
  Eigen::VectorXd reflection = direction;
  reflection[0] += reflection[0] >= 0 ? 1.0 : -1.0;
  reflection.normalize();
  if (normals_.empty()) {
    rotated_gram_ = equations_->gram;
  }
  auto rows = rotated_gram_.middleRows(block.offset, block.size);
  rows -= 2 * reflection * (reflection.transpose() * rows).eval();
  auto columns = rotated_gram_.middleCols(block.offset, block.size);
  columns -= 2 * (columns * reflection).eval() * reflection.transpose();
  auto gradient = gradient_.segment(block.offset, block.size);
  gradient -= 2 * reflection * reflection.dot(gradient);
  // Q D Q with Q = I - 2 r r' has the diagonal D - 4 D r^2 + 4 r^2 (r' D r).
  auto diagonal = diagonal_.segment(block.offset, block.size).array();
  const Eigen::ArrayXd squares = reflection.array().square();
  const double along = (squares * diagonal).sum();
  diagonal += 4 * squares * (along - diagonal);
  curvature_.segment(block.offset, block.size).setConstant(multiplier);
  frozen_[static_cast<std::size_t>(block.offset)] = 1;
  std::fill_n(held_.begin() + block.offset, block.size, char{1});
  normals_.push_back(
      {block.offset, direction, std::move(reflection), block.region.shape == Region::Shape::ball});
}

void ActiveSet::fix_gauges(const MixtureChart& chart) {
  for (const std::vector<int>& places : chart.shift_gauges()) {
    const bool held = std::any_of(places.begin(), places.end(),
                                  [&](int place) { return held_[static_cast<std::size_t>(place)] != 0; });
    if (!held) {
      frozen_[static_cast<std::size_t>(places.back())] = 1;
    }
  }
}

// A common shift t of all atoms is free when no active sphere opposes it: t is orthogonal to every active
// normal. Where the spheres' common radius is free as well, t may have the same component along all normals.
void ActiveSet::count_free_gauges(const MixtureChart& chart) {
  if (normals_.empty()) {
    return;
  }
  const Eigen::Index size = normals_.front().direction.size();
  Eigen::MatrixXd directions(size, static_cast<Eigen::Index>(normals_.size()));
  for (Eigen::Index j = 0; j < directions.cols(); ++j) {
    directions.col(j) = normals_[static_cast<std::size_t>(j)].direction;
  }
  const int factor = chart.factor_offset();
  if (factor >= 0 && frozen_[static_cast<std::size_t>(factor)] == 0) {
    const Eigen::VectorXd last = directions.rightCols(1);
    directions.colwise() -= last;
  }
  num_free_gauges_ = static_cast<int>(size - Eigen::ColPivHouseholderQR<Eigen::MatrixXd>(directions).rank());
}

std::vector<Eigen::VectorXd> ActiveSet::bound_directions() const {
  std::vector<Eigen::VectorXd> directions;
  const auto hold = [&](int offset, const Eigen::VectorXd& direction) {
    Eigen::VectorXd& full = directions.emplace_back(Eigen::VectorXd::Zero(gradient_.size()));
    full.segment(offset, direction.size()) = direction;
    constraints_->spread(full);
  };
  for (const int coordinate : bound_coordinates_) {
    hold(coordinate, Eigen::VectorXd::Ones(1));
  }
  for (const Normal& normal : normals_) {
    if (normal.is_bound) {
      hold(normal.offset, normal.direction);
    }
  }
  return directions;
}

void ActiveSet::collect_free() {
  free_.clear();
  for (int j = 0; j < static_cast<int>(frozen_.size()); ++j) {
    if (frozen_[static_cast<std::size_t>(j)] == 0) {
      free_.push_back(j);
    }
  }
}

void ActiveSet::reduced_hessian(Eigen::MatrixXd& hessian) const {
  hessian = gram()(free_, free_);
  hessian.diagonal() += curvature_(free_);
}

void ActiveSet::reduced_gradient(Eigen::VectorXd& gradient) const {
  if (has_displacement_) {
    gradient = (gradient_ - gram() * displacement_)(free_);
  } else {
    gradient = gradient_(free_);
  }
}

void ActiveSet::reflect(Eigen::VectorXd& vector) const {
  for (const Normal& normal : normals_) {
    auto block = vector.segment(normal.offset, normal.reflection.size());
    block -= 2 * normal.reflection * normal.reflection.dot(block);
  }
}

void ActiveSet::reduce(Eigen::VectorXd& gradient, Eigen::VectorXd& reduced) const {
  reflect(gradient);
  reduced = gradient(free_);
}

void ActiveSet::expand(const Eigen::VectorXd& step, Eigen::VectorXd& full) const {
  full = displacement_;
  full(free_) = step;
  reflect(full);
  constraints_->spread(full);
}

void ActiveSet::expand_direction(const Eigen::VectorXd& direction, Eigen::VectorXd& full) const {
  full.setZero(displacement_.size());
  full(free_) = direction;
  reflect(full);
  constraints_->spread(full);
}

void ActiveSet::fix(int index, double displacement) {
  frozen_[static_cast<std::size_t>(index)] = 1;
  has_displacement_ = true;
  displacement_[index] = displacement;
  collect_free();
}

}  // namespace moest
