// What kind of mixture: the gate, the experts, their options and their number.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/base/option.h"
#include "moest/base/option_json.h"

namespace moest {

/// A gate kind of the catalogue and its options; an option that does not belong to the kind is ignored here
/// and refused by the command line and the model file.
struct GateSpec {
  std::string kind = "softmax";
  double tau1 = 0.1;
  double tau2 = 0.1;
  Learnable temperature = {1.0};
  std::string input_map = "identity";
  int top_k = 0;
  std::string router = "identity";
  Partition groups = {};

  bool operator==(const GateSpec&) const = default;
};

/// An expert kind of the catalogue and its options; one that does not belong to the kind must be at its
/// default.
struct ExpertSpec {
  std::string kind = "linear";
  bool bias = true;
  bool output_weight = false;
  bool output_offset = false;
  int degree = 2;
  int hidden = 4;
  std::string activation = "tanh";

  bool operator==(const ExpertSpec&) const = default;
};

/// A mixture of k experts of one kind over d inputs. With several outputs each expert has as many values, and
/// all share the gate.
struct MixtureSpec {
  GateSpec gate;
  ExpertSpec expert;
  int num_inputs = 1;
  int num_experts = 1;
  int num_outputs = 1;
};

inline constexpr std::array<std::string_view, 1> kInputMapOnly{"input_map"};
inline constexpr std::array<std::string_view, 2> kSoftmaxOptions{"input_map", "top_k"};
inline constexpr std::string_view kLastIsReference =
    "the last expert is the reference: all its gate parameters are 0";

/// The options of gates and of experts; a kind of the catalogue names those that belong to it.
std::span<const Option<GateSpec>> gate_options();
std::span<const Option<ExpertSpec>> expert_options();

/// Each name with `prefix` in front.
std::vector<std::string> prefixed(std::string_view prefix, const std::vector<std::string>& names);

/// What the catalogue says of a gate or an expert.
struct KindInfo {
  std::string_view name;
  std::string_view formula;
  std::string_view summary;
  std::string_view source;
  std::span<const std::string_view> options;  // names of the options that belong to it
  std::string_view section = {};              // of a gate: which of the equal parameters a model file holds

  bool has(std::string_view option) const {
    return std::find(options.begin(), options.end(), option) != options.end();
  }
};

/// {"kind": .., its own options}: gate or expert as a model file has it.
template <class Owner>
nlohmann::ordered_json kind_json(const KindInfo& info, std::span<const Option<Owner>> options,
                                 const Owner& owner) {
  nlohmann::ordered_json json{{"kind", info.name}};
  for (const Option<Owner>& option : options) {
    if (info.has(option.name)) {
      json[std::string(option.name)] = option_json(option, owner);
    }
  }
  return json;
}

}  // namespace moest
