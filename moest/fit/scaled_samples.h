// A data set as the kernel reads it: scaled, in blocks, with what leads back to the data's units.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/data/scaling.h"
#include "moest/fit/problem.h"
#include "moest/kernel/sample_blocks.h"
#include "moest/model/chart.h"

namespace moest {

/// Inputs to mean 0 and variance 1. Targets: into nine tenths of the experts' range, so that their extremes
/// are reached at finite parameters, unless an output weight stretches that; to mean 0 and variance 1 where
/// the range has no end. Where the weights of the experts do not sum to one, an offset is no matter of the
/// experts: there is none, unless experts that only rise from 0 need it.
Scaling choose_scaling(const MixtureSpec& spec, const Dataset& data);

class ScaledSamples {
 public:
  /// The weights of the samples are divided by their mean. With scaling each of several targets counts by its
  /// spread, whatever range its experts have.
  ScaledSamples(const MixtureChart& chart, const Dataset& data, const std::optional<Scaling>& scaling);

  const SampleBlocks& blocks() const { return blocks_; }
  /// The loss of the residuals of a target from now on.
  void set_loss(int target, const Loss& loss) { blocks_.set_loss(target, loss); }
  /// From a residual sum of squares of the blocks to one of the data, weights included: by target.
  const std::vector<double>& to_rss() const { return to_rss_; }
  /// Residual sums of squares at a point of a problem on the blocks, whatever their loss, in the data's
  /// units.
  std::vector<double> rss_by_target(Problem& problem, const Eigen::VectorXd& theta) const;

 private:
  SampleBlocks blocks_;
  std::vector<double> to_rss_;
};

}  // namespace moest
