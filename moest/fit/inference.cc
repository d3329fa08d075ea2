#include "moest/fit/inference.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "moest/base/error.h"
#include "moest/fit/directions.h"
#include "moest/model/student.h"

namespace moest {
namespace {

/// How all coefficients change along a direction of theta, by central differences.
class Coefficients {
 public:
  Coefficients(const MixtureChart& chart, Model model) : chart_(chart), model_(std::move(model)) {}

  Eigen::VectorXd rates(const Eigen::VectorXd& theta, const Eigen::VectorXd& direction) {
    constexpr double kStep = 1e-5;
    const double size = direction.cwiseAbs().maxCoeff();
    if (!(size > 0)) {
      return Eigen::VectorXd::Zero(values(theta).size());
    }
    const double step = kStep / size;
    return (values(theta + step * direction) - values(theta - step * direction)) / (2 * step);
  }

 private:
  Eigen::VectorXd values(const Eigen::VectorXd& theta) {
    chart_.set_parameters(theta, model_);
    return coefficient_values(model_);
  }

  const MixtureChart& chart_;
  Model model_;
};

/// The matrix M between the two inverses of the information, in the directions whose columns of dv/dtheta are
/// given.
Eigen::MatrixXd scatter_of(Problem& problem, const Eigen::VectorXd& theta, const Eigen::MatrixXd& in_kernel,
                           CovarianceKind kind, const std::vector<double>& noise_variance) {
  const SampleBlocks& samples = problem.samples();
  Eigen::MatrixXd scatter = Eigen::MatrixXd::Zero(in_kernel.cols(), in_kernel.cols());
  Eigen::MatrixXd rows;
  Eigen::VectorXd residuals;
  Eigen::MatrixXd scores;
  for (int block = 0; block < samples.num_blocks(); ++block) {
    scores.setZero(samples.block_samples(block), in_kernel.cols());
    for (int target = 0; target < samples.num_targets(); ++target) {
      problem.jacobian(theta, block, target, rows, residuals);
      const double weight = samples.target_weight(target);
      if (kind == CovarianceKind::sandwich) {
        scores.noalias() += (weight * residuals).asDiagonal() * rows * in_kernel;
      } else {
        scores.noalias() =
            weight * std::sqrt(noise_variance[static_cast<std::size_t>(target)]) * rows * in_kernel;
        scatter.noalias() += scores.transpose() * scores;
      }
    }
    if (kind == CovarianceKind::sandwich) {
      scatter.noalias() += scores.transpose() * scores;
    }
  }
  return scatter;
}

/// What the matrix of a robust loss, that of the weighted problem, has too much of: sum (a - L''/2) w J'J in
/// the directions whose columns of dv/dtheta are given. Zero for squares.
Eigen::MatrixXd excess_of_factors(Problem& problem, const Eigen::VectorXd& theta,
                                  const Eigen::MatrixXd& in_kernel) {
  const SampleBlocks& samples = problem.samples();
  Eigen::MatrixXd excess = Eigen::MatrixXd::Zero(in_kernel.cols(), in_kernel.cols());
  Eigen::MatrixXd rows;
  Eigen::VectorXd residuals;
  for (int target = 0; target < samples.num_targets(); ++target) {
    if (samples.loss(target).kind == Loss::Kind::squared) {
      continue;
    }
    for (int block = 0; block < samples.num_blocks(); ++block) {
      problem.jacobian(theta, block, target, rows, residuals);
      const double* mean = problem.evaluate(theta, block, target).mean;
      for (Eigen::Index s = 0; s < rows.rows(); ++s) {
        const double share =
            1 - curvature_share(samples.loss(target), samples.target(block, target)[s] - mean[s]);
        residuals[s] = samples.target_weight(target) * share;
      }
      const Eigen::MatrixXd in_directions = rows * in_kernel;
      excess.noalias() += in_directions.transpose() * residuals.asDiagonal() * in_directions;
    }
  }
  return excess;
}

/// The inverse of the information in the determined directions.
Eigen::MatrixXd inverse_information(Problem& problem, const Eigen::VectorXd& theta,
                                    const Directions& directions, const Eigen::MatrixXd& in_kernel,
                                    CovarianceKind kind) {
  if (kind == CovarianceKind::sandwich) {
    NormalEquations newton;
    problem.linearise(theta, newton, Curvature::newton);
    const ActiveSet active(problem.chart(), theta, newton);
    Eigen::MatrixXd hessian;
    active.reduced_hessian(hessian);
    if (hessian.rows() == directions.in_free.rows() && hessian.allFinite()) {
      const Eigen::LLT<Eigen::MatrixXd> factor(directions.in_free.transpose() * hessian * directions.in_free -
                                               excess_of_factors(problem, theta, in_kernel));
      if (factor.info() == Eigen::Success) {
        return factor.solve(Eigen::MatrixXd::Identity(directions.in_free.cols(), directions.in_free.cols()));
      }
    }
  }
  return directions.information.cwiseInverse().asDiagonal();
}

/// Which coefficients a direction changes, beyond rounding.
Eigen::Array<bool, Eigen::Dynamic, 1> changed_by(const Eigen::VectorXd& rates) {
  constexpr double kRounding = 1e-7;
  return rates.array().abs() > kRounding * rates.cwiseAbs().maxCoeff();
}

/// Which coefficients would change with a coordinate that a constraint fixes.
Eigen::Array<bool, Eigen::Dynamic, 1> held_by_constraints(const MixtureChart& chart,
                                                          const Eigen::VectorXd& theta,
                                                          Coefficients& rates_of) {
  Eigen::VectorXd direction = Eigen::VectorXd::Zero(theta.size());
  Eigen::Array<bool, Eigen::Dynamic, 1> held = changed_by(rates_of.rates(theta, direction));
  for (const auto& [coordinate, value] : chart.constraints().fixed()) {
    direction.setZero();
    direction[coordinate] = 1;
    held = held || changed_by(rates_of.rates(theta, direction));
  }
  return held;
}

constexpr const char* kHeld = "held by a bound";

/// To all numbers of the same gate or expert: what is left of it is not free to move as it would like to.
void spread_reason(const std::string& reason, std::vector<CoefficientEstimate>& estimates) {
  std::vector<std::pair<Coefficient::Part, int>> held;
  for (const CoefficientEstimate& estimate : estimates) {
    if (estimate.reason == reason) {
      held.emplace_back(estimate.coefficient.part, estimate.coefficient.index);
    }
  }
  for (CoefficientEstimate& estimate : estimates) {
    const std::pair owner(estimate.coefficient.part, estimate.coefficient.index);
    if (estimate.reason.empty() && std::find(held.begin(), held.end(), owner) != held.end()) {
      estimate.reason = reason;
    }
  }
}

void refuse_redundant(const Redundancy& redundancy, std::vector<CoefficientEstimate>& estimates) {
  const auto refuse = [&](int expert, const std::string& reason) {
    for (CoefficientEstimate& estimate : estimates) {
      const bool is_own =
          estimate.coefficient.part != Coefficient::Part::group && estimate.coefficient.index == expert;
      if (is_own && estimate.reason.empty()) {
        estimate.reason = reason;
      }
    }
  };
  for (const auto& [i, j] : redundancy.coinciding) {
    const std::string reason = fmt::format("experts {} and {} coincide", i + 1, j + 1);
    refuse(i, reason);
    refuse(j, reason);
  }
  for (const int i : redundancy.empty) {
    refuse(i, "the expert has hardly any data");
  }
}

}  // namespace

Inference infer(Problem& problem, const Eigen::VectorXd& theta, const Model& model,
                const InferenceOptions& options) {
  MOEST_EXPECT(options.confidence > 0 && options.confidence < 1);
  const MixtureChart& chart = problem.chart();
  NormalEquations equations;
  problem.linearise(theta, equations);
  const ActiveSet active(chart, theta, equations);
  const Directions directions = find_directions(active, theta.size());
  const Eigen::Index rank = directions.determined.cols();
  const auto n = static_cast<double>(problem.samples().num_samples());
  const double degrees = n - static_cast<double>(rank) / problem.samples().num_targets();

  Inference result;
  for (Coefficient& coefficient : coefficients(model)) {
    result.coefficients.push_back({std::move(coefficient), {}, {}, {}, {}, false});
  }
  if (degrees <= 0) {
    for (CoefficientEstimate& estimate : result.coefficients) {
      estimate.reason = "there are not more samples than parameters";
    }
    return result;
  }

  Eigen::MatrixXd in_kernel(chart.layout().num_parameters, rank);
  for (Eigen::Index j = 0; j < rank; ++j) {
    in_kernel.col(j) = chart.kernel_direction(theta, directions.determined.col(j));
  }
  std::vector<double> noise_variance = problem.residual_sums_of_squares(theta);
  for (double& value : noise_variance) {
    value /= degrees;
  }
  const Eigen::MatrixXd inverse =
      inverse_information(problem, theta, directions, in_kernel, options.covariance);
  const double correction = options.covariance == CovarianceKind::sandwich ? n / degrees : 1;
  const Eigen::MatrixXd covariance =
      correction * inverse * scatter_of(problem, theta, in_kernel, options.covariance, noise_variance) *
      inverse;
  const Eigen::MatrixXd rounded = in_kernel * covariance * in_kernel.transpose();
  result.covariance = {(rounded + rounded.transpose()) / 2, degrees};

  Coefficients rates_of(chart, model);
  const auto num_coefficients = static_cast<Eigen::Index>(result.coefficients.size());
  Eigen::MatrixXd rates(num_coefficients, rank);
  for (Eigen::Index j = 0; j < rank; ++j) {
    rates.col(j) = rates_of.rates(theta, directions.determined.col(j));
  }
  const Eigen::VectorXd variances = (rates * covariance).cwiseProduct(rates).rowwise().sum();
  const double quantile = student_quantile(degrees, options.confidence);
  const auto fixed = held_by_constraints(chart, theta, rates_of);
  for (Eigen::Index c = 0; c < num_coefficients; ++c) {
    if (fixed[c] && !(variances[c] > 0)) {
      result.coefficients[static_cast<std::size_t>(c)].reason = "fixed";
    }
  }
  const auto refuse = [&](const Eigen::VectorXd& along, const std::string& reason) {
    const auto changed = changed_by(along);
    for (Eigen::Index c = 0; c < num_coefficients; ++c) {
      if (changed[c] && result.coefficients[static_cast<std::size_t>(c)].reason.empty()) {
        result.coefficients[static_cast<std::size_t>(c)].reason = reason;
      }
    }
  };
  for (const Eigen::VectorXd& direction : directions.undetermined) {
    refuse(rates_of.rates(theta, direction), "not determined by the data");
  }
  for (const Eigen::VectorXd& direction : active.bound_directions()) {
    refuse(rates_of.rates(theta, direction), kHeld);
  }
  spread_reason(kHeld, result.coefficients);
  refuse_redundant(options.redundancy, result.coefficients);
  for (Eigen::Index c = 0; c < num_coefficients; ++c) {
    CoefficientEstimate& estimate = result.coefficients[static_cast<std::size_t>(c)];
    if (!estimate.reason.empty()) {
      continue;
    }
    if (!(variances[c] > 0)) {
      estimate.is_convention = true;
      estimate.reason = "a convention";
      continue;
    }
    const double value = estimate.coefficient.value;
    estimate.standard_error = std::sqrt(variances[c]);
    estimate.low = value - quantile * *estimate.standard_error;
    estimate.high = value + quantile * *estimate.standard_error;
  }
  return result;
}

}  // namespace moest
