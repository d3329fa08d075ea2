// The table of a fit or a comparison, and which of its columns are what.
#pragma once

#include <string>

#include "app/command.h"
#include "moest/data/dataset.h"

namespace moest::app {

struct DataOptions {
  std::string data;
  DatasetOptions columns;
  bool drop_missing = false;
};

/// Adds the table, --target, --inputs, --categorical, --weights-column and --drop-missing.
void add_data_options(CLI::App& parser, DataOptions& options, const std::string& target_help);

/// Throws InputError as read_table and make_dataset.
Dataset read_data(const DataOptions& options);

/// The samples of a table that has the model's inputs and targets, and the named column of weights, if any.
Dataset samples_for(const Model& model, const std::string& path, const std::string& weights = "");

}  // namespace moest::app
