#include "moest/kernel/sample_blocks.h"

#include <algorithm>
#include <cmath>

#include "moest/base/error.h"

namespace moest {

SampleBlocks::SampleBlocks(Eigen::Index num_samples, int num_features, int num_targets)
    : num_samples_(num_samples),
      num_features_(num_features),
      num_targets_(num_targets),
      num_blocks_(static_cast<int>((num_samples + kBlockSize - 1) / kBlockSize)),
      target_weights_(static_cast<std::size_t>(std::max(1, num_targets)), 1.0),
      losses_(target_weights_.size()) {
  MOEST_EXPECT(num_samples >= 1);
  MOEST_EXPECT(num_features >= 0 && num_targets >= 1);
  const auto columns = static_cast<std::size_t>(num_columns());
  values_.assign(columns * static_cast<std::size_t>(num_blocks_) * kBlockSize, 0.0);
  root_weights_.assign(static_cast<std::size_t>(kBlockSize) * 2, 0.0);
  std::fill_n(root_weights_.begin(), kBlockSize + block_samples(num_blocks_ - 1), 1.0);
}

int SampleBlocks::block_samples(int block) const {
  return static_cast<int>(
      std::min<Eigen::Index>(kBlockSize, num_samples_ - Eigen::Index{block} * kBlockSize));
}

void SampleBlocks::set_feature(int column, const Eigen::Ref<const Eigen::VectorXd>& values) {
  MOEST_EXPECT(column >= 0 && column < num_features_);
  set_column(column, values);
}

void SampleBlocks::set_target(const Eigen::Ref<const Eigen::VectorXd>& values, int target) {
  MOEST_EXPECT(target >= 0 && target < num_targets_);
  set_column(num_features_ + target, values);
}

void SampleBlocks::set_weights(const Eigen::Ref<const Eigen::VectorXd>& values) {
  MOEST_EXPECT(values.size() == num_samples_ && values.minCoeff() > 0);
  has_weights_ = true;
  root_weights_.assign(static_cast<std::size_t>(num_blocks_) * kBlockSize, 0.0);
  std::transform(values.begin(), values.end(), root_weights_.begin(),
                 [](double weight) { return std::sqrt(weight); });
}

void SampleBlocks::set_target_weight(int target, double weight) {
  MOEST_EXPECT(target >= 0 && target < num_targets_ && weight > 0);
  target_weights_[static_cast<std::size_t>(target)] = weight;
}

void SampleBlocks::set_loss(int target, const Loss& loss) {
  MOEST_EXPECT(target >= 0 && target < num_targets_ && loss.threshold > 0);
  losses_[static_cast<std::size_t>(target)] = loss;
}

SampleBlocks SampleBlocks::thinned(Eigen::Index size) const {
  MOEST_EXPECT(size >= 1 && size <= num_samples_);
  SampleBlocks result(size, num_features_, num_targets_);
  result.target_weights_ = target_weights_;
  result.losses_ = losses_;
  Eigen::VectorXd values(size);
  for (int column = 0; column < num_columns(); ++column) {
    for (Eigen::Index i = 0; i < size; ++i) {
      const Eigen::Index row = i * num_samples_ / size;
      values[i] = at(static_cast<int>(row / kBlockSize), column)[row % kBlockSize];
    }
    result.set_column(column, values);
  }
  if (has_weights_) {
    for (Eigen::Index i = 0; i < size; ++i) {
      const double root = root_weights_[static_cast<std::size_t>(i * num_samples_ / size)];
      values[i] = root * root;
    }
    result.set_weights(values);
  }
  return result;
}

const double* SampleBlocks::at(int block, int column) const {
  const auto columns = static_cast<std::size_t>(num_columns());
  return values_.data() +
         (static_cast<std::size_t>(block) * columns + static_cast<std::size_t>(column)) * kBlockSize;
}

void SampleBlocks::set_column(int column, const Eigen::Ref<const Eigen::VectorXd>& values) {
  MOEST_EXPECT(values.size() == num_samples_);
  for (int block = 0; block < num_blocks_; ++block) {
    auto* run = const_cast<double*>(at(block, column));
    std::copy_n(values.data() + Eigen::Index{block} * kBlockSize, block_samples(block), run);
  }
}

}  // namespace moest
