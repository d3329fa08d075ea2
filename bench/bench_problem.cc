#include "bench/bench_problem.h"

#include <cmath>

#include "moest/base/random.h"

namespace moest {

BenchProblem bench_problem(int d, int k, Eigen::Index n, std::uint64_t seed) {
  constexpr double kNoiseSd = 0.1;
  constexpr double kStartSd = 0.3;
  MixtureSpec spec;
  spec.gate.kind = "softmax";
  spec.expert.kind = "tanh";
  spec.num_experts = k;
  spec.num_inputs = d;
  const MixtureChart chart(spec, 200.0);
  const auto normals = [&](Eigen::Index size, const char* purpose, double sd) {
    Stream stream(seed, static_cast<std::uint64_t>(size), purpose);
    Eigen::VectorXd values(size);
    for (double& value : values) {
      value = sd * stream.normal();
    }
    return values;
  };
  BenchProblem problem{chart, Eigen::MatrixXd(n, d), {}, SampleBlocks(1, 1), {}, {}, kNoiseSd};
  problem.inputs = normals(n * d, "bench inputs", 1.0).reshaped(n, d);
  problem.truth = normals(chart.num_coordinates(), "bench truth", 1.0);
  // Scores of standard deviation 2 and arguments of tanh of 1.5, whatever d is.
  const double root = std::sqrt(static_cast<double>(d));
  for (int i = 0; i < k; ++i) {
    problem.truth.segment(chart.gate_offset(i), d) *= 2.0 / root;
    problem.truth.segment(chart.expert_offset(i), d) *= 1.5 / root;
  }
  problem.start = problem.truth + normals(chart.num_coordinates(), "bench start", kStartSd / root);
  problem.samples = chart.blocks(problem.inputs);
  FusedPass pass(chart.layout(), problem.samples);
  const Eigen::VectorXd v = chart.kernel_parameters(problem.truth);
  problem.target = normals(n, "bench noise", kNoiseSd);
  for (int block = 0; block < problem.samples.num_blocks(); ++block) {
    const double* mean = pass.evaluate({v.data(), static_cast<std::size_t>(v.size())}, block).mean;
    const int count = problem.samples.block_samples(block);
    problem.target.segment(Eigen::Index{block} * kBlockSize, count) +=
        Eigen::Map<const Eigen::VectorXd>(mean, count);
  }
  problem.samples.set_target(problem.target);
  return problem;
}

}  // namespace moest
