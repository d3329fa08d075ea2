#include "moest/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/data/categories.h"
#include "moest/data/text.h"

namespace moest {
namespace {

using Rows = std::vector<std::size_t>;

// --- choosing columns

const Column& chosen_column(const Table& table, const std::string& name, std::string_view role) {
  const Column* const column = table.find(name);
  if (column != nullptr) {
    return *column;
  }
  const std::vector<std::string> names = table.names();
  const std::string near = nearest_name(name, names);
  throw InputError(fmt::format("{} has no column {} for the {}", table.source, shown(name), role),
                   fmt::format("its columns are {}", shown_list(names)),
                   near.empty() ? "Name one of its columns." : fmt::format("Did you mean {}?", shown(near)));
}

bool contains(std::span<const std::string> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_differ(std::span<const std::string> names, std::string_view role) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      throw InputError(fmt::format("the {} {} is given twice", role, shown(name)),
                       fmt::format("{}s must differ", role), "Name it once.");
    }
  }
}

void check_roles(const DatasetOptions& options) {
  check_differ(options.targets, "target");
  check_differ(options.inputs, "input");
  for (const std::string& name : options.inputs) {
    if (contains(options.targets, name)) {
      throw InputError(fmt::format("the target {} is among the inputs", shown(name)),
                       "a target cannot predict itself", "Leave it out of --inputs.");
    }
  }
  const auto refuse_weights = [&](const std::string& role) {
    throw InputError(fmt::format("the weights {} are {}", shown(options.weights), role),
                     "a weight says how much a row counts", "Choose another column.");
  };
  if (contains(options.targets, options.weights)) {
    refuse_weights("a target");
  }
  if (contains(options.inputs, options.weights)) {
    refuse_weights("among the inputs");
  }
}

std::vector<const Column*> chosen_inputs(const Table& table, const DatasetOptions& options) {
  check_roles(options);
  std::vector<const Column*> columns;
  columns.reserve(options.inputs.size());
  for (const std::string& name : options.inputs) {
    columns.push_back(&chosen_column(table, name, "input"));
  }
  if (options.inputs.empty()) {
    for (const Column& column : table.columns) {
      if (!contains(options.targets, column.name) && column.name != options.weights) {
        columns.push_back(&column);
      }
    }
  }
  if (columns.empty()) {
    throw InputError(fmt::format("{} has no input", table.source),
                     fmt::format("all its columns are targets: {}", shown_list(options.targets)),
                     "Add a column to predict from.");
  }
  return columns;
}

void check_categorical(const Table& table, std::span<const Column* const> inputs,
                       const DatasetOptions& options) {
  for (const std::string& name : options.categorical) {
    const Column& column = chosen_column(table, name, "categorical input");
    MOEST_EXPECT(column.is_categorical);
    if (std::find(inputs.begin(), inputs.end(), &column) == inputs.end()) {
      throw InputError(
          fmt::format("the categorical column {} is not an input", shown(name)),
          contains(options.targets, name) ? "the target must be a number" : "the inputs are given",
          "Leave it out of --categorical, or add it to --inputs.");
    }
  }
}

// --- checking cells

bool has_decimal_comma(std::string text) {
  std::replace(text.begin(), text.end(), ',', '.');
  return parse_number(text).status == NumberStatus::ok;
}

InputError bad_cell(const Table& table, const Column& column, const std::string& text_suggestion) {
  const BadCell& cell = *column.first_bad;
  const std::string problem = fmt::format("{}: {}", table.place(cell.row, column), shown(cell.text));
  switch (cell.kind) {
    case BadCellKind::not_finite:
      return {problem + " is not a finite number", "every value in use must be finite",
              "Correct it; if the value is missing, leave the field empty."};
    case BadCellKind::out_of_range:
      return {problem + " is out of range", "double precision ends at 1.8e308", "Use a larger unit."};
    default:
      return {problem + " is not a number",
              "a column in use holds numbers; an empty field or NA is a missing value",
              has_decimal_comma(cell.text) ? "Write numbers with a decimal point." : text_suggestion};
  }
}

