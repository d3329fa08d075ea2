// A truth whose atoms are split and moved apart.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <vector>

#include "moest/model/model.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/mixture_family.h"
#include "moest/theory/wide.h"

namespace moest {

/// Directions in which one cell is split: its atom becomes r + 1 atoms of equal mass at theta + s D_i, the
/// corners of a simplex with sum_i D_i = 0 and covariance V V'. Of one column v these are theta -+ s v. Or
/// one direction in which it is moved as it is.
struct CellSplit {
  std::size_t cell = 0;
  Eigen::MatrixXd directions;  // V, coordinates of the cell x r
  bool is_move = false;
};

/// What may change in a displaced truth.
enum class Freedom {
  all,   // everything but the size of the split
  line,  // of the split atom only where its second part is on the line of the split
};

/// A measure near a truth, and two of the same shape: a 1 for every number that must stay as it is, and the
/// direction of those that may only move together.
struct DisplacedTruth {
  MixtureFamily family;
  Measure measure;
  Measure held;
  Measure line;
};

/// The truth with cells split, or moved, by `size` along their directions, masses divided. The biases of the
/// first split's atoms are held, and the number that the split changes most: in its first atom or, in a gate,
/// in all of them, since a common shift of all atoms could make up for one (all of a gate where only its
/// direction counts, since a change of length could keep a single number). With Freedom::line all of the
/// split atoms is held.
DisplacedTruth displaced_truth(const LocalFunctions<Wide>& functions, const Truth& truth,
                               const std::vector<CellSplit>& splits, double size, Freedom freedom);

/// Calls visit(number) for bias, gate and expert of each atom and bias and gate of each group.
template <class T, class Visit>
void visit_numbers(BasicMeasure<T>& measure, const Visit& visit) {
  for (std::vector<BasicAtom<T>>* atoms : {&measure.atoms, &measure.groups}) {
    for (BasicAtom<T>& atom : *atoms) {
      visit(atom.bias);
      std::ranges::for_each(atom.gate, visit);
      std::ranges::for_each(atom.expert, visit);
    }
  }
}

/// These numbers in one list.
std::vector<double> numbers_of(Measure measure);

}  // namespace moest
