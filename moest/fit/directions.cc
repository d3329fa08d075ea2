#include "moest/fit/directions.h"

#include <Eigen/Eigenvalues>
#include <algorithm>

namespace moest {

Directions find_directions(const ActiveSet& active, Eigen::Index size) {
  Eigen::MatrixXd gram = active.reduced_gram();
  const Eigen::ArrayXd diagonal = gram.diagonal().array();
  // The square of what rounding leaves of a derivative that is 0, relative to others.
  constexpr double kZero = 1e-28;
  const double zero = gram.size() > 0 ? kZero * diagonal.maxCoeff() : 0.0;
  const Eigen::ArrayXd scale = (diagonal > zero).select(diagonal.sqrt().inverse(), 1.0);
  gram = scale.matrix().asDiagonal() * gram * scale.matrix().asDiagonal();
  Directions directions;
  if (gram.size() == 0) {
    return directions;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  const Eigen::VectorXd& values = solver.eigenvalues();
  const Eigen::MatrixXd vectors = scale.matrix().asDiagonal() * solver.eigenvectors();
  constexpr double kRelativeRounding = 1e-12;
  const double threshold = kRelativeRounding * std::max(values[values.size() - 1], 0.0);
  const auto num_determined = (values.array() > threshold).count();
  directions.in_free = vectors.rightCols(num_determined);
  directions.information = values.tail(num_determined);
  directions.determined.resize(size, num_determined);
  Eigen::VectorXd full;
  for (Eigen::Index j = 0; j < num_determined; ++j) {
    active.expand_direction(directions.in_free.col(j), full);
    directions.determined.col(j) = full;
  }
  for (Eigen::Index j = 0; j < values.size() - num_determined; ++j) {
    active.expand_direction(vectors.col(j), full);
    directions.undetermined.push_back(full);
  }
  return directions;
}

}  // namespace moest