void check_numbers(const Table& table, const Column& column, const std::string& text_suggestion) {
  if (column.first_bad) {
    throw bad_cell(table, column, text_suggestion);
  }
  const auto large = std::find_if(column.values.begin(), column.values.end(),
                                  [](double x) { return std::abs(x) > kLargestValue; });
  if (large != column.values.end()) {
    const auto row = static_cast<std::size_t>(large - column.values.begin());
    throw InputError(fmt::format("{}: {} is too large", table.place(row, column), exact_text(*large)),
                     fmt::format("squares of values beyond {} overflow", exact_text(kLargestValue)),
                     "Use a larger unit.");
  }
}

// A missing value is a NaN of a column without bad cells; in a categorical column an empty label.
bool is_missing(const Column& column, std::size_t row) {
  return column.is_categorical ? column.labels[row].empty() : std::isnan(column.values[row]);
}

Rows complete_rows(const Table& table, std::span<const Column* const> used) {
  std::vector<char> is_incomplete(table.num_rows, 0);
  for (const Column* const column : used) {
    for (std::size_t row = 0; column->num_missing > 0 && row < table.num_rows; ++row) {
      is_incomplete[row] = static_cast<char>(is_incomplete[row] | (is_missing(*column, row) ? 1 : 0));
    }
  }
  Rows rows;
  for (std::size_t row = 0; row < table.num_rows; ++row) {
    if (is_incomplete[row] == 0) {
      rows.push_back(row);
    }
  }
  return rows;
}

struct MissingValues {
  std::size_t num_cells = 0;
  std::vector<std::string> columns;
  Rows first_rows;
};

MissingValues missing_values(std::span<const Column* const> used) {
  MissingValues missing;
  for (const Column* const column : used) {
    if (column->num_missing > 0) {
      missing.num_cells += column->num_missing;
      missing.columns.push_back(column->name);
      missing.first_rows.insert(missing.first_rows.end(), column->first_missing_rows.begin(),
                                column->first_missing_rows.end());
    }
  }
  std::sort(missing.first_rows.begin(), missing.first_rows.end());
  missing.first_rows.erase(std::unique(missing.first_rows.begin(), missing.first_rows.end()),
                           missing.first_rows.end());
  missing.first_rows.resize(std::min(missing.first_rows.size(), Column::kMostMissingRowsKept));
  return missing;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void refuse_missing(const Table& table, std::span<const Column* const> used, std::string_view suggestion) {
  const MissingValues missing = missing_values(used);
  if (missing.num_cells == 0) {
    return;
  }
  const std::size_t num_rows = table.num_rows - complete_rows(table, used).size();
  throw InputError(fmt::format("{} lacks {} in {}", table.source, counted(missing.num_cells, "value"),
                               counted(num_rows, "row")),
                   fmt::format("column{} {}; first at {}", missing.columns.size() == 1 ? "" : "s",
                               shown_list(missing.columns), table.places(missing.first_rows)),
                   suggestion);
}

Rows kept_rows(const Table& table, std::span<const Column* const> used, MissingPolicy policy,
               std::vector<std::string>& notes) {
  if (policy == MissingPolicy::refuse) {
    refuse_missing(table, used, "Fill them in, or leave the rows out with --drop-missing.");
  }
  Rows rows = complete_rows(table, used);
  const std::string columns = shown_list(missing_values(used).columns);
  if (rows.empty()) {
    throw InputError(fmt::format("{} has no complete row", table.source),
                     fmt::format("every row lacks a value in {}", columns),
                     "Leave the columns out with --inputs, or fill in the values.");
  }
  if (rows.size() < table.num_rows) {
    notes.push_back(fmt::format("{} of {} rows left out: missing values in {}", table.num_rows - rows.size(),
                                table.num_rows, columns));
  }
  return rows;
}

// --- numbers

Eigen::VectorXd numbers(const Column& column, const Rows& rows) {
  Eigen::VectorXd result(static_cast<Eigen::Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result(static_cast<Eigen::Index>(i)) = column.values[rows[i]];
  }
  return result;
}

bool is_constant(const Eigen::VectorXd& values) { return values.minCoeff() == values.maxCoeff(); }

std::string constant_note(const Column& column, const std::string& value) {
  return fmt::format("input {} left out: it is {} in every row", shown(column.name), value);
}

// --- building a dataset

// Blocks of columns are gathered first, so that the matrix is built once.
struct InputBlocks {
  std::vector<std::string> names;
  std::vector<Eigen::MatrixXd> blocks;
};

void add_numbers(const Column& column, const Rows& rows, InputBlocks& inputs, Dataset& data) {
  Eigen::VectorXd values = numbers(column, rows);
  if (is_constant(values)) {
    data.notes.push_back(constant_note(column, exact_text(values(0))));
    return;
  }
  inputs.names.push_back(column.name);
  inputs.blocks.emplace_back(std::move(values));
}

void add_indicators(const Table& table, const Column& column, InputBlocks& inputs, Dataset& data) {
  std::vector<std::string> levels = sorted_levels(column, data.rows);
  if (levels.size() == 1) {
    data.notes.push_back(constant_note(column, shown(levels[0])));
    return;
  }
  for (std::size_t j = 1; j < levels.size(); ++j) {
    inputs.names.push_back(indicator_name(column.name, levels[j]));
  }
  inputs.blocks.push_back(indicators(table, column, data.rows, levels));
  data.categories.emplace(column.name, std::move(levels));
}

void check_names_differ(std::span<const std::string> names) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      throw InputError(fmt::format("two inputs have the name {}", shown(name)),
                       "an indicator of a categorical column has the name of another column",
                       "Rename that column.");
    }
  }
}

