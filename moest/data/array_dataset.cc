#include "moest/data/array_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <unordered_set>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/data/text.h"

namespace moest {
namespace {

/// A column in one piece. Throws InputError for a number in it that cannot be used.
Eigen::VectorXd checked_column(const MatrixView& columns, Eigen::Index j, const std::string& name) {
  Eigen::VectorXd column = columns.col(j);
  if ((column.array().abs() <= kLargestValue).all()) {
    return column;
  }
  const auto bad = std::find_if(column.begin(), column.end(),
                                [](double value) { return !(std::abs(value) <= kLargestValue); });
  throw InputError(
      fmt::format("{}, row {}: {} cannot be used", shown(name), bad - column.begin(), exact_text(*bad)),
      fmt::format("numbers must be finite, and no larger than {}", exact_text(kLargestValue)),
      "Correct it, leave the row out, or use a larger unit.");
}

/// Of inputs and targets together.
void check_names(std::vector<std::string> names, std::span<const std::string> target_names) {
  names.insert(names.end(), target_names.begin(), target_names.end());
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (name.empty() || !seen.insert(name).second) {
      throw InputError(name.empty() ? "a column has an empty name"
                                    : fmt::format("two columns have the name {}", shown(name)),
                       "the model tells its inputs and targets apart by their names", "Rename it.");
    }
  }
}

/// Those of positive weight.
std::vector<Eigen::Index> rows_that_count(const Eigen::VectorXd& weights) {
  std::vector<Eigen::Index> rows;
  for (Eigen::Index i = 0; i < weights.size(); ++i) {
    if (weights[i] < 0) {
      throw InputError(fmt::format("row {}: {} is a negative weight", i, exact_text(weights[i])),
                       "a weight says how much a row counts",
                       "Give positive numbers, or 0 to leave a row out.");
    }
    if (weights[i] > 0) {
      rows.push_back(i);
    }
  }
  if (rows.empty()) {
    throw InputError("no row counts", "all weights are 0", "Give at least one row a positive weight.");
  }
  return rows;
}

bool is_constant(const Eigen::VectorXd& values) { return values.minCoeff() == values.maxCoeff(); }

void set_inputs(const Arrays& arrays, const std::vector<Eigen::Index>* rows, Dataset& data) {
  const auto n = static_cast<Eigen::Index>(data.rows.size());
  Eigen::MatrixXd inputs(n, arrays.inputs.cols());
  Eigen::Index num_kept = 0;
  for (Eigen::Index j = 0; j < arrays.inputs.cols(); ++j) {
    const std::string& name = arrays.input_names[static_cast<std::size_t>(j)];
    Eigen::VectorXd column = checked_column(arrays.inputs, j, name);
    if (rows != nullptr) {
      column = Eigen::VectorXd(column(*rows));
    }
    if (is_constant(column)) {
      data.notes.push_back(
          fmt::format("input {} left out: it is {} in every row", shown(name), exact_text(column[0])));
      continue;
    }
    data.input_names.push_back(name);
    inputs.col(num_kept++) = column;
  }
  if (num_kept == 0) {
    throw InputError("no input varies", fmt::format("{}", fmt::join(data.notes, "; ")),
                     "Add a column to predict from.");
  }
  if (num_kept < inputs.cols()) {
    inputs.conservativeResize(n, num_kept);
  }
  data.inputs = std::move(inputs);
}

}  // namespace

Dataset make_dataset(const Arrays& arrays) {
  MOEST_EXPECT(arrays.inputs.rows() == arrays.target.rows() && arrays.target.cols() > 0);
  MOEST_EXPECT(!arrays.weights || arrays.weights->rows() == arrays.inputs.rows());
  MOEST_EXPECT(static_cast<Eigen::Index>(arrays.input_names.size()) == arrays.inputs.cols());
  MOEST_EXPECT(static_cast<Eigen::Index>(arrays.target_names.size()) == arrays.target.cols());
  check_names(arrays.input_names, arrays.target_names);
  MOEST_EXPECT(arrays.inputs.rows() > 0);
  Dataset data;
  std::optional<std::vector<Eigen::Index>> kept;
  if (arrays.weights) {
    data.weights = checked_column(*arrays.weights, 0, "weights");
    kept = rows_that_count(data.weights);
    data.weights = Eigen::VectorXd(data.weights(*kept));
    data.rows.assign(kept->begin(), kept->end());
  } else {
    data.rows.resize(static_cast<std::size_t>(arrays.inputs.rows()));
    std::iota(data.rows.begin(), data.rows.end(), std::size_t{0});
  }
  set_inputs(arrays, kept ? &*kept : nullptr, data);
  data.target_names = arrays.target_names;
  data.target.resize(data.inputs.rows(), arrays.target.cols());
  for (Eigen::Index j = 0; j < arrays.target.cols(); ++j) {
    const std::string& name = arrays.target_names[static_cast<std::size_t>(j)];
    const Eigen::VectorXd column = checked_column(arrays.target, j, name);
    data.target.col(j) = kept ? Eigen::VectorXd(column(*kept)) : column;
    if (is_constant(data.target.col(j))) {
      data.notes.push_back(fmt::format("target {} is {} in every row: there is nothing to fit", shown(name),
                                       exact_text(data.target(0, j))));
    }
  }
  return data;
}

}  // namespace moest
