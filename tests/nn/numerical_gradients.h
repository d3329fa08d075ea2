// Derivatives by automatic differentiation against differences.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "moest/base/random.h"

namespace moest::nn {

/// rows x columns of independent standard normal numbers, in double.
inline torch::Tensor normal_matrix(Stream& stream, std::int64_t rows, std::int64_t columns) {
  torch::Tensor result = torch::empty({rows, columns}, torch::kDouble);
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    result.data_ptr<double>()[i] = stream.normal();
  }
  return result;
}

/// Fills every parameter with normal numbers of this standard deviation, in double.
inline void randomise(torch::nn::Module& module, Stream& stream, double deviation) {
  const torch::NoGradGuard no_gradients;
  module.to(torch::kDouble);
  for (torch::Tensor& parameter : module.parameters()) {
    parameter.copy_(deviation * normal_matrix(stream, 1, parameter.numel()).view_as(parameter));
  }
}

/// The largest distance of a derivative of `value` by an entry of `variables` from its central difference,
/// over 1 + |derivative|. `variables` are leaves in double.
inline double worst_gradient(const std::function<torch::Tensor()>& value,
                             std::vector<torch::Tensor> variables) {
  constexpr double kStep = 1e-5;
  const std::vector<torch::Tensor> gradients = torch::autograd::grad({value()}, variables);
  const torch::NoGradGuard no_gradients;
  double worst = 0;
  for (std::size_t v = 0; v < variables.size(); ++v) {
    const torch::Tensor gradient = gradients[v].contiguous();
    double* const entries = variables[v].data_ptr<double>();
    for (std::int64_t i = 0; i < variables[v].numel(); ++i) {
      const double middle = entries[i];
      entries[i] = middle + kStep;
      const double above = value().item<double>();
      entries[i] = middle - kStep;
      const double below = value().item<double>();
      entries[i] = middle;
      const double derivative = gradient.data_ptr<double>()[i];
      const double error = std::abs(derivative - (above - below) / (2 * kStep)) / (1 + std::abs(derivative));
      worst = std::isnan(error) ? error : std::max(worst, error);
    }
  }
  return worst;
}

}  // namespace moest::nn
