// The least-squares problem in the coordinates of a chart.
#pragma once

#include <Eigen/Core>

#include "moest/kernel/fused_pass.h"
#include "moest/kernel/sample_blocks.h"
#include "moest/model/chart.h"

namespace moest {

/// minimise RSS(theta) = sum_i (Y_i - f(X_i; theta))^2 over the chart's regions. Has a workspace: one per
/// thread. The samples must outlive it.
class Problem {
 public:
  Problem(const MixtureSpec& spec, double bound, const SampleBlocks& samples)
      : chart_(spec, bound), pass_(chart_.layout(), samples) {}

  const MixtureChart& chart() const { return chart_; }
  const SampleBlocks& samples() const { return pass_.samples(); }

  /// RSS, J'e and J'J at theta, J = df/dtheta.
  void linearise(const Eigen::VectorXd& theta, NormalEquations& result) {
    const Eigen::VectorXd v = chart_.kernel_parameters(theta);
    pass_.linearise({v.data(), static_cast<std::size_t>(v.size())}, in_kernel_);
    chart_.pull_back(in_kernel_, result);
  }
  /// Values of the mixture on one block of samples.
  const BlockValues& evaluate(const Eigen::VectorXd& theta, int block) {
    const Eigen::VectorXd v = chart_.kernel_parameters(theta);
    return pass_.evaluate({v.data(), static_cast<std::size_t>(v.size())}, block);
  }

 private:
  MixtureChart chart_;
  FusedPass pass_;
  NormalEquations in_kernel_;
};

}  // namespace moest
