// The table of a fit or a comparison, and which of its columns are what.
#pragma once

#include <string>

#include "app/command.h"
#include "moest/data/dataset.h"
#include "moest/model/simulate.h"

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

/// The columns behind a model's inputs: an indicator `column=level` stands for its categorical column.
void take_columns(const Model& model, DatasetOptions& columns);

/// A model and the table that it was fitted to.
struct ModelDataOptions {
  std::string model;
  std::string data;
  std::string weights;
  bool drop_missing = false;
};

/// Adds both, --weights-column and --drop-missing.
void add_model_data_options(CLI::App& parser, ModelDataOptions& options);

/// The samples of the fit. Throws InputError as read_table and make_dataset, and where the table has other
/// inputs (labels that the fit did not see, say).
Dataset samples_for(const Model& model, const ModelDataOptions& options);

}  // namespace moest::app
