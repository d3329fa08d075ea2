// The parameters of a model as a reader wants them: named, and in the data's units where that is possible.
#pragma once

#include <Eigen/Core>
#include <string>
#include <string_view>
#include <vector>

#include "moest/model/model.h"

namespace moest {

/// Whether gates or experts can be told in the data's units: as affine functions of the inputs, after or
/// without a scaling.
bool gate_unscales(const Model& model);
bool expert_unscales(const Model& model);

/// One number of a model, in the data's units unless `is_scaled`.
struct Coefficient {
  enum class Part { gate, group, expert };  // the gate of an atom, that of a group, an expert

  Part part;
  int index;         // of the atom or group
  std::string name;  // "omega_<input>", "bias", "a_<input>", ..
  double value;
  bool is_scaled;
};

std::string_view name_of(Coefficient::Part part);

/// Of one gate: omega, then the bias; of one expert all its numbers.
std::vector<Coefficient> gate_coefficients(const Model& model, int atom);
std::vector<Coefficient> group_coefficients(const Model& model, int group);
std::vector<Coefficient> expert_coefficients(const Model& model, int atom);

/// All of them: gates, groups, experts. The gate of a single expert, or of an expert that is a group by
/// itself, means nothing and is left out, and so is that of a single group.
std::vector<Coefficient> coefficients(const Model& model);
Eigen::VectorXd coefficient_values(const Model& model);

}  // namespace moest
