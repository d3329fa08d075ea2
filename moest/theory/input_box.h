// Where functions are looked at: random inputs.
#pragma once

#include <Eigen/Core>

#include "moest/base/random.h"

namespace moest {

/// `count` inputs, a row each, uniform in the box |x_j| <= half_width.
inline Eigen::MatrixXd inputs_in_box(Eigen::Index count, int num_inputs, double half_width, Stream& stream) {
  Eigen::MatrixXd inputs(count, num_inputs);
  for (auto row : inputs.rowwise()) {
    for (double& value : row) {
      value = stream.uniform(-half_width, half_width);
    }
  }
  return inputs;
}

}  // namespace moest
