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
  for (std::size_t output = 1; output < passes_.size(); ++output) {
    passes_[output].linearise(v, of_output_, curvature);
    result.rss += of_output_.rss;
    result.gradient += of_output_.gradient;
    result.gram += of_output_.gram;
    result.diagonal += of_output_.diagonal;
  }
}

double OutputPasses::residual_sum_of_squares(std::span<const double> v) {
  double sum = 0;
  for (FusedPass& pass : passes_) {
    sum += pass.residual_sum_of_squares(v);
  }
  return sum;
}

std::vector<double> OutputPasses::residual_sums_of_squares(std::span<const double> v) {
  std::vector<double> sums;
  for (FusedPass& pass : passes_) {
    sums.push_back(pass.residual_sum_of_squares(v));
  }
  return sums;
}

void OutputPasses::bend(std::span<const double> v, std::span<const double> direction,
                        Eigen::VectorXd& result) {
  passes_.front().bend(v, direction, result);
  for (std::size_t output = 1; output < passes_.size(); ++output) {
    passes_[output].bend(v, direction, of_output_.gradient);
    result += of_output_.gradient;
  }
}

const BlockValues& OutputPasses::evaluate(std::span<const double> v, int block, int output) {
  return passes_[static_cast<std::size_t>(output)].evaluate(v, block);
}

}  // namespace moest
