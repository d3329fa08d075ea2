#include "moest/data/scaling.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/random.h"

namespace moest {
namespace {

TEST(Standardisation, HasTheMeanAndTheDeviationWithDivisorN) {
  const std::vector<double> values = {1, 2, 3, 6};
  const Affine map = standardisation(values);
  EXPECT_DOUBLE_EQ(map.offset, 3);
  EXPECT_DOUBLE_EQ(map.scale, std::sqrt(3.5));
}

// The exact deviation of the integers 0, .., n-1 is sqrt((n^2 - 1) / 12), whatever is added to them.
TEST(Standardisation, IsAccurateBesideAHugeOffset) {
  for (const double offset : {0.0, 1e8, -1e12, 1e15}) {
    std::vector<double> values;
    for (int i = 0; i < 1001; ++i) {
      values.push_back(offset + i);
    }
    const Affine map = standardisation(values);
    EXPECT_DOUBLE_EQ(map.offset, offset + 500);
    EXPECT_NEAR(map.scale, std::sqrt((1001.0 * 1001.0 - 1) / 12), 1e-11) << offset;
  }
}

TEST(Standardisation, NeitherOverflowsNorUnderflows) {
  for (const double unit : {1e300, 1e-300, 1e-320, std::numeric_limits<double>::max() / 2}) {
    const std::vector<double> values = {-unit, unit, -unit, unit};
    const Affine map = standardisation(values);
    EXPECT_EQ(map.offset, 0) << unit;
    EXPECT_DOUBLE_EQ(map.scale, unit);
  }
  const double max = std::numeric_limits<double>::max();
  EXPECT_DOUBLE_EQ(standardisation(std::vector<double>{max, max, -max}).offset, max / 3);
}

TEST(Standardisation, OfAConstantColumnHasScaleOne) {
  const Affine map = standardisation(std::vector<double>{0.1, 0.1, 0.1});
  EXPECT_EQ(map.offset, 0.1);
  EXPECT_EQ(map.scale, 1);
}

TEST(Standardisation, RequiresFiniteValues) {
  EXPECT_THROW(standardisation({}), ContractError);
  EXPECT_THROW(standardisation(std::vector<double>{1, std::nan("")}), ContractError);
}

TEST(RangeScaling, MapsTheEndsToTheEnds) {
  const std::vector<double> values = {4, -2, 1};
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{0, 1}, {-1, 1}, {2, 10}}) {
    const Affine map = range_scaling(values, low, high);
    EXPECT_NEAR(map.apply(-2), low, 1e-14);
    EXPECT_NEAR(map.apply(4), high, 1e-14);
    EXPECT_NEAR(map.apply(1), (low + high) / 2, 1e-14);
  }
}

TEST(RangeScaling, PutsAConstantColumnInTheMiddle) {
  const Affine map = range_scaling(std::vector<double>{7, 7}, 0, 3);
  EXPECT_EQ(map.apply(7), 1.5);
  EXPECT_EQ(map.scale, 1);
}

TEST(RangeScaling, RequiresAnInterval) {
  EXPECT_THROW(range_scaling(std::vector<double>{1, 2}, 1, 1), ContractError);
  EXPECT_THROW(range_scaling({}, 0, 1), ContractError);
}

TEST(Affine, UndoesWhatItApplies) {
  Stream stream(2024, 3, "affine");
  for (int i = 0; i < 1000; ++i) {
    const Affine map{10 * stream.normal(), std::exp(stream.normal())};
    const double x = stream.normal();
    EXPECT_NEAR(map.undo(map.apply(x)), x, 1e-13 * (std::abs(x) + std::abs(map.offset)));
  }
}

TEST(Scaled, AppliesEachMapToItsColumn) {
  Eigen::MatrixXd inputs(2, 2);
  inputs << 1, 10, 3, 30;
  const std::vector<Affine> maps = {{1, 2}, {10, 5}};
  Eigen::MatrixXd expected(2, 2);
  expected << 0, 0, 1, 4;
  EXPECT_EQ(scaled(inputs, maps), expected);
  EXPECT_THROW(scaled(inputs, std::span(maps).first(1)), ContractError);
}

}  // namespace
}  // namespace moest
