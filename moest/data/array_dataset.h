// From arrays in memory to the numbers of a fit.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <vector>

#include "moest/data/dataset.h"

namespace moest {

/// A matrix of numbers that belong to somebody else, in any order in memory: by rows as C has them, by
/// columns as Fortran has them, or every other one of a larger array.
using MatrixView = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

struct Arrays {
  MatrixView inputs;                       // n x d
  MatrixView target;                       // n x m
  std::optional<MatrixView> weights = {};  // n x 1
  std::vector<std::string> input_names;    // d
  std::vector<std::string> target_names;   // m
};

/// The samples of a fit, as make_dataset() of a table: rows of weight 0 and inputs that are the same in all
/// rows are left out, with a note. A constant target stays, with a note.
///
/// Throws InputError, naming column and row, for: nan, infinity or a number beyond kLargestValue; a negative
/// weight; no row or no input left; an empty name, or two that are the same.
Dataset make_dataset(const Arrays& arrays);

}  // namespace moest
