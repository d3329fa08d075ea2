// The experts: one neuron, h(x) = c phi(a.x + b) + c_0, or a layer of them.
#pragma once

#include <array>
#include <limits>
#include <vector>

#include "moest/kernel/links.h"
#include "moest/model/specification.h"

namespace moest {

/// The inside of an expert: phi and its range, where a target without an output weight and offset must lie.
/// Of gelu and silu, which dip below 0 by 0.17 and 0.28, the range is said to begin at 0.
struct ExpertShape {
  Link link = Link::identity;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// An expert kind: whether it looks at the inputs, and its shape, which may depend on the options; whether it
/// is strongly identifiable [NHR24], without an output weight: then experts that a truth does not need have
/// parameters that converge. `bias`,
/// `output_weight` and `output_offset` of the specification say which of b, c and c_0 are parameters (else b
/// = 0, c = 1, c_0 = 0). A network has all of them, and `hidden` neurons.
struct ExpertKind {
  KindInfo info;
  bool uses_inputs = true;
  ExpertShape (*shape)(const ExpertSpec&) = nullptr;
  bool is_network = false;
  bool is_strongly_identifiable = false;
};

/// What an expert of a legal specification is made of: h = sum_m c_m phi(a_m . x + b_m) + c_0 over the
/// neurons.
struct ExpertForm {
  ExpertShape shape;
  int num_neurons = 1;
  bool uses_inputs = true;
  bool bias = true;
  bool weight = false;
  bool offset = false;
  bool is_network = false;
};

/// Where an expert's parameters are among those of its atom. In general each output has a list of its own:
/// for each neuron a_1..a_d if it uses the inputs, b and c where they are, then c_0 where it is. The outputs
/// of a network share its neurons: with more than one output there is first the list of all a and b, and then
/// for each output that of its c_1..c_H and c_0.
class ExpertPlaces {
 public:
  ExpertPlaces(const ExpertForm& form, int num_inputs, int num_outputs);

  /// Of the first of neuron m's a and b.
  int inner(int output, int m) const { return shares_ ? m * inner_size_ : own(output) + m * neuron_size(); }
  int inner_size() const { return inner_size_; }
  /// Of c_m and c_0; -1 where there is none.
  int weight(int output, int m) const;
  int offset(int output) const;
  /// Whether neurons are those of all outputs.
  bool shares_neurons() const { return shares_; }
  /// Lengths of the lists, in their order.
  std::vector<int> list_sizes() const;
  int size() const { return own(num_outputs_); }

 private:
  int neuron_size() const { return inner_size_ + (form_.weight ? 1 : 0); }
  // The beginning of an output's list.
  int own(int output) const { return shared_size_ + output * own_size_; }

  ExpertForm form_;
  int num_outputs_;
  bool shares_;
  int inner_size_;
  int shared_size_, own_size_;
};

inline constexpr std::array<std::string_view, 1> kLinearOptions{"bias"};
inline constexpr std::array<std::string_view, 3> kNeuronOptions{"bias", "output_weight", "output_offset"};
inline constexpr std::array<std::string_view, 4> kPolynomialOptions{"degree", "bias", "output_weight",
                                                                    "output_offset"};

template <Link kLink>
ExpertShape unbounded_shape(const ExpertSpec&) {
  return {kLink};
}
/// From `kLow` on without end.
template <Link kLink, int kLow>
ExpertShape rising_shape(const ExpertSpec&) {
  return {kLink, kLow};
}
template <Link kLink, int kLow, int kHigh>
ExpertShape bounded_shape(const ExpertSpec&) {
  return {kLink, kLow, kHigh};
}
/// Even powers are never negative.
inline ExpertShape polynomial_shape(const ExpertSpec& spec) {
  constexpr std::array kPowers{Link::identity,     Link::square,      Link::cube,
                               Link::fourth_power, Link::fifth_power, Link::sixth_power};
  const double infinity = std::numeric_limits<double>::infinity();
  return {kPowers.at(static_cast<std::size_t>(spec.degree - 1)), spec.degree % 2 == 0 ? 0.0 : -infinity,
          infinity};
}

/// That of the neuron which is named like the activation.
ExpertShape network_shape(const ExpertSpec& spec);

inline constexpr ExpertKind kConstantExpert{
    {"constant", "b", "one number per expert: a soft regression tree's leaf", "NHR24 (arXiv 2402.02952)", {}},
    false,
    unbounded_shape<Link::identity>};
inline constexpr ExpertKind kLinearExpert{
    {"linear", "a . x + b", "one regression line or plane per expert",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kLinearOptions},
    true,
    unbounded_shape<Link::identity>};
inline constexpr ExpertKind kPolynomialExpert{
    {"polynomial", "c (a . x + b)^degree + c_0",
     "a power of one affine function; curved, but not strongly identifiable",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kPolynomialOptions},
    true,
    polynomial_shape};
inline constexpr ExpertKind kSigmoidExpert{
    {"sigmoid", "c / (1 + exp(-(a . x + b))) + c_0",
     "a neuron with values between 0 and 1, strongly identifiable",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kNeuronOptions},
    true,
    bounded_shape<Link::sigmoid, 0, 1>,
    false,
    true};
inline constexpr ExpertKind kTanhExpert{
    {"tanh", "c tanh(a . x + b) + c_0", "a neuron with values between -1 and 1, strongly identifiable",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kNeuronOptions},
    true,
    bounded_shape<Link::tanh, -1, 1>,
    false,
    true};
inline constexpr ExpertKind kGeluExpert{
    {"gelu", "c t Phi(t) + c_0, t = a . x + b", "a smooth hinge (the exact erf form), strongly identifiable",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kNeuronOptions},
    true,
    rising_shape<Link::gelu, 0>,
    false,
    true};
inline constexpr ExpertKind kSiluExpert{
    {"silu", "c t / (1 + exp(-t)) + c_0, t = a . x + b", "a smooth hinge, strongly identifiable",
     "NHR25 (arXiv 2503.03213)", kNeuronOptions},
    true,
    rising_shape<Link::silu, 0>,
    false,
    true};
inline constexpr ExpertKind kSoftplusExpert{
    {"softplus", "c log(1 + exp(a . x + b)) + c_0", "a smooth hinge that only rises, strongly identifiable",
     "NHR25 (arXiv 2503.03213)", kNeuronOptions},
    true,
    rising_shape<Link::softplus, 0>,
    false,
    true};
inline constexpr ExpertKind kReluExpert{
    {"relu", "c max(a . x + b, 0) + c_0",
     "a hinge with a kink, where its slope counts as 0; not strongly identifiable",
     "NHR25 (arXiv 2503.03213)", kNeuronOptions},
    true,
    rising_shape<Link::relu, 0>};

inline constexpr std::array<std::string_view, 2> kNetworkOptions{"hidden", "activation"};
inline constexpr ExpertKind kFfnExpert{
    {"ffn", "sum_m c_m activation(a_m . x + b_m) + c_0", "a network of two layers in each expert",
     "NHR24 (arXiv 2402.02952), NHR25 (arXiv 2503.03213)", kNetworkOptions},
    true,
    network_shape,
    true};

}  // namespace moest
