#include "moest/kernel/output_passes.h"

#include "moest/base/error.h"

namespace moest {

OutputPasses::OutputPasses(const std::vector<MixtureLayout>& layouts, const SampleBlocks& samples,
                           int num_threads) {
  MOEST_EXPECT(!layouts.empty());
  for (const MixtureLayout& layout : layouts) {
    MOEST_EXPECT(layout.num_parameters == layouts.front().num_parameters);
    passes_.emplace_back(layout, samples, num_threads);
  }
}

void OutputPasses::linearise(std::span<const double> v, NormalEquations& result, Curvature curvature) {
  passes_.front().linearise(v, result, curvature);
  if (const double weight = weight_of(0); weight != 1) {
    result.objective *= weight;
    result.gradient *= weight;
    result.gram *= weight;
    result.diagonal *= weight;
  }
  for (int output = 1; output < num_outputs(); ++output) {
    passes_[static_cast<std::size_t>(output)].linearise(v, of_output_, curvature);
    const double weight = weight_of(output);
    result.objective += weight * of_output_.objective;
    result.gradient += weight * of_output_.gradient;
    result.gram += weight * of_output_.gram;
    result.diagonal += weight * of_output_.diagonal;
  }
}

double OutputPasses::residual_sum_of_squares(std::span<const double> v) {
  double sum = 0;
  for (int output = 0; output < num_outputs(); ++output) {
    sum += weight_of(output) * passes_[static_cast<std::size_t>(output)].residual_sum_of_squares(v);
  }
  return sum;
}

std::vector<double> OutputPasses::residual_sums_of_squares(std::span<const double> v) {
  std::vector<double> sums;
  sums.reserve(passes_.size());
  for (FusedPass& pass : passes_) {
    sums.push_back(pass.residual_sum_of_squares(v));
  }
  return sums;
}

void OutputPasses::bend(std::span<const double> v, std::span<const double> direction,
                        Eigen::VectorXd& result) {
  passes_.front().bend(v, direction, result);
  result *= weight_of(0);
  for (int output = 1; output < num_outputs(); ++output) {
    passes_[static_cast<std::size_t>(output)].bend(v, direction, of_output_.gradient);
    result += weight_of(output) * of_output_.gradient;
  }
}

void OutputPasses::jacobian(std::span<const double> v, int block, int output, Eigen::MatrixXd& rows,
                            Eigen::VectorXd& residuals) {
  passes_[static_cast<std::size_t>(output)].jacobian(v, block, rows, residuals);
}

const BlockValues& OutputPasses::evaluate(std::span<const double> v, int block, int output) {
  return passes_[static_cast<std::size_t>(output)].evaluate(v, block);
}

}  // namespace moest
