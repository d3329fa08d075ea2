// One pass over the samples: residuals, J'J and J'r of a mixture of experts, without storing J.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "moest/kernel/layout.h"
#include "moest/kernel/sample_blocks.h"

namespace moest {

/// The least-squares objective and its Gauss-Newton model at one point, e = y - f, J = df/dv.
struct NormalEquations {
  double rss = 0;            // e'e
  Eigen::VectorXd gradient;  // J'e; the gradient of e'e is -2 J'e
  Eigen::MatrixXd gram;      // J'J, symmetric, full
};

/// The values of a mixture on one block of samples. Pointers are to kBlockSize numbers.
struct BlockValues {
  const double* mean = nullptr;        // f
  std::vector<const double*> weights;  // w_i, k runs
  std::vector<const double*> experts;  // h_i, k runs
};

/// The fused kernel over one data set. With u_a = the sensitivity of f to unit a's affine function, a row of
/// J is u (x) z, so J'J is the moment tensor T = sum (u u') (x) (z z'), symmetric in each pair: per block of
/// samples one small matrix product W'Z2 with W = [u_a u_b] and Z2 = [z_i z_j], for each pair of feature
/// sets. The sums run in a fixed order: the same input gives the same bits. Not for use by two threads at
/// once; the blocks may be shared, and must outlive the pass.
class FusedPass {
 public:
  /// The feature sets of `layout` must name columns that `samples` has.
  FusedPass(MixtureLayout layout, const SampleBlocks& samples);
  FusedPass(FusedPass&&) = default;
  FusedPass& operator=(FusedPass&&) = default;
  FusedPass(const FusedPass&) = delete;  // the runs are pointed to
  FusedPass& operator=(const FusedPass&) = delete;
  ~FusedPass() = default;

  const MixtureLayout& layout() const { return layout_; }
  const SampleBlocks& samples() const { return *samples_; }

  /// v: layout().num_parameters numbers. Overflow gives a result that is not finite, never a trap.
  void linearise(std::span<const double> v, NormalEquations& result);
  /// e'e only.
  double residual_sum_of_squares(std::span<const double> v);
  /// Values on one block; they stay until the next call.
  const BlockValues& evaluate(std::span<const double> v, int block);

 private:
  // Sensitivities of f to the units of one feature set, and the sums that they take part in.
  struct UnitGroup {
    int feature_set;
    std::vector<int> offsets;                  // of each unit in v
    std::vector<const double*> sensitivities;  // runs of kBlockSize
  };
  struct GroupPair {
    int first, second;        // indices into groups_
    Eigen::MatrixXd moments;  // unit pairs x feature pairs
  };

  void add_group(int feature_set);
  double* new_run();
  const double* feature(int block, const FeatureSet& set, int index) const;
  void affine(std::span<const double> v, const RidgeUnit& unit, int block, double* t) const;
  void compute_sensitivities(std::span<const double> v, int block);
  void add_gradient(int block, Eigen::VectorXd& gradient) const;
  void add_moments(int block, GroupPair& pair);
  void scatter_moments(const GroupPair& pair, Eigen::MatrixXd& gram) const;

  MixtureLayout layout_;
  const SampleBlocks* samples_;
  std::vector<std::vector<double>> runs_;
  std::vector<UnitGroup> groups_;
  std::vector<GroupPair> pairs_;

  // Runs of kBlockSize numbers, one per gate or expert.
  std::vector<double*> gate_slopes_, inner_values_, inner_slopes_, weights_, experts_;
  std::vector<double*> gate_sensitivities_, inner_sensitivities_, weight_sensitivities_, shift_sensitivities_;
  double* mean_ = nullptr;
  double* residual_ = nullptr;
  double* ones_ = nullptr;
  std::vector<double> unit_products_, feature_products_;
  BlockValues values_;
};

}  // namespace moest
