// A device beside the CPU that refuses operations on tensors of both, as a GPU does. What is to run on a GPU
// is tested with it where there is none.
#pragma once

#include <torch/torch.h>

namespace moest::nn {

/// Its tensors lie in the memory of the CPU, which also computes with them: the same numbers come out.
torch::Device strict_device();

}  // namespace moest::nn
