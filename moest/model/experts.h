// The experts whose inside is one ridge unit: h(x) = c phi(a.x + b) + c_0.
#pragma once

#include <array>
#include <limits>

#include "moest/kernel/links.h"
#include "moest/model/specification.h"

namespace moest {

/// An expert kind: its link phi, whether it looks at the inputs, and the range of phi. `bias`,
/// `output_weight` and `output_offset` of the specification say which of b, c and c_0 are parameters (else b
/// = 0, c = 1, c_0 = 0).
struct ExpertKind {
  KindInfo info;
  Link link = Link::identity;
  bool uses_inputs = true;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

inline constexpr std::array<std::string_view, 1> kLinearOptions{"bias"};
inline constexpr std::array<std::string_view, 3> kNeuronOptions{"bias", "output_weight", "output_offset"};

inline constexpr ExpertKind kConstantExpert{
    {"constant", "b", "one number per expert: a soft regression tree's leaf", "NHR24 (arXiv 2402.02952)", {}},
    Link::identity,
    false};
inline constexpr ExpertKind kLinearExpert{
    {"linear", "a . x + b", "one regression line or plane per expert",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kLinearOptions},
    Link::identity,
    true};
inline constexpr ExpertKind kSigmoidExpert{
    {"sigmoid", "c / (1 + exp(-(a . x + b))) + c_0",
     "a neuron with values between 0 and 1, strongly identifiable",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kNeuronOptions},
    Link::sigmoid,
    true,
    0.0,
    1.0};
inline constexpr ExpertKind kTanhExpert{
    {"tanh", "c tanh(a . x + b) + c_0", "a neuron with values between -1 and 1, strongly identifiable",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kNeuronOptions},
    Link::tanh,
    true,
    -1.0,
    1.0};

}  // namespace moest
