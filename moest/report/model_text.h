// Models and fits as text for people.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>

#include "moest/data/table_summary.h"
#include "moest/fit/summary.h"
#include "moest/model/model.h"
#include "moest/model/predict.h"

namespace moest {

/// Where each expert leads (has the largest weight), for a model of one input over the inputs of a data set.
struct Regimes {
  std::vector<std::optional<std::pair<double, double>>> ranges;  // per expert; empty if it leads nowhere
};

/// inputs: n x 1; weights: n x k.
Regimes find_regimes(const Eigen::MatrixXd& inputs, const Eigen::MatrixXd& weights);

/// "softmax gate, 3 linear experts of 1 input (times)".
std::string model_title(const Model& model);

/// Formulas, options, provenance and coefficients of a model.
std::string describe_model(const Model& model);

/// The first member of an ensemble, and how many others there are.
std::string describe_ensemble(const Ensemble& ensemble);

/// One column per expert, one row per coefficient: in the data's units where gate or expert are closed under
/// the scaling (softmax gates; constant and linear experts), else in scaled units, which the row's name then
/// says.
std::string coefficient_table(const Model& model, const std::vector<double>& shares,
                              const std::optional<Regimes>& regimes);

/// The summary of a fit to `source`: what was fitted, how well, how surely, and the coefficients.
std::string fit_report(const std::string& source, const Model& model, const FitSummary& summary,
                       const std::optional<Regimes>& regimes);

/// One row per column of a table.
std::string describe_table(const Table& table, const std::vector<ColumnSummary>& columns);

}  // namespace moest
