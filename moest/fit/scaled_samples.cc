#include "moest/fit/scaled_samples.h"

#include <cmath>
#include <span>

#include "moest/model/catalogue.h"

namespace moest {
namespace {

/// The part of an expert's range that the scaled target fills.
constexpr double kUsedRange = 0.9;

std::span<const double> as_span(const Eigen::Ref<const Eigen::VectorXd>& column) {
  return {column.data(), static_cast<std::size_t>(column.size())};
}

Affine target_scaling(const MixtureSpec& spec, const Eigen::Ref<const Eigen::VectorXd>& target) {
  const ExpertForm form = expert_form(spec.expert);
  const ExpertShape& shape = form.shape;
  const bool is_free = form.weight || !std::isfinite(shape.low);
  if (!weights_sum_to_one(spec.gate) && (is_free || shape.low < 0)) {
    const double largest = target.cwiseAbs().maxCoeff();
    return {0, largest > 0 ? largest / kUsedRange : 1};
  }
  Affine standard = standardisation(as_span(target));
  if (is_free) {
    return standard;
  }
  if (std::isfinite(shape.high)) {
    const double middle = 0.5 * (shape.low + shape.high);
    const double half = 0.5 * kUsedRange * (shape.high - shape.low);
    return range_scaling(as_span(target), middle - half, middle + half);
  }
  if (!form.offset) {
    standard.offset = target.minCoeff() - shape.low * standard.scale;
  }
  return standard;
}

}  // namespace

Scaling choose_scaling(const MixtureSpec& spec, const Dataset& data) {
  Scaling scaling;
  for (Eigen::Index j = 0; j < data.inputs.cols(); ++j) {
    scaling.inputs.push_back(standardisation(as_span(data.inputs.col(j))));
  }
  for (Eigen::Index target = 0; target < data.target.cols(); ++target) {
    scaling.targets.push_back(target_scaling(spec, data.target.col(target)));
  }
  return scaling;
}

ScaledSamples::ScaledSamples(const MixtureChart& chart, const Dataset& data,
                             const std::optional<Scaling>& scaling)
    : blocks_(chart.blocks(scaling ? scaled(data.inputs, scaling->inputs) : data.inputs)) {
  const double mean_weight = data.weights.size() > 0 ? data.weights.mean() : 1;
  if (data.weights.size() > 0) {
    blocks_.set_weights(data.weights / mean_weight);
  }
  for (int j = 0; j < chart.spec().num_outputs; ++j) {
    const Affine target = scaling ? scaling->targets[static_cast<std::size_t>(j)] : Affine{};
    blocks_.set_target((data.target.col(j).array() - target.offset) / target.scale, j);
    to_rss_.push_back(mean_weight * target.scale * target.scale);
    if (scaling && chart.spec().num_outputs > 1) {
      const double spread = target.scale / standardisation(as_span(data.target.col(j))).scale;
      blocks_.set_target_weight(j, spread * spread);
    }
  }
}

std::vector<double> ScaledSamples::rss_by_target(Problem& problem, const Eigen::VectorXd& theta) const {
  std::vector<double> sums(to_rss_.size(), 0.0);
  for (std::size_t target = 0; target < sums.size(); ++target) {
    const auto output = static_cast<int>(target);
    for (int block = 0; block < blocks_.num_blocks(); ++block) {
      const auto run = [&](const double* numbers) {
        return Eigen::Map<const Eigen::ArrayXd>(numbers, blocks_.block_samples(block));
      };
      const auto mean = run(problem.evaluate(theta, block, output).mean);
      sums[target] +=
          (run(blocks_.root_weight(block)) * (run(blocks_.target(block, output)) - mean)).square().sum();
    }
    sums[target] *= to_rss_[target];
  }
  return sums;
}

}  // namespace moest
