// What decides whether parameters are identified: how the mixture changes where one atom does.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "moest/model/groups.h"
#include "moest/model/model.h"
#include "moest/theory/jet.h"
#include "moest/theory/mixing_measure.h"
#include "moest/theory/mixture_family.h"
#include "moest/theory/wide.h"

namespace moest {

/// A mixture with parameters: raw ones, in scaled coordinates if the model has a scaling. The temperature is
/// that of the specification's gate, also where it is learned.
struct Truth {
  MixtureFamily family;
  Measure measure;
};

/// A part of the truth that an extra atom can split: an atom or, of a hierarchical gate, a whole group.
struct Cell {
  enum class Kind { atom, group };

  Kind kind = Kind::atom;
  int index = 0;                   // of the atom or group
  std::vector<std::string> names;  // of its coordinates theta: those of the gate first
  int num_gate = 0;                // how many of them belong to its own gate
  int num_first =
      0;  // coordinates with first-order functions of their own (a group's others are those of its atoms)
  std::vector<double> at;  // the coordinates of the truth
};

/// The local functions of a truth [NHR24, NHR25],
///
///     Phi_j(x; theta_j) = E_j (h_j - f*) / sum_l m_l E_l,    E_j = exp(score without its bias), m_j the
///     masses,
///
/// as functions of the coordinates theta_j = (omega_j, eta_j) of cell j with f* and the sum held fixed; h_j -
/// f* is sum_l w_l (h_j - h_l), so that nothing cancels. Of a hierarchical gate the cells are the atoms, W_g
/// E_{i|g} (h_gi - F_g) with the group's mean F_g and weight W_g, and the groups, W_g (F_g - f*), whose theta
/// is the group's gate and what is inside it. Of the sigmoid gates, which have no masses, theta includes the
/// bias, and Phi_j is E_j h_j for the one that is not normalised. Duplicating atom j into two of half its
/// mass at theta_j -+ delta changes f by m_j D^2 Phi_j[delta, delta] / 2 + O(delta^4).
template <class T>
class LocalFunctions {
 public:
  LocalFunctions(const Truth& truth, Coordinates coordinates);

  const std::vector<Cell>& cells() const { return cells_; }
  /// Whether the temperature is an unknown that all cells share: then it is one variable more, the last one.
  bool shares_temperature() const { return shares_temperature_; }
  bool has_masses() const { return has_masses_; }
  int num_outputs() const { return truth_.family.spec.num_outputs; }
  int num_variables(std::size_t cell) const {
    return static_cast<int>(cells_[cell].at.size()) + (shares_temperature_ ? 1 : 0);
  }
  /// Where the first-order functions of a cell are among those of all cells, one after another: Phi_j if
  /// there are masses, and the derivatives by its first num_first coordinates.
  struct Range {
    Eigen::Index begin, size;
  };
  Range first_order(std::size_t cell) const;
  /// How many there are, with that of the temperature.
  Eigen::Index num_first_order() const;
  /// The masses m_j of the cells.
  const std::vector<T>& masses() const { return masses_; }

  /// The atom (and of a group, its gate) of a cell at theta_j + displacement.
  Measure displaced(std::size_t cell, const Eigen::VectorXd& displacement) const;

  /// An output of Phi_j at x, for every cell.
  std::vector<Jet<T>> at(std::span<const T> x, int output) const;

 private:
  using Number = Jet<T>;

  Number temperature(int num_variables) const;
  std::vector<Number> variables(std::size_t cell) const;
  std::vector<Number> raw_gate(std::size_t cell, std::span<const Number> variables) const;
  std::vector<Number> flat(std::span<const Number> x, int output) const;
  std::vector<Number> hierarchical(std::span<const Number> x, int output) const;
  Number group_mean(std::size_t cell, const std::vector<Number>& variables, std::span<const Number> z,
                    std::span<const Number> x, int output) const;

  Truth truth_;
  bool shares_temperature_;
  bool has_masses_;
  std::vector<Cell> cells_;
  std::vector<T> log_masses_;
  std::vector<T> masses_;
  std::vector<Eigen::MatrixXd>
      tangents_;  // of the cosine gate in reduced coordinates: omega = at + tangent u
};

}  // namespace moest
