#include "moest/model/predict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/model/model_json.h"

namespace moest {
namespace {

Model example() {
  return parse_model(R"({"moest_model": 1, "gate": {"kind": "perturbed_cosine"}, "expert": {"kind": "tanh"},
      "inputs": ["x1", "x2"], "target": "y",
      "atoms": [{"bias": 0.3, "gate": [1.0, -0.5], "expert": [0.8, 0.2, -0.1]},
                {"bias": 0.0, "gate": [0.0, 0.7],  "expert": [-1.0, 0.4, 0.5]},
                {"bias": -1, "gate": [4.0, 0.1],  "expert": [2, 1, 0]}]})",
                     "example");
}

Eigen::MatrixXd random_inputs(Eigen::Index n, Eigen::Index d) {
  Stream stream(1, 0, "prediction inputs");
  Eigen::MatrixXd inputs(n, d);
  for (double& value : inputs.reshaped()) {
    value = stream.normal();
  }
  return inputs;
}

bool same_bits(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.data(), b.data(), sizeof(double) * static_cast<std::size_t>(a.size())) == 0;
}

// More than one task of rows, and a last one that ends inside a block.
TEST(Predict, GivesTheSameBitsForAnyNumberOfThreads) {
  const Eigen::MatrixXd inputs = random_inputs(40001, 2);
  const Predictions one = predict(example(), inputs, 1);
  for (const int threads : {0, 2, 3}) {
    const Predictions many = predict(example(), inputs, threads);
    EXPECT_TRUE(same_bits(many.mean, one.mean));
    EXPECT_TRUE(same_bits(many.weights, one.weights));
    EXPECT_TRUE(same_bits(many.experts, one.experts));
  }
}

TEST(Predict, GivesEachRowTheSameBitsAloneOrAmongOthers) {
  const Eigen::MatrixXd inputs = random_inputs(17000, 2);
  const Predictions all = predict(example(), inputs, 1);
  for (const Eigen::Index row : {0, 1, 255, 256, 16383, 16384, 16999}) {
    const Predictions alone = predict(example(), inputs.row(row), 1);
    EXPECT_EQ(alone.mean(0), all.mean(row));
    EXPECT_TRUE(same_bits(alone.weights, all.weights.row(row)));
    EXPECT_TRUE(same_bits(alone.experts, all.experts.row(row)));
  }
}

TEST(Predict, ReadsInputsInAnyOrderInMemory) {
  const Eigen::MatrixXd inputs = random_inputs(17000, 2);
  const Predictions expected = predict(example(), inputs, 1);
  EXPECT_TRUE(same_bits(predict_mean(example(), inputs, 2), expected.mean));
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Rows by_rows = inputs;
  using Strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::Map<const Eigen::MatrixXd, 0, Strides> view(by_rows.data(), 17000, 2, Strides(1, 2));
  EXPECT_TRUE(same_bits(predict(example(), view, 1).weights, expected.weights));
  // Every second column of a wider array of rows.
  Rows wide = Rows::Constant(17000, 4, -7);
  wide.col(0) = inputs.col(0);
  wide.col(2) = inputs.col(1);
  const Eigen::Map<const Eigen::MatrixXd, 0, Strides> sparse(wide.data(), 17000, 2, Strides(2, 4));
  EXPECT_TRUE(same_bits(predict_mean(example(), sparse, 1), expected.mean));
  const MatrixView kept(sparse);
  EXPECT_EQ(kept.data(), wide.data()) << "no copy is made";
}

TEST(Predict, AcceptsNoRows) { EXPECT_EQ(predict(example(), Eigen::MatrixXd(0, 2), 1).mean.size(), 0); }

TEST(Predict, RefusesInputsOfAnotherWidth) {
  EXPECT_THROW(predict(example(), Eigen::MatrixXd::Zero(1, 3), 1), ContractError);
}

TEST(Predict, HasWeightsThatSumToOneAndMixTheExperts) {
  const Predictions result = predict(example(), random_inputs(1000, 2), 1);
  EXPECT_GE(result.weights.minCoeff(), 0);
  EXPECT_LT((result.weights.rowwise().sum().array() - 1).abs().maxCoeff(), 1e-15);
  EXPECT_LT(((result.weights.array() * result.experts.array()).rowwise().sum() - result.mean.array())
                .abs()
                .maxCoeff(),
            1e-15);
}

// The model at scaled inputs, and the answer put back: f = offset + scale f_scaled((x - offset_x) / scale_x).
TEST(Predict, UndoesTheScaling) {
  const Model plain = example();
  Model scaled_model = plain;
  scaled_model.scaling = Scaling{{{3, 2}, {-1, 0.25}}, {{100, 7}}};
  const Eigen::MatrixXd inputs = random_inputs(500, 2);
  Eigen::MatrixXd by_hand(500, 2);
  by_hand.col(0) = (inputs.col(0).array() - 3) / 2;
  by_hand.col(1) = (inputs.col(1).array() + 1) / 0.25;
  const Predictions expected = predict(plain, by_hand, 1);
  const Predictions given = predict(scaled_model, inputs, 1);
  EXPECT_TRUE(same_bits(given.weights, expected.weights));
  EXPECT_LT((given.mean - (7 * expected.mean.array() + 100).matrix()).cwiseAbs().maxCoeff(), 1e-13);
  EXPECT_LT((given.experts - (7 * expected.experts.array() + 100).matrix()).cwiseAbs().maxCoeff(), 1e-13);
}

// No bound of a fit is imposed on a model that somebody wrote.
TEST(Predict, ComputesWhatTheModelSaysHoweverLarge) {
  Model model = parse_model(R"({"moest_model": 1, "gate": {"kind": "softmax"}, "expert": {"kind": "linear"},
      "inputs": ["x"], "target": "y", "atoms": [{"gate": [1e200], "bias": 1e200, "expert": [1e200, -1e250]},
                                               {"gate": [0], "expert": [0, 1e300]}]})",
                            "large");
  const Eigen::MatrixXd inputs = Eigen::Vector2d(1, -2);
  const Predictions result = predict(model, inputs, 1);
  EXPECT_EQ(result.mean(0), -1e250);
  EXPECT_EQ(result.mean(1), 1e300);
  EXPECT_EQ(result.experts(1, 1), 1e300);
}

TEST(Predict, LetsThePerturbedCosineSaturateForAHugeOmega) {
  Model model = parse_model(R"({"moest_model": 1, "gate": {"kind": "perturbed_cosine"},
      "expert": {"kind": "constant"}, "inputs": ["x", "z"], "target": "y",
      "atoms": [{"gate": [1e300, 1e300], "expert": [1]}, {"gate": [-1e-300, 0], "expert": [0]}]})",
                            "huge");
  const Eigen::MatrixXd inputs = Eigen::RowVector2d(3e149, 4e149);
  const double score = 7 / (5 * std::sqrt(2.0));
  EXPECT_NEAR(predict(model, inputs, 1).mean(0), 1 / (1 + std::exp(-score)), 1e-15);
}

}  // namespace
}  // namespace moest
