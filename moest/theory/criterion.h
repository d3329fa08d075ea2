// Whether split atoms are identified: the second-order criterion at one truth.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/theory/cone.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/null_space.h"
#include "moest/theory/split_curve.h"
#include "moest/theory/wide.h"

namespace moest {

/// First- and second-order local functions at sample points, a column each: rows are points times outputs.
template <class T>
struct SampledFunctions {
  /// Phi_j (where there are masses) and dPhi_j/dtheta_j of each cell in turn, then sum_j m_j dPhi_j/dtau.
  DenseMatrix<T> first;
  /// d2Phi_j / dtheta_u dtheta_v for u >= v, row by row, of each cell.
  std::vector<DenseMatrix<T>> second;
};

/// Samples the local functions at the rows of `points` (n x d).
template <class T>
SampledFunctions<T> sampled(const LocalFunctions<T>& functions, const Eigen::MatrixXd& points,
                            int num_threads);

/// A relation sum_j sum_{u<=v} (2 - delta_uv) M_j,uv d2Phi_j/dtheta_u dtheta_v = (first-order functions) with
/// all M_j positive semidefinite, and what becomes of the split that it stands for.
struct HarmfulRelation {
  std::vector<CellSplit> splits;  // factors V_j of M_j = V_j V_j'
  int rank = 0;                   // sum_j rank M_j
  bool is_exact = false;          // other parameters make up for the split entirely
};

/// The answer of one set of cells.
struct CellSetAnswer {
  std::vector<HarmfulRelation> relations;  // none if the set is harmless up to the rank that was asked for
  /// Proof of harmlessness: the separation of cone.h, or 1 where the only relation is of larger rank.
  double separation = 0;
};

/// The criterion of section 5 of the theory at one truth: which splits leave f unchanged to second order.
class Criterion {
 public:
  /// So many coordinates a set of cells may always have.
  static constexpr int kSmallSet = 16;

  /// Samples `functions` in the box |x_j| <= half_width, at enough points for sets of so many cells.
  /// References are kept.
  Criterion(const LocalFunctions<Wide>& functions, const Truth& truth, int largest_set, double half_width,
            int num_threads, Stream& stream);

  const NullSpace<Wide>& first_order() const { return first_; }
  const SampledFunctions<Wide>& samples() const { return samples_; }
  const Eigen::MatrixXd& points() const { return points_; }

  /// Relations of sum of ranks at most `rank` in which the cells of `set` alone take part.
  CellSetAnswer ask(const std::vector<std::size_t>& set, int rank, Stream& stream) const;

 private:
  struct Block {
    std::size_t cell;
    Eigen::Index begin;  // of its coordinates among those of the set
  };

  bool is_relation(std::size_t cell, const Eigen::VectorXd& direction) const;
  std::vector<Eigen::VectorXd> simple_directions(std::size_t cell) const;
  void ask_simple(std::size_t cell, Stream& stream, CellSetAnswer& answer) const;
  std::vector<DenseMatrix<Wide>> relations_of(const std::vector<Block>& blocks, Eigen::Index size) const;
  void ask_cone(const std::vector<Block>& blocks, Eigen::Index size, int rank, Stream& stream,
                CellSetAnswer& answer) const;
  std::vector<CellSplit> splits_of(const std::vector<Block>& blocks, const DenseMatrix<Wide>& factor) const;
  bool takes_part(std::size_t cell, Eigen::Index coordinate) const;

  const LocalFunctions<Wide>& functions_;
  const Truth& truth_;
  double half_width_;
  Eigen::MatrixXd points_;
  SampledFunctions<Wide> samples_;
  NullSpace<Wide> first_;
  std::vector<DenseVector<Wide>> scales_;  // of each cell's coordinates: |d2Phi/dtheta_u^2|^-1/2
  std::vector<DenseMatrix<Wide>>
      projected_;  // second-order columns in scaled coordinates without their first-order part
  std::vector<DenseVector<Wide>> norms_;  // of the same columns before
};

}  // namespace moest
