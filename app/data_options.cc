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

}  // namespace moest::app
