#include "tests/fit/test_problems.h"

#include <fmt/format.h>

#include <cmath>

#include "moest/base/random.h"
#include "moest/model/groups.h"
#include "moest/model/predict.h"

namespace moest {

double TestProblem::truth_rss() const {
  return (data.target - predict(truth, data.inputs, 1).mean).squaredNorm();
}

TestProblem random_problem(const std::string& gate, const std::string& expert, int num_inputs,
                           int num_experts, Eigen::Index num_samples, double noise_sd, std::uint64_t seed) {
  MixtureSpec spec;
  spec.gate.kind = gate;
  spec.expert.kind = expert;
  spec.num_inputs = num_inputs;
  spec.num_experts = num_experts;
  return random_problem(spec, num_samples, noise_sd, seed);
}

TestProblem random_problem(const MixtureSpec& spec, Eigen::Index num_samples, double noise_sd,
                           std::uint64_t seed) {
  const int num_inputs = spec.num_inputs;
  const int num_experts = spec.num_experts;
  TestProblem problem;
  problem.name =
      fmt::format("{} {} d={} k={} seed={}", spec.gate.kind, spec.expert.kind, num_inputs, num_experts, seed);
  problem.noise_sd = noise_sd;
  Model& truth = problem.truth;
  truth.spec = spec;
  for (int j = 0; j < spec.num_outputs; ++j) {
    truth.targets.push_back(spec.num_outputs > 1 ? fmt::format("y{}", j + 1) : "y");
  }
  for (int j = 0; j < num_inputs; ++j) {
    truth.inputs.push_back(fmt::format("x{}", j + 1));
  }
  Stream stream(seed, 0, problem.name);
  const double scale = 1 / std::sqrt(0.5 * num_inputs);
  for (int i = 0; i < num_experts; ++i) {
    Atom atom;
    atom.bias = 0.3 * stream.normal();
    const int num_gate_parameters = moest::num_gate_parameters(truth.spec);
    for (int j = 0; j < num_gate_parameters; ++j) {
      atom.gate.push_back((num_gate_parameters > num_inputs ? 1 : 2) * scale * stream.normal());
    }
    for (int j = 0; j < num_expert_parameters(truth.spec); ++j) {
      atom.expert.push_back(j < num_inputs ? 1.5 * scale * stream.normal() : stream.normal());
    }
    truth.atoms.push_back(std::move(atom));
  }
  for (std::size_t g = 0; g < group_sizes(spec).size(); ++g) {
    Atom& group = truth.groups.emplace_back();
    group.bias = 0.3 * stream.normal();
    for (int j = 0; j < num_inputs; ++j) {
      group.gate.push_back(2 * scale * stream.normal());
    }
  }
  SimulatedData sample = simulate(truth, num_samples, {InputDistribution::Kind::normal, 0, 1},
                                  std::vector<double>(truth.targets.size(), noise_sd), seed, 1);
  problem.data.input_names = truth.inputs;
  problem.data.inputs = std::move(sample.inputs);
  problem.data.target_names = truth.targets;
  problem.data.target = std::move(sample.target);
  return problem;
}

SampleBlocks blocks_of(const MixtureChart& chart, const Dataset& data) {
  SampleBlocks blocks = chart.blocks(data.inputs);
  for (int j = 0; j < blocks.num_targets(); ++j) {
    blocks.set_target(data.target.col(j), j);
  }
  return blocks;
}

}  // namespace moest
