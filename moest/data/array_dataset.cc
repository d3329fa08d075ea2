#include "moest/data/array_dataset.h"

#include <fmt/format.h>

#include <cmath>
#include <unordered_set>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/data/text.h"

namespace moest {
namespace {

void check_numbers(const MatrixView& columns, std::span<const std::string> names) {
  for (Eigen::Index j = 0; j < columns.cols(); ++j) {
    for (Eigen::Index i = 0; i < columns.rows(); ++i) {
      const double value = columns(i, j);
      if (!(std::abs(value) <= kLargestValue)) {
        throw InputError(
            fmt::format("{}, row {}: {} cannot be used", shown(names[static_cast<std::size_t>(j)]), i,
                        exact_text(value)),
            fmt::format("numbers must be finite, and no larger than {}", exact_text(kLargestValue)),
            "Correct it, leave the row out, or use a larger unit.");
      }
    }
  }
}

void check_names(std::span<const std::string> names) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      throw InputError(fmt::format("two columns have the name {}", shown(name)),
                       "the model tells its inputs and targets apart by their names", "Rename one of them.");
    }
  }
}

/// Those of positive weight.
std::vector<std::size_t> rows_that_count(const Arrays& arrays) {
  std::vector<std::size_t> rows;
  for (Eigen::Index i = 0; i < arrays.inputs.rows(); ++i) {
    const double weight = arrays.weights ? (*arrays.weights)(i, 0) : 1.0;
    if (weight < 0) {
      throw InputError(fmt::format("row {}: {} is a negative weight", i, exact_text(weight)),
                       "a weight says how much a row counts",
                       "Give positive numbers, or 0 to leave a row out.");
    }
    if (weight > 0) {
      rows.push_back(static_cast<std::size_t>(i));
    }
  }
  if (rows.empty()) {
    throw InputError("there is no row that counts",
                     arrays.inputs.rows() > 0 ? "all weights are 0" : "the arrays are empty",
                     "Give at least one row a positive weight.");
  }
  return rows;
}

Eigen::VectorXd numbers(const MatrixView& matrix, Eigen::Index column, const std::vector<std::size_t>& rows) {
  Eigen::VectorXd result(static_cast<Eigen::Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result[static_cast<Eigen::Index>(i)] = matrix(static_cast<Eigen::Index>(rows[i]), column);
  }
  return result;
}

void set_inputs(const Arrays& arrays, Dataset& data) {
  const auto n = static_cast<Eigen::Index>(data.rows.size());
  Eigen::MatrixXd inputs(n, arrays.inputs.cols());
  Eigen::Index num_kept = 0;
  for (Eigen::Index j = 0; j < arrays.inputs.cols(); ++j) {
    const std::string& name = arrays.input_names[static_cast<std::size_t>(j)];
    auto column = inputs.col(num_kept);
    column = numbers(arrays.inputs, j, data.rows);
    if (column.minCoeff() == column.maxCoeff()) {
      data.notes.push_back(
          fmt::format("input {} left out: it is {} in every row", shown(name), exact_text(column[0])));
      continue;
    }
    data.input_names.push_back(name);
    ++num_kept;
  }
  if (num_kept == 0) {
    throw InputError("no input varies", fmt::format("{}", fmt::join(data.notes, "; ")),
                     "Add a column to predict from.");
  }
  inputs.conservativeResize(n, num_kept);
  data.inputs = std::move(inputs);
}

}  // namespace

Dataset make_dataset(const Arrays& arrays) {
  MOEST_EXPECT(arrays.inputs.rows() == arrays.target.rows() && arrays.target.cols() > 0);
  MOEST_EXPECT(!arrays.weights || arrays.weights->rows() == arrays.inputs.rows());
  MOEST_EXPECT(static_cast<Eigen::Index>(arrays.input_names.size()) == arrays.inputs.cols());
  MOEST_EXPECT(static_cast<Eigen::Index>(arrays.target_names.size()) == arrays.target.cols());
  check_names(arrays.input_names);
  check_names(arrays.target_names);
  check_numbers(arrays.inputs, arrays.input_names);
  check_numbers(arrays.target, arrays.target_names);
  if (arrays.weights) {
    check_numbers(*arrays.weights, std::vector<std::string>{"weights"});
  }
  Dataset data;
  data.rows = rows_that_count(arrays);
  set_inputs(arrays, data);
  data.target_names = arrays.target_names;
  data.target.resize(data.inputs.rows(), arrays.target.cols());
  for (Eigen::Index j = 0; j < arrays.target.cols(); ++j) {
    auto column = data.target.col(j);
    column = numbers(arrays.target, j, data.rows);
    if (column.minCoeff() == column.maxCoeff()) {
      data.notes.push_back(fmt::format("target {} is {} in every row: there is nothing to fit",
                                       shown(arrays.target_names[static_cast<std::size_t>(j)]),
                                       exact_text(column[0])));
    }
  }
  if (arrays.weights) {
    data.weights = numbers(*arrays.weights, 0, data.rows);
  }
  return data;
}

}  // namespace moest
