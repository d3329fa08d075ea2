#include "app/data_options.h"

#include <algorithm>
#include <string_view>

#include "moest/base/number.h"

namespace moest::app {

void add_data_options(CLI::App& parser, DataOptions& options, const std::string& target_help) {
  parser.add_option("data", options.data, "table: CSV (also .gz) or .npy; - for standard input")
      ->type_name("DATA")
      ->required();
  const std::string group = "Data";
  add_names(parser, "--target", options.columns.targets, target_help)->required()->group(group);
  add_names(parser, "--inputs", options.columns.inputs, "columns to predict from (default: all others)")
      ->group(group);
  add_names(parser, "--categorical", options.columns.categorical,
            "inputs whose cells are labels: an indicator for each label but the first")
      ->group(group);
  parser
      .add_option("--weights-column", options.columns.weights,
                  "column that says how much each row counts; it is no input")
      ->type_name("NAME")
      ->group(group);
  parser.add_flag("--drop-missing", options.drop_missing, "leave out rows with missing values")
      ->disable_flag_override()
      ->group(group);
}

Dataset read_data(const DataOptions& options) {
  const Table table = read_table(options.data, {options.columns.categorical});
  DatasetOptions columns = options.columns;
  // A single target may have commas in its name.
  const std::string whole = fmt::format("{}", fmt::join(columns.targets, ","));
  const auto is_column = [&](const std::string& name) { return table.find(name) != nullptr; };
  if (is_column(whole) && !std::all_of(columns.targets.begin(), columns.targets.end(), is_column)) {
    columns.targets = {whole};
  }
  columns.missing = options.drop_missing ? MissingPolicy::drop : MissingPolicy::refuse;
  return make_dataset(table, columns);
}

void take_columns(const Model& model, DatasetOptions& columns) {
  for (const std::string& input : model.inputs) {
    std::string column = input;
    for (const auto& [name, levels] : model.categories) {
      const auto is_indicator = [&](const std::string& level) { return input == name + "=" + level; };
      if (std::any_of(levels.begin(), levels.end(), is_indicator)) {
        column = name;
      }
    }
    if (std::find(columns.inputs.begin(), columns.inputs.end(), column) == columns.inputs.end()) {
      columns.inputs.push_back(column);
    }
  }
  if (columns.categorical.empty()) {
    for (const auto& [name, levels] : model.categories) {
      columns.categorical.push_back(name);
    }
  }
}

void add_model_data_options(CLI::App& parser, ModelDataOptions& options) {
  parser.add_option("model", options.model, "model file, as `moest fit` wrote it")
      ->type_name("MODEL")
      ->required();
  parser.add_option("data", options.data, "table that it was fitted to; - for standard input")
      ->type_name("DATA")
      ->required();
  const std::string group = "Data";
  parser
      .add_option("--weights-column", options.weights,
                  "column that says how much each row counts, as in the fit")
      ->type_name("NAME")
      ->group(group);
  parser
      .add_flag("--drop-missing", options.drop_missing, "leave out rows with missing values, as in the fit")
      ->disable_flag_override()
      ->group(group);
}

Dataset samples_for(const Model& model, const ModelDataOptions& options) {
  DatasetOptions columns;
  take_columns(model, columns);
  columns.targets = model.targets;
  columns.weights = options.weights;
  columns.missing = options.drop_missing ? MissingPolicy::drop : MissingPolicy::refuse;
  Dataset data = make_dataset(read_table_for(model, options.data), columns);
  if (data.input_names != model.inputs) {
    throw InputError(
        fmt::format("{}: the inputs are {}", source_name(options.data), listed(data.input_names)),
        fmt::format("those of the model are {}", listed(model.inputs)),
        "Give the table that the model was fitted to.");
  }
  return data;
}

}  // namespace moest::app
