// Numbers of a model that are given, or that have to be equal: what a user fixes or ties before a fit.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moest/kernel/fused_pass.h"

namespace moest {

class MixtureChart;

/// The place of a number in a model file: `atoms[2].expert[0]`, `atoms[2].expert[1][0]` with several targets,
/// `atoms[*].gate[1]` of all atoms, `groups[0].bias`.
struct ParameterPath {
  enum class Part { bias, gate, expert };

  std::string text;
  bool of_group = false;
  std::optional<int> index;  // of the atom or group; of all without one
  Part part = Part::bias;
  std::vector<int> numbers;  // what follows in brackets
};

/// `PATH=VALUE` fixes a number, `PATH=PATH` ties one to another.
struct Equation {
  std::string text;
  ParameterPath left;
  std::optional<double> value;         // one of the two
  std::optional<ParameterPath> right;  // never of all
};

/// Throws InputError that points at what cannot be read.
Equation parse_equation(std::string_view text);
std::vector<Equation> parse_equations(std::span<const std::string> texts);

/// Throws InputError if a path is one to an atom or group that the chart does not have.
void check_paths(const MixtureChart& chart, std::span<const Equation> equations);

/// Equations for the coordinates theta of a chart:
///
///     theta_j = c_j  for some,   theta_j = theta_i  for others, i < j.
///
/// Where gates count relative to a reference, the coordinate of a number that is fixed or tied is 0 in the
/// reference.
class Constraints {
 public:
  Constraints() = default;
  /// Of the atoms and groups that the chart has; a path to others is left out. Throws InputError for a number
  /// that the model does not have or that no equation can hold (the direction of a gate that is normalised),
  /// a value outside the regions, equations that contradict each other.
  Constraints(const MixtureChart& chart, std::span<const Equation> equations);

  bool empty() const { return fixed_.empty() && ties_.empty(); }
  /// Parameters that the equations take from those that the data can determine.
  int num_determined() const;

  struct Fixed {
    int coordinate;
    double value;
  };
  struct Tie {
    int coordinate, to;
  };
  const std::vector<Fixed>& fixed() const { return fixed_; }
  const std::vector<Tie>& ties() const { return ties_; }

  /// Moves theta to where the equations hold, by a common shift of the gates where that changes nothing else.
  void impose(Eigen::VectorXd& theta) const;
  /// Derivatives by the coordinates that others are tied to count what those bring; those of the others are
  /// 0.
  void fold(NormalEquations& equations) const;
  void fold(Eigen::VectorXd& gradient) const;
  /// A direction in which the tied coordinates follow.
  void spread(Eigen::VectorXd& direction) const {
    for (const auto& [coordinate, to] : ties_) {
      direction[coordinate] = direction[to];
    }
  }

 private:
  std::vector<Fixed> fixed_;  // those of references included
  std::vector<Tie> ties_;
  std::vector<std::vector<int>> pinned_;  // coordinates of a softmax that shift together, the reference last
};

}  // namespace moest
