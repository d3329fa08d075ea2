// The optimiser.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace moest::nn {

/// Tensors by their names: the parameters of a module, or the state of an optimiser.
using NamedTensors = std::map<std::string, torch::Tensor>;

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101): at step t = 1, 2, .. with gradient g and rate r,
///     p <- p - r decay p                                     for matrices only,
///     m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2,
///     p <- p - r (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon),
/// beta1 = 0.9, epsilon = 1e-8. Matrices are parameters of two or more dimensions whose name does not end in
/// `bias`. One fused call per operation for all parameters, and a state with names that a checkpoint can
/// hold: what torch::optim::AdamW has not.
class AdamW {
 public:
  AdamW(torch::nn::Module& module, double decay, double beta2);

  /// A parameter without a gradient counts as one whose gradient is 0.
  void step(double rate);
  void zero_grad();

  std::int64_t steps_done() const { return steps_done_; }
  std::vector<torch::Tensor>& parameters() { return parameters_; }

  /// `m.NAME` and `v.NAME` for each parameter; the tensors are the optimiser's own.
  NamedTensors state() const;
  /// After the state's tensors were set: how many steps they stand for.
  void set_steps_done(std::int64_t steps) { steps_done_ = steps; }

 private:
  double decay_, beta2_;
  std::int64_t steps_done_ = 0;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, matrices_, means_, squares_;
};

}  // namespace moest::nn
