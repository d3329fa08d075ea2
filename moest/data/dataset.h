// From a table to the numbers of a fit or a prediction: chosen columns and checked cells.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "moest/data/categories.h"
#include "moest/data/table.h"

namespace moest {

enum class MissingPolicy {
  refuse,  // a missing value in a used column is an error
  drop,    // rows with a missing value in a used column are left out, and a note says how many
};

struct DatasetOptions {
  std::vector<std::string> targets;           // at least one
  std::vector<std::string> inputs = {};       // empty: all columns but the targets
  std::vector<std::string> categorical = {};  // inputs whose cells are labels; the table was read with these
  std::string weights = {};                   // the column of the samples' weights; empty: all count alike
  MissingPolicy missing = MissingPolicy::refuse;
};

struct Dataset {
  std::vector<std::string> input_names;   // d names; of an indicator `column=level`
  Eigen::MatrixXd inputs;                 // n x d
  std::vector<std::string> target_names;  // m names
  Eigen::MatrixXd target;                 // n x m
  Eigen::VectorXd weights = {};           // n positive numbers, or none: all count alike
  std::vector<std::size_t> rows;          // n: the table's row of each sample
  Categories categories;                  // of the categorical inputs that were kept
  std::vector<std::string> notes;         // sentences for the user: rows and columns that were left out
};

/// The largest magnitude of a number in a used column: sums of squares of 1e8 such numbers are finite.
inline constexpr double kLargestValue = 1e150;

/// The samples of a fit. Inputs are in the order of the options, else of the table; an input that is the same
/// in all rows is left out with a note, and so are rows of weight 0. Requires that the table was read with
/// `categorical`.
///
/// Throws InputError, naming columns and where there is one the line and the value, for: a target or input
/// that the table lacks, an input or target given twice, a target or the weights among the inputs, a
/// categorical name that is no input, a negative weight, no input, text, nan, infinity or a number beyond
/// kLargestValue in a used column, missing values unless they are to be dropped, no row or no input left, a
/// constant target, a categorical input of more than kMostLevels levels or with two levels that are the same
/// number, two inputs of the same name.
Dataset make_dataset(const Table& table, const DatasetOptions& options);

/// The inputs of a prediction: columns by name, indicators by the categories of the fit; n x
/// input_names.size(). A label that is no level as text is compared as a number, so that 1.0 is the level 1.
/// Requires that the table was read with all names of `categories` as categorical.
///
/// Throws InputError, naming the column and where there is one the line and the value, for: a column that the
/// table lacks, missing values, cells that make_dataset would refuse, an unknown level.
Eigen::MatrixXd input_matrix(const Table& table, std::span<const std::string> input_names,
                             const Categories& categories);

/// A target of a model, n numbers. Throws InputError as input_matrix.
Eigen::VectorXd target_column(const Table& table, const std::string& name);

}  // namespace moest
