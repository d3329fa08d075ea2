// How sure the numbers of a fit are.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <vector>

#include "moest/fit/expert_comparison.h"
#include "moest/fit/problem.h"
#include "moest/model/coefficients.h"
#include "moest/model/model.h"

namespace moest {

/// A coefficient with its standard error and confidence interval; where these are empty, why.
struct CoefficientEstimate {
  Coefficient coefficient;
  std::optional<double> standard_error;
  std::optional<double> low, high;
  std::string reason;
  bool is_convention = false;  // of the gate, and not of the data
};

enum class CovarianceKind {
  /// H^-1 M H^-1 n / (n - p), H half the Hessian of the objective (J'J if it is not positive definite) and M
  /// the sum over the samples of psi psi', psi = sum_j w_j e_j J_j over the targets. Right for noise of any
  /// variance over the samples, and for the best approximation where the truth is no such mixture.
  sandwich,
  /// sigma^2 (J'J)^-1, with several targets (J'WJ)^-1 (sum_j w_j^2 sigma_j^2 J_j'J_j) (J'WJ)^-1. Right where
  /// the
  /// model is, and the noise has one variance for each target.
  classical,
};

struct InferenceOptions {
  CovarianceKind covariance = CovarianceKind::sandwich;
  double confidence = 0.95;  // of the intervals, between 0 and 1
  Redundancy redundancy = {};
};

struct Inference {
  std::vector<CoefficientEstimate> coefficients;  // in the order of moest::coefficients()
  ParameterCovariance covariance;                 // in scaled units
};

/// Asymptotic inference at a converged optimum theta of `problem`, for the coefficients of the model there.
/// The covariance of the directions that the data determine and no bound holds goes to each coefficient by
/// the delta method, with central differences; intervals are estimate -+ t standard errors, t a quantile of
/// Student's law of n - p / m degrees.
///
/// A coefficient has no standard error where a direction that changes it is not determined (a gauge that the
/// section does not fix), where its gate or expert is redundant (it coincides with another up to the noise,
/// or has hardly any data: then the estimate is not normal, and its standard error means nothing), where a
/// bound holds any number of its gate or expert, where it is fixed, and where it is a convention: the
/// reference of a gate.
Inference infer(Problem& problem, const Eigen::VectorXd& theta, const Model& model,
                const InferenceOptions& options);

}  // namespace moest
