// Which directions a fit may move in: inside the regions and across the gauges.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/kernel/fused_pass.h"
#include "moest/model/chart.h"

namespace moest {

/// The normal equations restricted to the directions that are free at theta. With g = J'e (descent is along
/// +g):
/// - a box coordinate at its bound that g pushes outwards is frozen;
/// - for an atom on the sphere of its ball that g pushes outwards, coordinates are rotated so that the first
/// is the
///   normal, which is frozen; the sphere's curvature (g.v / ‖v‖^2) I belongs to the tangent block of the
///   Hessian;
/// - an atom on a sphere is treated so whatever g is;
/// - a coordinate that the chart's constraints fix is frozen, and so is one that is tied to another, with
///   which it moves;
/// - if nothing of a shift gauge is frozen, its coordinate in the last atom is (this fixes the gauge).
class ActiveSet {
 public:
  ActiveSet() = default;
  /// Chart and equations must outlive the set.
  ActiveSet(const MixtureChart& chart, const Eigen::VectorXd& theta, const NormalEquations& equations) {
    assign(chart, theta, equations);
  }
  /// As a new set, in the memory of this one.
  void assign(const MixtureChart& chart, const Eigen::VectorXd& theta, const NormalEquations& equations);

  /// Free directions that are no gauge: as many parameters as the data can identify here, at most.
  int num_identifiable() const { return static_cast<int>(free_.size()) - num_free_gauges_; }
  /// Coordinates (box) and atoms (ball) that a bound holds.
  int num_active_bounds() const { return num_active_bounds_; }
  /// For each of them, the direction of theta that it holds.
  std::vector<Eigen::VectorXd> bound_directions() const;

  /// In the free directions: the equations' matrix, the same with the curvature of the active spheres, the
  /// diagonal of J'J, and J'e. Those with a place for the result do not allocate where it has the size.
  Eigen::MatrixXd reduced_gram() const { return gram()(free_, free_); }
  void reduced_hessian(Eigen::MatrixXd& hessian) const;
  void reduced_diagonal(Eigen::ArrayXd& diagonal) const { diagonal = diagonal_(free_); }
  void reduced_gradient(Eigen::VectorXd& gradient) const;
  /// Any other gradient by theta in the free directions.
  void reduce(Eigen::VectorXd& gradient, Eigen::VectorXd& reduced) const;
  /// The step in theta of a step in the free directions, with the displacements of fixed coordinates or
  /// without.
  void expand(const Eigen::VectorXd& step, Eigen::VectorXd& full) const;
  void expand_direction(const Eigen::VectorXd& direction, Eigen::VectorXd& full) const;
  /// Holds coordinate `index` of theta fixed at `displacement` from now on: reduced_gradient() then has
  /// J'e - H displacement, H the equations' matrix. Not for coordinates of a ball.
  void fix(int index, double displacement);

 private:
  struct Normal {
    int offset;
    Eigen::VectorXd direction;   // of unit length, outwards
    Eigen::VectorXd reflection;  // the Householder vector of unit length that maps direction to an axis
    bool is_bound;               // of a ball; not of a sphere
  };

  void freeze_constrained(const Constraints& constraints);
  void freeze_bounds(const MixtureChart& chart, const Eigen::VectorXd& theta);
  void rotate(const RegionBlock& block, const Eigen::VectorXd& theta);
  void fix_gauges(const MixtureChart& chart);
  void count_free_gauges(const MixtureChart& chart);
  void collect_free();
  void reflect(Eigen::VectorXd& vector) const;

  const Eigen::MatrixXd& gram() const { return normals_.empty() ? equations_->gram : rotated_gram_; }

  const NormalEquations* equations_ = nullptr;
  const Constraints* constraints_ = nullptr;
  Eigen::MatrixXd rotated_gram_;  // if there are normals
  Eigen::VectorXd gradient_;
  Eigen::VectorXd diagonal_;
  Eigen::VectorXd curvature_;
  Eigen::VectorXd displacement_;
  std::vector<char> frozen_;  // yes or no
  std::vector<char> held_;    // yes or no: the coordinate belongs to a block that a bound holds
  std::vector<int> free_;
  std::vector<int> bound_coordinates_;  // of boxes
  std::vector<Normal> normals_;
  int num_active_bounds_ = 0;
  int num_free_gauges_ = 0;
  bool has_displacement_ = false;
};

}  // namespace moest
