#include "moest/model/specification.h"

#include <array>

namespace moest {

namespace {

constexpr std::array<std::string_view, 2> kInputMaps{"identity", "tanh"};
constexpr std::array<std::string_view, 6> kActivations{"sigmoid", "tanh", "gelu", "silu", "softplus", "relu"};
constexpr std::array<std::string_view, 4> kRouters{"identity", "tanh", "gelu", "sigmoid"};

}  // namespace

std::span<const Option<GateSpec>> gate_options() {
  static const std::array kOptions{
      Option<GateSpec>{"tau1", &GateSpec::tau1, 1e-6, 1e6, "", "offset of the norm of omega in the score"},
      Option<GateSpec>{"tau2", &GateSpec::tau2, 1e-6, 1e6, "", "offset of the norm of x in the score"},
      Option<GateSpec>{"temperature", &GateSpec::temperature, 1e-6, 1e6, "",
                       "the score is divided by it: small values make sharp gates; dense_to_sparse learns it "
                       "unless it is given"},
      Option<GateSpec>{"input_map", &GateSpec::input_map, 0, 0, "",
                       "what the gate sees of each input x: x or tanh(x)", kInputMaps},
      Option<GateSpec>{"top_k", &GateSpec::top_k, 0, 1e6, "",
                       "only the experts with so many largest scores have a weight, 0 for all"},
      Option<GateSpec>{"router", &GateSpec::router, 0, 0, "",
                       "the function r in the score (r(omega . x) + b) / temperature", kRouters},
      Option<GateSpec>{"groups", &GateSpec::groups, 0, 1e6, "",
                       "so many equal groups of experts, or the sizes of the groups; 0 for two groups, as "
                       "equal as possible"},
  };
  return kOptions;
}

std::span<const Option<ExpertSpec>> expert_options() {
  static const std::array kOptions{
      Option<ExpertSpec>{"degree", &ExpertSpec::degree, 1, 6, "", "the power p in (a.x + b)^p"},
      Option<ExpertSpec>{"hidden", &ExpertSpec::hidden, 1, 1e4, "",
                         "the number of hidden neurons of each expert"},
      Option<ExpertSpec>{"activation", &ExpertSpec::activation, 0, 0, "",
                         "the function of the hidden neurons", kActivations},
      Option<ExpertSpec>{"bias", &ExpertSpec::bias, 0, 1, "", "the constant b in a.x + b"},
      Option<ExpertSpec>{"output_weight", &ExpertSpec::output_weight, 0, 1, "",
                         "a factor c before the neuron: c phi(a.x + b)"},
      Option<ExpertSpec>{"output_offset", &ExpertSpec::output_offset, 0, 1, "",
                         "a constant after the neuron: phi(a.x + b) + c_0"},
  };
  return kOptions;
}

std::vector<std::string> prefixed(std::string_view prefix, const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const std::string& name : names) {
    result.emplace_back(prefix).append(name);
  }
  return result;
}

}  // namespace moest
