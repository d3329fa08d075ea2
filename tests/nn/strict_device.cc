#include "tests/nn/strict_device.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <fmt/format.h>
#include <torch/library.h>
#include <torch/version.h>

#include <stdexcept>
#include <string>
#include <vector>

// A device that LibTorch knows and, in its builds without it, leaves without operations: one of those that a
// module may be moved to, and that copies are asked of.
#if TORCH_VERSION_MAJOR >= 2
#define MOEST_STRICT_DEVICE HPU
#else
#define MOEST_STRICT_DEVICE XPU
#endif

namespace moest::nn {
namespace {

constexpr c10::DeviceType kType = c10::DeviceType::MOEST_STRICT_DEVICE;

C10_REGISTER_GUARD_IMPL(MOEST_STRICT_DEVICE, c10::impl::NoOpDeviceGuardImpl<kType>);

// The same numbers as a tensor of another device; a new tensor where there are none, which may be enlarged.
at::Tensor seen_from(const torch::Device& device, const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.device() == device) {
    return tensor;
  }
  const at::TensorOptions options = at::TensorOptions().dtype(tensor.dtype()).device(device);
  if (tensor.numel() == 0 && device.is_cpu()) {
    return at::empty(tensor.sizes(), options);
  }
  at::Tensor seen = at::from_blob(
      tensor.data_ptr(), tensor.sizes(), tensor.strides(), [tensor](void*) {}, options, device);
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
    seen.unsafeGetTensorImpl()->set_wrapped_number(true);
  }
  return seen;
}

// The value with f of each of its tensors in their places.
template <class F>
c10::IValue mapped(const c10::IValue& value, F&& f) {
  if (value.isTensor()) {
    return f(value.toTensor());
  }
  if (value.isTensorList()) {
    c10::List<at::Tensor> tensors;
    for (const at::Tensor& tensor : value.toTensorVector()) {
      tensors.push_back(f(tensor));
    }
    return tensors;
  }
  return value;
}

c10::IValue on_cpu(const c10::IValue& value, const std::string& operation) {
  if (value.isDevice()) {
    return torch::Device(torch::kCPU);
  }
  return mapped(value, [&](const at::Tensor& tensor) {
    // As on a GPU, single numbers may come from the CPU.
    if (tensor.defined() && tensor.is_cpu() && tensor.dim() > 0) {
      throw std::runtime_error(fmt::format("{} mixes tensors of two devices", operation));
    }
    return seen_from(torch::kCPU, tensor);
  });
}

c10::IValue on_strict_device(const c10::IValue& value) {
  return mapped(value, [](const at::Tensor& tensor) { return seen_from(strict_device(), tensor); });
}

// What an operation has written to; it may have needed more room than there was.
at::Tensor written(const at::Tensor& argument, const at::Tensor& result) {
  if (argument.data_ptr() != result.data_ptr()) {
    const at::Tensor enlarged = seen_from(strict_device(), result);
    argument.unsafeGetTensorImpl()->set_storage_keep_dtype(enlarged.storage());
    argument.unsafeGetTensorImpl()->set_sizes_and_strides(enlarged.sizes(), enlarged.strides());
  }
  return argument;
}

bool is_written(const c10::Argument& argument) {
  return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
}

// The arguments that an operation writes to and gives back as its results, in this order.
std::vector<at::Tensor> written_arguments(const c10::FunctionSchema& schema,
                                          const std::vector<c10::IValue>& arguments) {
  std::vector<at::Tensor> tensors;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (is_written(schema.arguments()[i]) && arguments[i].isTensor()) {
      tensors.push_back(arguments[i].toTensor());
    }
  }
  return tensors;
}

// Any operation, by that of the CPU.
void run_on_cpu(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  const c10::FunctionSchema& schema = operation.schema();
  const std::string& name = schema.operator_name().name;
  const std::vector<c10::IValue> arguments = torch::jit::pop(*stack, schema.arguments().size());
  std::vector<c10::IValue> moved;  // alive until the end, since results may refer to them
  moved.reserve(arguments.size());
  for (const c10::IValue& argument : arguments) {
    moved.push_back(on_cpu(argument, name));
  }
  stack->insert(stack->end(), moved.begin(), moved.end());
  operation.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  const std::vector<c10::IValue> results = torch::jit::pop(*stack, schema.returns().size());
  const std::vector<at::Tensor> targets = written_arguments(schema, arguments);
  auto target = targets.begin();
  for (std::size_t i = 0; i < results.size(); ++i) {
    stack->push_back(is_written(schema.returns()[i]) ? written(*target++, results[i].toTensor())
                                                     : on_strict_device(results[i]));
  }
}

at::Tensor copy(const at::Tensor& source, const at::Tensor& target, bool /*non_blocking*/) {
  seen_from(torch::kCPU, target).copy_(seen_from(torch::kCPU, source));
  return target;
}

}  // namespace

TORCH_LIBRARY_IMPL(_, MOEST_STRICT_DEVICE, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}

TORCH_LIBRARY_IMPL(aten, MOEST_STRICT_DEVICE, library) { library.impl("_copy_from", &copy); }

torch::Device strict_device() { return {kType, 0}; }

}  // namespace moest::nn