void set_inputs(InputBlocks inputs, const Table& table, Dataset& data) {
  if (inputs.names.empty()) {
    throw InputError(fmt::format("{} has no input that varies", table.source),
                     fmt::format("{}", fmt::join(data.notes, "; ")), "Add a column to predict from.");
  }
  check_names_differ(inputs.names);
  data.input_names = std::move(inputs.names);
  data.inputs.resize(static_cast<Eigen::Index>(data.rows.size()),
                     static_cast<Eigen::Index>(data.input_names.size()));
  Eigen::Index first = 0;
  for (const Eigen::MatrixXd& block : inputs.blocks) {
    data.inputs.middleCols(first, block.cols()) = block;
    first += block.cols();
  }
}

void set_targets(const Table& table, std::span<const Column* const> columns, Dataset& data) {
  data.target.resize(static_cast<Eigen::Index>(data.rows.size()), static_cast<Eigen::Index>(columns.size()));
  for (const Column* const column : columns) {
    const Eigen::VectorXd values = numbers(*column, data.rows);
    if (is_constant(values)) {
      throw InputError(fmt::format("{}: the target {} is {} in every row", table.source, shown(column->name),
                                   exact_text(values(0))),
                       "there is nothing to fit", "Check the choice of the target.");
    }
    data.target.col(static_cast<Eigen::Index>(data.target_names.size())) = values;
    data.target_names.push_back(column->name);
  }
}

/// Of the samples, whose rows of weight 0 go.
void set_weights(const Table& table, const Column& column, Dataset& data) {
  Rows kept;
  for (const std::size_t row : data.rows) {
    const double weight = column.values[row];
    if (weight < 0) {
      throw InputError(
          fmt::format("{}: {} is a negative weight", table.place(row, column), exact_text(weight)),
          "a weight says how much a row counts", "Give positive numbers, or 0 to leave a row out.");
    }
    if (weight > 0) {
      kept.push_back(row);
    }
  }
  if (kept.empty()) {
    throw InputError(fmt::format("{}: the weights {} are 0 in every row", table.source, shown(column.name)),
                     "no row would count", "Check the choice of the column.");
  }
  if (kept.size() < data.rows.size()) {
    data.notes.push_back(
        fmt::format("{} of {} rows left out: weight 0", data.rows.size() - kept.size(), data.rows.size()));
  }
  data.rows = std::move(kept);
  data.weights = numbers(column, data.rows);
}

