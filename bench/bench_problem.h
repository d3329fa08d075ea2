// The problems that the benchmarks fit: drawn from a mixture of tanh experts, the same for every program.
#pragma once

#include <Eigen/Core>

#include "moest/kernel/sample_blocks.h"
#include "moest/model/chart.h"
#include "moest/model/specification.h"

namespace moest {

struct BenchProblem {
  MixtureChart chart;
  Eigen::MatrixXd inputs;  // n x d
  Eigen::VectorXd target;
  SampleBlocks samples;
  Eigen::VectorXd truth, start;  // coordinates theta
  double noise_sd;
};

/// n samples of a softmax mixture of k tanh experts in d inputs, everything from one seed; the start is the
/// truth with every coordinate moved at random by 0.3.
BenchProblem bench_problem(int d, int k, Eigen::Index n, std::uint64_t seed);

}  // namespace moest
