// Problems that carry their truth.
#pragma once

#include <string>

#include "moest/data/dataset.h"
#include "moest/fit/problem.h"
#include "moest/model/model.h"
#include "moest/model/simulate.h"

namespace moest {

/// Exact-specified data from a random truth: standard normal inputs, gates and experts with parameters of
/// order one.
struct TestProblem {
  std::string name;
  Model truth;
  Dataset data;
  double noise_sd = 0;

  /// RSS of the true function, about n noise_sd^2.
  double truth_rss() const;
};

TestProblem random_problem(const MixtureSpec& spec, Eigen::Index num_samples, double noise_sd,
                           std::uint64_t seed);
TestProblem random_problem(const std::string& gate, const std::string& expert, int num_inputs,
                           int num_experts, Eigen::Index num_samples, double noise_sd, std::uint64_t seed);

/// The data of a problem, unscaled, as the kernel reads them.
SampleBlocks blocks_of(const MixtureChart& chart, const Dataset& data);

}  // namespace moest
