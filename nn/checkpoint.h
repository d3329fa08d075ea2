// Files of parameters, and what they were trained with.
#pragma once

#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <string>

#include "nn/adamw.h"

namespace moest::nn {

/// A checkpoint: a header, the parameters and buffers of a module, and the state of the optimiser where
/// training is to go on from it, with what its task remembers. The file is a zip archive that Python's
/// torch.load(weights_only=False) reads as {"header": JSON text, "module": {name: tensor}, "optimizer":
/// {name: tensor}, "memory": {name: tensor}}.
struct Checkpoint {
  nlohmann::ordered_json header;
  NamedTensors module;
  NamedTensors optimizer = {};
  NamedTensors memory = {};
};

/// The parameters and buffers of the module, which owns them.
NamedTensors tensors_of(torch::nn::Module& module);

/// Writes to a temporary file that is renamed, so that `path` holds the old or the new checkpoint. Throws
/// EnvironmentError.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Tensors are on the CPU. Throws InputError for a file that is missing, damaged or no checkpoint.
Checkpoint read_checkpoint(const std::string& path);

/// Sets the values of `target` to those of the same names. Throws InputError where names or shapes differ;
/// `path` is what it calls the source.
void copy_tensors(const NamedTensors& source, const NamedTensors& target, const std::string& path);

/// Throws InputError with the path of the first field that differs; `path` names the stored one.
void check_same_specification(const nlohmann::ordered_json& stored, const nlohmann::ordered_json& given,
                              const std::string& path);

}  // namespace moest::nn
