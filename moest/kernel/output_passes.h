// A mixture of several outputs, as many passes over the samples.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "moest/kernel/fused_pass.h"

namespace moest {

/// Experts of several outputs share their gate: each output is a mixture by itself, with the gates in common
/// and experts of its own, all in one parameter vector v. The objective is the sum over the outputs of their
/// RSS times the weight of their target, and so are J'e, J'J and the Hessian. The scores are computed anew
/// for each output, which spares the kernel a second shape of every sum and costs little beside the sums over
/// experts.
class OutputPasses {
 public:
  /// One layout per output, at least one, each with its target and all of the same v. The samples must
  /// outlive this.
  OutputPasses(const std::vector<MixtureLayout>& layouts, const SampleBlocks& samples, int num_threads = 1);

  const SampleBlocks& samples() const { return passes_.front().samples(); }
  int num_outputs() const { return static_cast<int>(passes_.size()); }

  void linearise(std::span<const double> v, NormalEquations& result,
                 Curvature curvature = Curvature::gauss_newton);
  /// The objective, and e'e of each output.
  double residual_sum_of_squares(std::span<const double> v);
  std::vector<double> residual_sums_of_squares(std::span<const double> v);
  /// J'f'', see FusedPass.
  void bend(std::span<const double> v, std::span<const double> direction, Eigen::VectorXd& result);
  /// Values of one output on one block; they stay until the next call for that output.
  const BlockValues& evaluate(std::span<const double> v, int block, int output = 0);
  /// J and e of one output on one block, see FusedPass; without the target's weight.
  void jacobian(std::span<const double> v, int block, int output, Eigen::MatrixXd& rows,
                Eigen::VectorXd& residuals);

 private:
  double weight_of(int output) const { return samples().target_weight(output); }

  std::vector<FusedPass> passes_;
  NormalEquations of_output_;
};

}  // namespace moest
