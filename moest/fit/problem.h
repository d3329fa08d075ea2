// The least-squares problem in the coordinates of a chart.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "moest/fit/ridge.h"
#include "moest/kernel/output_passes.h"
#include "moest/kernel/sample_blocks.h"
#include "moest/model/chart.h"

namespace moest {

/// minimise sum_i |Y_i - f(X_i; theta)|^2 + lambda P(theta) over the chart's regions and constraints, P the
/// penalty of a ridge. Has a workspace: one per thread that uses it. A pass over the samples may itself take
/// several threads. The samples must outlive it.
class Problem {
 public:
  Problem(const MixtureSpec& spec, double bound, const SampleBlocks& samples, int threads_per_pass = 1,
          double ridge = 0, std::span<const Equation> equations = {})
      : chart_(spec, bound, equations),
        passes_(chart_.layouts(), samples, threads_per_pass),
        ridge_(chart_, ridge) {}

  const MixtureChart& chart() const { return chart_; }
  const SampleBlocks& samples() const { return passes_.samples(); }
  const Ridge& ridge() const { return ridge_; }

  /// The objective, half its descent direction J'e (less the ridge's part) and the curvature's matrix at
  /// theta, J = df/dtheta, tied coordinates counted as the one that they are tied to.
  void linearise(const Eigen::VectorXd& theta, NormalEquations& result,
                 Curvature curvature = Curvature::gauss_newton) {
    passes_.linearise(kernel_point(theta), in_kernel_, curvature);
    chart_.pull_back(theta, curvature, in_kernel_, result);
    ridge_.add(theta, result);
    chart_.constraints().fold(result);
  }
  double objective(const Eigen::VectorXd& theta) {
    return passes_.residual_sum_of_squares(kernel_point(theta)) + ridge_.value(theta);
  }
  /// Of each output, without the ridge.
  std::vector<double> residual_sums_of_squares(const Eigen::VectorXd& theta) {
    return passes_.residual_sums_of_squares(kernel_point(theta));
  }
  /// J'f'', f'' the second derivative of f along the direction. Not where the chart is curved.
  void bend(const Eigen::VectorXd& theta, const Eigen::VectorXd& direction, Eigen::VectorXd& result) {
    chart_.to_kernel(direction, kernel_direction_);
    passes_.bend(kernel_point(theta), as_span(kernel_direction_), in_kernel_.gradient);
    chart_.pull_back(in_kernel_.gradient, result);
    chart_.constraints().fold(result);
  }
  /// df/dv and e of one output on one block, v = chart().kernel_parameters(theta): a row for each sample.
  void jacobian(const Eigen::VectorXd& theta, int block, int output, Eigen::MatrixXd& rows,
                Eigen::VectorXd& residuals) {
    passes_.jacobian(kernel_point(theta), block, output, rows, residuals);
  }
  /// Values of one output of the mixture on one block of samples.
  const BlockValues& evaluate(const Eigen::VectorXd& theta, int block, int output = 0) {
    return passes_.evaluate(kernel_point(theta), block, output);
  }

 private:
  static std::span<const double> as_span(const Eigen::VectorXd& vector) {
    return {vector.data(), static_cast<std::size_t>(vector.size())};
  }
  std::span<const double> kernel_point(const Eigen::VectorXd& theta) {
    chart_.to_kernel(theta, kernel_point_);
    return as_span(kernel_point_);
  }

  MixtureChart chart_;
  OutputPasses passes_;
  Ridge ridge_;
  NormalEquations in_kernel_;
  Eigen::VectorXd kernel_point_, kernel_direction_;
};

}  // namespace moest