// --- the inputs of a prediction

constexpr std::string_view kPredictionRole = "model's input";

}  // namespace

Dataset make_dataset(const Table& table, const DatasetOptions& options) {
  MOEST_EXPECT(!options.targets.empty());
  std::vector<const Column*> targets;
  targets.reserve(options.targets.size());
  for (const std::string& name : options.targets) {
    targets.push_back(&chosen_column(table, name, "target"));
  }
  const std::vector<const Column*> inputs = chosen_inputs(table, options);
  check_categorical(table, inputs, options);
  const auto is_categorical = [&](const Column& c) { return contains(options.categorical, c.name); };

  for (const Column* const target : targets) {
    check_numbers(table, *target, "The target must be a number in every row.");
  }
  for (const Column* const column : inputs) {
    if (is_categorical(*column)) {
      check_labels(table, *column);
    } else {
      check_numbers(table, *column,
                    fmt::format("Use --categorical {0} if these are labels, or leave {0} out with --inputs.",
                                column->name));
    }
  }

  Dataset data;
  std::vector<const Column*> used = inputs;
  used.insert(used.end(), targets.begin(), targets.end());
  const Column* weights = nullptr;
  if (!options.weights.empty()) {
    weights = &chosen_column(table, options.weights, "column of weights");
    check_numbers(table, *weights, "A weight must be a number in every row.");
    used.push_back(weights);
  }
  data.rows = kept_rows(table, used, options.missing, data.notes);
  if (weights != nullptr) {
    set_weights(table, *weights, data);
  }
  set_targets(table, targets, data);
  InputBlocks blocks;
  for (const Column* const column : inputs) {
    if (is_categorical(*column)) {
      add_indicators(table, *column, blocks, data);
    } else {
      add_numbers(*column, data.rows, blocks, data);
    }
  }
  set_inputs(std::move(blocks), table, data);
  return data;
}

Eigen::MatrixXd input_matrix(const Table& table, std::span<const std::string> input_names,
                             const Categories& categories) {
  const auto indicator_of = indicator_sources(categories);
  std::map<std::string, Eigen::MatrixXd> indicators_of;
  std::vector<const Column*> used;
  for (const std::string& name : input_names) {
    const auto found = indicator_of.find(name);
    const bool is_indicator = found != indicator_of.end();
    const Column& column =
        chosen_column(table, is_indicator ? *found->second.category : name, kPredictionRole);
    if (!is_indicator) {
      check_numbers(table, column, "Correct the cell, or leave the row out.");
      used.push_back(&column);
    } else if (indicators_of.emplace(column.name, Eigen::MatrixXd()).second) {
      MOEST_EXPECT(column.is_categorical);
      used.push_back(&column);
    }
  }
  refuse_missing(table, used, "Fill them in, or leave the rows out.");

  Rows rows(table.num_rows);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  for (auto& [name, block] : indicators_of) {
    block = indicators(table, *table.find(name), rows, categories.at(name));
  }
  Eigen::MatrixXd result(static_cast<Eigen::Index>(table.num_rows),
                         static_cast<Eigen::Index>(input_names.size()));
  for (std::size_t j = 0; j < input_names.size(); ++j) {
    const auto found = indicator_of.find(input_names[j]);
    result.col(static_cast<Eigen::Index>(j)) =
        found == indicator_of.end() ? numbers(*table.find(input_names[j]), rows)
                                    : indicators_of.at(*found->second.category)
                                          .col(static_cast<Eigen::Index>(found->second.level) - 1);
  }
  return result;
}

Eigen::VectorXd target_column(const Table& table, const std::string& name) {
  const Column& column = chosen_column(table, name, "model's target");
  check_numbers(table, column, "Correct the cell, or leave the row out.");
  const std::vector<const Column*> used{&column};
  refuse_missing(table, used, "Fill them in, or leave the rows out.");
  return Eigen::Map<const Eigen::VectorXd>(column.values.data(),
                                           static_cast<Eigen::Index>(column.values.size()));
}

}  // namespace moest
