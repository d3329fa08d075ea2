#include "nn/adamw.h"

#include <cmath>

namespace moest::nn {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kEpsilon = 1e-8;

bool is_decayed(const std::string& name, const torch::Tensor& parameter) {
  return parameter.dim() >= 2 && !name.ends_with("bias");
}

}  // namespace

AdamW::AdamW(torch::nn::Module& module, double decay, double beta2) : decay_(decay), beta2_(beta2) {
  for (const auto& item : module.named_parameters()) {
    names_.push_back(item.key());
    parameters_.push_back(item.value());
    means_.push_back(torch::zeros_like(item.value()));
    squares_.push_back(torch::zeros_like(item.value()));
    if (is_decayed(item.key(), item.value())) {
      matrices_.push_back(item.value());
    }
  }
}

void AdamW::step(double rate) {
  const torch::NoGradGuard no_gradients;
  ++steps_done_;
  const auto t = static_cast<double>(steps_done_);
  std::vector<torch::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (const torch::Tensor& parameter : parameters_) {
    gradients.push_back(parameter.grad().defined() ? parameter.grad() : torch::zeros_like(parameter));
  }
  if (decay_ > 0 && !matrices_.empty()) {
    at::_foreach_mul_(matrices_, 1 - rate * decay_);
  }
  at::_foreach_mul_(means_, kBeta1);
  at::_foreach_add_(means_, gradients, 1 - kBeta1);
  at::_foreach_mul_(squares_, beta2_);
  at::_foreach_addcmul_(squares_, gradients, gradients, 1 - beta2_);
  const std::vector<torch::Tensor> scales = at::_foreach_sqrt(squares_);
  at::_foreach_div_(scales, std::sqrt(1 - std::pow(beta2_, t)));
  at::_foreach_add_(scales, kEpsilon);
  at::_foreach_addcdiv_(parameters_, means_, scales, -rate / (1 - std::pow(kBeta1, t)));
}

void AdamW::zero_grad() {
  for (torch::Tensor& parameter : parameters_) {
    parameter.mutable_grad() = torch::Tensor();
  }
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    state["m." + names_[i]] = means_[i];
    state["v." + names_[i]] = squares_[i];
  }
  return state;
}

}  // namespace moest::nn
