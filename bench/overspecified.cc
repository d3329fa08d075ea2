#include "bench/overspecified.h"

#include <array>
#include <cmath>

#include "moest/base/random.h"
#include "moest/model/chart.h"

namespace moest {
namespace {

// The mean of a mixture with standard normal coordinates theta, scores of standard deviation 2.
Eigen::VectorXd draw_mean(const MixtureChart& chart, const SampleBlocks& blocks, Stream& stream) {
  Eigen::VectorXd theta(chart.num_coordinates());
  for (double& value : theta) {
    value = stream.normal();
  }
  const double root = std::sqrt(static_cast<double>(chart.spec().num_inputs));
  for (int i = 0; i < chart.num_experts(); ++i) {
    theta.segment(chart.gate_offset(i), chart.num_gate_coordinates()) *= 2.0 / root;
    theta.segment(chart.expert_offset(i), chart.num_expert_parameters()) *= 1.5;
  }
  for (const RegionBlock& region : chart.regions()) {
    project(region.region, theta.segment(region.offset, region.size));
  }
  FusedPass pass(chart.layout(), blocks);
  const Eigen::VectorXd v = chart.kernel_parameters(theta);
  Eigen::VectorXd mean(blocks.num_samples());
  for (int block = 0; block < blocks.num_blocks(); ++block) {
    const int count = blocks.block_samples(block);
    mean.segment(Eigen::Index{block} * kBlockSize, count) = Eigen::Map<const Eigen::VectorXd>(
        pass.evaluate({v.data(), static_cast<std::size_t>(v.size())}, block).mean, count);
  }
  return mean;
}

}  // namespace

OverspecifiedProblem overspecified_problem(int index) {
  constexpr double kBound = 200;
  constexpr std::array kExperts{"tanh", "linear", "sigmoid", "tanh", "constant"};
  constexpr std::array kInputs{1, 2, 4};
  constexpr std::array kNoise{0.02, 0.1, 0.3};
  const auto pick = [&](const auto& choices, int stride) {
    return choices[static_cast<std::size_t>(index / stride) % choices.size()];
  };
  MixtureSpec spec;
  spec.gate.kind = index % 4 == 3 ? "perturbed_cosine" : "softmax";
  spec.expert.kind = pick(kExperts, 1);
  spec.num_inputs = pick(kInputs, 2);
  const int k_true = 1 + index % 2;
  spec.num_experts = k_true;
  const MixtureChart chart(spec, kBound);
  const Eigen::Index n = index % 3 == 0 ? 1000 : 300;

  Stream stream(2026, static_cast<std::uint64_t>(index), "over-specified problem");
  Eigen::MatrixXd inputs(n, spec.num_inputs);
  for (double& value : inputs.reshaped()) {
    value = stream.normal();
  }
  OverspecifiedProblem problem{spec, kBound, chart.blocks(inputs)};
  Eigen::VectorXd target = draw_mean(chart, problem.samples, stream);
  const double noise_sd = pick(kNoise, 5);
  for (double& value : target) {
    value += noise_sd * stream.normal();
  }
  problem.samples.set_target(target);
  problem.spec.num_experts = k_true + 1 + index / 100;
  return problem;
}

}  // namespace moest
