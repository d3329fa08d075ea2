// Samples in blocks of structure-of-arrays form, the shape in which the kernel reads them.
#pragma once

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <vector>

#include "moest/kernel/loss.h"

namespace moest {

/// Samples per block: large enough to amortise a block's fixed cost, small enough for the first cache.
inline constexpr int kBlockSize = 256;

/// n samples of `num_features` columns, `num_targets` targets and a weight. In each block every column is a
/// run of kBlockSize numbers; the last block is padded with zeros, whose weight 0 takes them out of every
/// sum. A sample of weight w counts as w samples.
class SampleBlocks {
 public:
  /// n = num_samples >= 1; all features and targets are zero, the weights of the samples one.
  SampleBlocks(Eigen::Index num_samples, int num_features, int num_targets = 1);

  Eigen::Index num_samples() const { return num_samples_; }
  int num_blocks() const { return num_blocks_; }
  int num_features() const { return num_features_; }
  int num_targets() const { return num_targets_; }
  /// Of all targets, as a number to divide by.
  double num_residuals() const { return static_cast<double>(num_samples_) * num_targets_; }
  /// Samples of a block that are not padding.
  int block_samples(int block) const;

  /// values: n numbers.
  void set_feature(int column, const Eigen::Ref<const Eigen::VectorXd>& values);
  void set_target(const Eigen::Ref<const Eigen::VectorXd>& values, int target = 0);
  /// values: n positive numbers.
  void set_weights(const Eigen::Ref<const Eigen::VectorXd>& values);
  /// How much the squared residuals of a target count in the objective of all: 1 unless it is set.
  void set_target_weight(int target, double weight);
  /// How the residuals of a target cost: squared unless it is set.
  void set_loss(int target, const Loss& loss);
  const Loss& loss(int target) const { return losses_[static_cast<std::size_t>(target)]; }
  double target_weight(int target) const { return target_weights_[static_cast<std::size_t>(target)]; }

  /// `size` samples in even steps, 1 <= size <= n: sample i is sample floor(i n / size) of these.
  SampleBlocks thinned(Eigen::Index size) const;

  /// kBlockSize numbers each.
  const double* feature(int block, int column) const { return at(block, column); }
  const double* target(int block, int target = 0) const { return at(block, num_features_ + target); }
  /// Square roots of the weights.
  const double* root_weight(int block) const {
    const bool is_last = block + 1 == num_blocks_;
    return root_weights_.data() + (has_weights_ ? std::ptrdiff_t{block} : is_last ? 1 : 0) * kBlockSize;
  }

 private:
  using Memory = std::vector<double, oneapi::tbb::cache_aligned_allocator<double>>;

  int num_columns() const { return num_features_ + num_targets_; }
  const double* at(int block, int column) const;
  void set_column(int column, const Eigen::Ref<const Eigen::VectorXd>& values);

  Eigen::Index num_samples_;
  int num_features_;
  int num_targets_;
  int num_blocks_;
  Memory values_;
  bool has_weights_ = false;
  Memory root_weights_;  // of all blocks or, where all weights are 1, of a full block and of the last one
  std::vector<double> target_weights_;
  std::vector<Loss> losses_;  // by target
};

}  // namespace moest
