#include "moest/kernel/sample_blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <utility>

#include "moest/base/error.h"

namespace moest {
namespace {

TEST(SampleBlocks, HoldEverySampleOnceAndPadWithZerosOfWeightZero) {
  for (const Eigen::Index n : {1, 2, 255, 256, 257, 512, 1000}) {
    constexpr int kFeatures = 3;
    SampleBlocks blocks(n, kFeatures);
    Eigen::MatrixXd values(n, kFeatures);
    for (Eigen::Index i = 0; i < n; ++i) {
      values.row(i) << static_cast<double>(i + 1), static_cast<double>(-i - 1), 1e100;
    }
    const Eigen::VectorXd target = Eigen::VectorXd::LinSpaced(n, 5, 6);
    for (int j = 0; j < kFeatures; ++j) {
      blocks.set_feature(j, values.col(j));
    }
    blocks.set_target(target);

    ASSERT_EQ(blocks.num_samples(), n);
    ASSERT_EQ(blocks.num_blocks(), (n + kBlockSize - 1) / kBlockSize);
    ASSERT_EQ(blocks.num_features(), kFeatures);
    Eigen::Index counted = 0;
    for (int block = 0; block < blocks.num_blocks(); ++block) {
      counted += blocks.block_samples(block);
      for (int s = 0; s < kBlockSize; ++s) {
        const Eigen::Index row = Eigen::Index{block} * kBlockSize + s;
        const bool is_sample = row < n;
        ASSERT_EQ(is_sample, s < blocks.block_samples(block));
        ASSERT_EQ(blocks.root_weight(block)[s], is_sample ? 1 : 0);
        ASSERT_EQ(blocks.target(block)[s], is_sample ? target[row] : 0);
        for (int j = 0; j < kFeatures; ++j) {
          ASSERT_EQ(blocks.feature(block, j)[s], is_sample ? values(row, j) : 0);
        }
      }
    }
    EXPECT_EQ(counted, n);
  }
}

TEST(SampleBlocks, StartWithZerosAndKeepTheLastValuesSet) {
  SampleBlocks blocks(2, 1);
  EXPECT_EQ(blocks.feature(0, 0)[1], 0);
  EXPECT_EQ(blocks.target(0)[1], 0);
  blocks.set_feature(0, Eigen::Vector2d(1, 2));
  blocks.set_feature(0, Eigen::Vector2d(3, 4));
  EXPECT_EQ(blocks.feature(0, 0)[1], 4);
  EXPECT_EQ(blocks.root_weight(0)[1], 1);
}

TEST(SampleBlocks, MayHaveNoFeature) {
  SampleBlocks blocks(300, 0);
  blocks.set_target(Eigen::VectorXd::Ones(300));
  EXPECT_EQ(blocks.target(1)[300 - kBlockSize - 1], 1);
  EXPECT_EQ(blocks.target(1)[300 - kBlockSize], 0);
}

TEST(SampleBlocks, AreThinnedInEvenSteps) {
  SampleBlocks blocks(1000, 2);
  blocks.set_feature(1, Eigen::VectorXd::LinSpaced(1000, 0, 999));
  blocks.set_target(Eigen::VectorXd::LinSpaced(1000, 1000, 1999));
  for (const Eigen::Index size : {1, 7, 256, 300, 999, 1000}) {
    const SampleBlocks few = blocks.thinned(size);
    ASSERT_EQ(few.num_samples(), size);
    for (Eigen::Index i = 0; i < size; ++i) {
      const auto expected = static_cast<double>(i * 1000 / size);
      const auto block = static_cast<int>(i / kBlockSize);
      ASSERT_EQ(few.feature(block, 1)[i % kBlockSize], expected) << size;
      ASSERT_EQ(few.feature(block, 0)[i % kBlockSize], 0) << size;
      ASSERT_EQ(few.target(block)[i % kBlockSize], 1000 + expected) << size;
      ASSERT_EQ(few.root_weight(block)[i % kBlockSize], 1) << size;
    }
  }
  EXPECT_THROW(blocks.thinned(0), ContractError);
  EXPECT_THROW(blocks.thinned(1001), ContractError);
}

TEST(SampleBlocks, HoldTheRootsOfWeights) {
  constexpr int kSamples = kBlockSize + 5;
  SampleBlocks blocks(kSamples, 1);
  blocks.set_weights(Eigen::VectorXd::LinSpaced(kSamples, 1, kSamples));
  for (int i = 0; i < 2 * kBlockSize; ++i) {
    const double expected = i < kSamples ? std::sqrt(i + 1.0) : 0;
    ASSERT_NEAR(blocks.root_weight(i / kBlockSize)[i % kBlockSize], expected, 1e-13) << i;
  }
  const SampleBlocks few = blocks.thinned(29);  // every ninth
  for (int i = 0; i < 29; ++i) {
    ASSERT_NEAR(few.root_weight(0)[i], std::sqrt(9 * i + 1.0), 1e-12) << i;
  }
  EXPECT_ANY_THROW(blocks.set_weights(Eigen::VectorXd::Zero(kSamples)));
}

TEST(SampleBlocks, AreAlignedToCacheLines) {
  const SampleBlocks blocks(600, 2);
  for (int block = 0; block < blocks.num_blocks(); ++block) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.feature(block, 1)) % 64, 0u);
  }
}

TEST(SampleBlocks, RefuseWrongShapes) {
  EXPECT_THROW(SampleBlocks(0, 1), ContractError);
  EXPECT_THROW(SampleBlocks(1, -1), ContractError);
  SampleBlocks blocks(3, 2);
  EXPECT_THROW(blocks.set_feature(2, Eigen::Vector3d::Zero()), ContractError);
  EXPECT_THROW(blocks.set_feature(-1, Eigen::Vector3d::Zero()), ContractError);
  EXPECT_THROW(blocks.set_feature(0, Eigen::Vector2d::Zero()), ContractError);
  EXPECT_THROW(blocks.set_target(Eigen::Vector2d::Zero()), ContractError);
}

}  // namespace
}  // namespace moest
