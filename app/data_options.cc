#include "app/data_options.h"

#include <algorithm>

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

Dataset samples_for(const Model& model, const std::string& path, const std::string& weights) {
  const Table table = read_table_for(model, path);
  Dataset data;
  data.input_names = model.inputs;
  data.inputs = input_matrix(table, model.inputs, model.categories);
  data.categories = model.categories;
  data.target_names = model.targets;
  data.target.resize(data.inputs.rows(), static_cast<Eigen::Index>(model.targets.size()));
  for (std::size_t j = 0; j < model.targets.size(); ++j) {
    data.target.col(static_cast<Eigen::Index>(j)) = target_column(table, model.targets[j]);
  }
  if (!weights.empty()) {
    data.weights = target_column(table, weights);
    if (!(data.weights.minCoeff() > 0)) {
      throw InputError(fmt::format("the weights {} have a value that is not positive", weights),
                       "every row counts here", "Leave such rows out of the table.");
    }
  }
  for (std::size_t row = 0; row < table.num_rows; ++row) {
    data.rows.push_back(row);
  }
  return data;
}

}  // namespace moest::app
