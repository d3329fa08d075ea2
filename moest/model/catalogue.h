// The catalogue of gates and experts: the one list that the fit, the files, the command line and the tests
// read.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "moest/model/experts.h"
#include "moest/model/perturbed_cosine_gate.h"
#include "moest/model/softmax_gate.h"

namespace moest {

/// Every gate, a line each.
using GateKinds = std::tuple<  //
    SoftmaxGate,               //
    PerturbedCosineGate>;

/// Every expert, a line each.
inline constexpr std::array kExpertKinds{
    kConstantExpert, kLinearExpert, kPolynomialExpert, kSigmoidExpert, kTanhExpert,
    kGeluExpert,     kSiluExpert,   kSoftplusExpert,   kReluExpert,
};

/// Throws InputError for a kind that the catalogue lacks, with the list of those it has.
void check_gate_kind(std::string_view kind);
const ExpertKind& expert_kind(std::string_view kind);

/// The link and range of a legal specification's experts.
ExpertShape expert_shape(const ExpertSpec& spec);

std::vector<std::string> gate_names();
std::vector<std::string> expert_names();
const KindInfo& gate_info(std::string_view kind);

/// Calls f(Gate{}) with the type of the named gate. Throws InputError for an unknown kind.
template <std::size_t index = 0, class F>
auto visit_gate(std::string_view kind, F&& f) {
  using Gate = std::tuple_element_t<index, GateKinds>;
  if constexpr (index + 1 < std::tuple_size_v<GateKinds>) {
    if (kind != Gate::kInfo.name) {
      return visit_gate<index + 1>(kind, std::forward<F>(f));
    }
  } else {
    check_gate_kind(kind);
  }
  return std::forward<F>(f)(Gate{});
}

/// Throws InputError when the specification is not a legal mixture: unknown kinds, k < 1, fewer inputs than
/// the gate needs, an option out of range, an option of another expert.
void check(const MixtureSpec& spec);

}  // namespace moest
