#include "moest/selection/baselines.h"

#include <Eigen/QR>
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/parallel.h"
#include "moest/data/scaling.h"
#include "moest/selection/folds.h"

namespace moest {
namespace {

std::vector<Affine> standardisations(const Eigen::MatrixXd& inputs) {
  std::vector<Affine> maps;
  maps.reserve(static_cast<std::size_t>(inputs.cols()));
  for (Eigen::Index j = 0; j < inputs.cols(); ++j) {
    maps.push_back(standardisation({inputs.col(j).data(), static_cast<std::size_t>(inputs.rows())}));
  }
  return maps;
}

Eigen::RowVectorXd mean_of(const Dataset& train) {
  const Eigen::VectorXd weights = sample_weights(train);
  return weights.transpose() * train.target / weights.sum();
}

}  // namespace

Eigen::MatrixXd predict_by_mean(const Dataset& train, const Eigen::MatrixXd& inputs) {
  return mean_of(train).replicate(inputs.rows(), 1);
}

Eigen::MatrixXd predict_by_regression(const Dataset& train, const Eigen::MatrixXd& inputs) {
  const std::vector<Affine> maps = standardisations(train.inputs);
  const auto design = [&](const Eigen::MatrixXd& of) {
    Eigen::MatrixXd matrix(of.rows(), of.cols() + 1);
    matrix << scaled(of, maps), Eigen::VectorXd::Ones(of.rows());
    return matrix;
  };
  const Eigen::VectorXd roots = sample_weights(train).sqrt();
  const Eigen::MatrixXd weighted = roots.asDiagonal() * design(train.inputs);
  const Eigen::RowVectorXd mean = mean_of(train);
  const Eigen::MatrixXd target = roots.asDiagonal() * (train.target.rowwise() - mean);
  const Eigen::MatrixXd solution = weighted.completeOrthogonalDecomposition().solve(target);
  return (design(inputs) * solution).rowwise() + mean;
}

Eigen::MatrixXd predict_by_neighbours(const Dataset& train, const Eigen::MatrixXd& inputs, int num_neighbours,
                                      int num_threads) {
  MOEST_EXPECT(num_neighbours >= 1 && train.target.rows() >= 1);
  const std::vector<Affine> maps = standardisations(train.inputs);
  const Eigen::MatrixXd points = scaled(train.inputs, maps);
  const Eigen::MatrixXd queries = scaled(inputs, maps);
  const Eigen::Index used = std::min<Eigen::Index>(num_neighbours, points.rows());
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(inputs.rows(), train.target.cols());
  parallel_for(num_threads, static_cast<int>(inputs.rows()), [&](int row) {
    const Eigen::VectorXd distances = (points.rowwise() - queries.row(row)).rowwise().squaredNorm();
    std::vector<std::pair<double, Eigen::Index>> nearest;
    for (Eigen::Index i = 0; i < distances.size(); ++i) {
      nearest.emplace_back(distances[i], i);
    }
    std::partial_sort(nearest.begin(), nearest.begin() + used, nearest.end());
    for (Eigen::Index i = 0; i < used; ++i) {
      result.row(row) += train.target.row(nearest[static_cast<std::size_t>(i)].second);
    }
    result.row(row) /= static_cast<double>(used);
  });
  return result;
}

}  // namespace moest
