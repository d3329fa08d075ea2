#include "moest/data/array_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "moest/base/error.h"

namespace moest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Example {
  Eigen::MatrixXd inputs{{1, 5, 0}, {2, 5, 1}, {3, 5, 4}, {4, 5, 9}};
  Eigen::MatrixXd target{{1}, {0}, {2}, {3}};
  Eigen::MatrixXd weights{{1}, {2}, {0}, {0.5}};

  Arrays arrays() const { return {inputs, target, {}, {"a", "b", "c"}, {"y"}}; }
  Arrays weighted() const {
    Arrays all = arrays();
    all.weights.emplace(weights);
    return all;
  }
};

std::string refusal(const Arrays& arrays) {
  try {
    make_dataset(arrays);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ArrayDataset, LeavesOutInputsThatDoNotVaryWithANote) {
  const Example example;
  const Dataset data = make_dataset(example.arrays());
  EXPECT_THAT(data.input_names, ElementsAre("a", "c"));
  EXPECT_EQ(data.inputs, (Eigen::MatrixXd{{1, 0}, {2, 1}, {3, 4}, {4, 9}}));
  EXPECT_EQ(data.target, example.target);
  EXPECT_EQ(data.weights.size(), 0);
  EXPECT_THAT(data.notes, ElementsAre("input `b` left out: it is 5 in every row"));
}

TEST(ArrayDataset, LeavesOutRowsOfWeightZero) {
  const Example example;
  const Dataset data = make_dataset(example.weighted());
  EXPECT_THAT(data.rows, ElementsAre(0, 1, 3));
  EXPECT_EQ(data.inputs, (Eigen::MatrixXd{{1, 0}, {2, 1}, {4, 9}}));
  EXPECT_EQ(data.weights, (Eigen::VectorXd{{1, 2, 0.5}}));
}

TEST(ArrayDataset, KeepsAConstantTargetWithANote) {
  Example example;
  example.target.setConstant(3);
  const Dataset data = make_dataset(example.arrays());
  EXPECT_EQ(data.target, example.target);
  EXPECT_THAT(data.notes.back(), HasSubstr("target `y` is 3 in every row"));
}

TEST(ArrayDataset, RefusesWhatCannotBeUsedWithItsPlace) {
  const auto refused = [](const std::function<void(Example&)>& spoil) {
    Example example;
    spoil(example);
    return refusal(example.weighted());
  };
  EXPECT_EQ(refused([](Example&) {}), "accepted");
  EXPECT_THAT(refused([](Example& e) { e.inputs(2, 0) = std::nan(""); }), HasSubstr("`a`, row 2: nan"));
  EXPECT_THAT(refused([](Example& e) { e.target(1, 0) = std::numeric_limits<double>::infinity(); }),
              HasSubstr("`y`, row 1: inf"));
  EXPECT_THAT(refused([](Example& e) { e.inputs(0, 2) = -1e151; }), HasSubstr("`c`, row 0: -1e+151"));
  EXPECT_THAT(refused([](Example& e) { e.weights(3, 0) = -1; }), HasSubstr("row 3: -1 is a negative weight"));
  EXPECT_THAT(refused([](Example& e) { e.weights.setZero(); }), HasSubstr("all weights are 0"));
  EXPECT_THAT(refused([](Example& e) { e.inputs.setConstant(1); }), HasSubstr("no input varies"));
  Example example;
  Arrays twice = example.arrays();
  twice.input_names = {"a", "a", "c"};
  EXPECT_THAT(refusal(twice), HasSubstr("two columns have the name `a`"));
  twice.input_names = {"a", "y", "c"};
  EXPECT_THAT(refusal(twice), HasSubstr("two columns have the name `y`"));
  twice.input_names = {"a", "", "c"};
  EXPECT_THAT(refusal(twice), HasSubstr("an empty name"));
}

}  // namespace
}  // namespace moest
