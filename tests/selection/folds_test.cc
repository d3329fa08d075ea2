#include "moest/selection/folds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "moest/base/error.h"

namespace moest {
namespace {

// Row i has the inputs (i / copies, 1).
Eigen::MatrixXd rows_in_copies(Eigen::Index num_rows, Eigen::Index copies) {
  Eigen::MatrixXd inputs = Eigen::MatrixXd::Ones(num_rows, 2);
  for (Eigen::Index i = 0; i < num_rows; ++i) {
    inputs(i, 0) = static_cast<double>(i / copies);
  }
  return inputs;
}

TEST(Folds, HoldEachSampleOnceAndAreOfEqualSize) {
  const std::vector<Indices> folds = deal_folds(rows_in_copies(103, 1), 10, 5);
  Indices all;
  for (const Indices& fold : folds) {
    EXPECT_TRUE(fold.size() == 10 || fold.size() == 11);
    EXPECT_TRUE(std::is_sorted(fold.begin(), fold.end()));
    all.insert(all.end(), fold.begin(), fold.end());
  }
  std::sort(all.begin(), all.end());
  Indices expected(103);
  std::iota(expected.begin(), expected.end(), Eigen::Index{0});
  EXPECT_EQ(all, expected);
}

TEST(Folds, TakeRepeatedInputsApart) {
  const std::vector<Indices> folds = deal_folds(rows_in_copies(60, 30), 3, 1);
  for (const Indices& fold : folds) {
    EXPECT_EQ(fold.size(), 20U);
    EXPECT_TRUE(fold.front() < 30 && fold.back() >= 30);
  }
  EXPECT_THROW(deal_folds(rows_in_copies(2, 1), 3, 1), InputError);
}

TEST(Folds, KeepRepeatedInputsTogetherWhereThatIsWanted) {
  const std::vector<Indices> folds = deal_folds(rows_in_copies(60, 3), 4, 1, Repeats::together);
  for (const Indices& fold : folds) {
    ASSERT_EQ(fold.size(), 15U);
    for (std::size_t i = 0; i < fold.size(); i += 3) {
      EXPECT_EQ(fold[i] % 3, 0);
      EXPECT_EQ(fold[i + 2], fold[i] + 2);
    }
  }
  EXPECT_THROW(deal_folds(rows_in_copies(60, 30), 3, 1, Repeats::together), InputError);
}

TEST(Folds, DependOnTheSeedAlone) {
  const Eigen::MatrixXd inputs = rows_in_copies(50, 1);
  EXPECT_EQ(deal_folds(inputs, 5, 7), deal_folds(inputs, 5, 7));
  EXPECT_NE(deal_folds(inputs, 5, 7), deal_folds(inputs, 5, 8));
}

TEST(Folds, AreCompletedByAllOtherSamples) {
  EXPECT_EQ(complement({1, 3}, 5), (Indices{0, 2, 4}));
  EXPECT_EQ(complement({}, 2), (Indices{0, 1}));
}

TEST(Subset, TakesEverythingOfItsSamples) {
  Dataset data;
  data.input_names = {"a", "b"};
  data.inputs = rows_in_copies(6, 1);
  data.target_names = {"y"};
  data.target = Eigen::VectorXd::LinSpaced(6, 10, 15);
  data.weights = Eigen::VectorXd::LinSpaced(6, 1, 6);
  data.rows = {0, 2, 4, 6, 8, 10};
  const Dataset part = subset(data, {1, 4});
  EXPECT_EQ(part.input_names, data.input_names);
  EXPECT_EQ(part.inputs, (Eigen::MatrixXd(2, 2) << 1, 1, 4, 1).finished());
  EXPECT_EQ(part.target, (Eigen::VectorXd(2) << 11, 14).finished());
  EXPECT_EQ(part.weights, (Eigen::VectorXd(2) << 2, 5).finished());
  EXPECT_EQ(part.rows, (std::vector<std::size_t>{2, 8}));
}

}  // namespace
}  // namespace moest
