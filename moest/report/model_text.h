// Models and fits as text for people.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>

#include "moest/data/table_summary.h"
#include "moest/fit/summary.h"
#include "moest/model/model.h"
#include "moest/report/coefficient_text.h"

namespace moest {

/// "softmax gate, 3 linear experts of 1 input (times)".
std::string model_title(const Model& model);

/// Formulas, options, provenance and coefficients of a model.
std::string describe_model(const Model& model);

/// The first member of an ensemble, and how many others there are.
std::string describe_ensemble(const Ensemble& ensemble);

/// The summary of a fit to `source`: what was fitted, how well, how surely, and the coefficients.
std::string fit_report(const std::string& source, const Model& model, const FitSummary& summary,
                       const std::optional<Regimes>& regimes);

/// One row per column of a table.
std::string describe_table(const Table& table, const std::vector<ColumnSummary>& columns);

}  // namespace moest
