// Coefficients of models and fits as tables for people.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "moest/fit/bootstrap.h"
#include "moest/fit/inference.h"
#include "moest/model/coefficients.h"
#include "moest/model/model.h"
#include "moest/report/text_table.h"

namespace moest {

/// Where each expert leads (has the largest weight), for a model of one input over the inputs of a data set.
struct Regimes {
  std::vector<std::optional<std::pair<double, double>>> ranges;  // per expert; empty if it leads nowhere
};

/// inputs: n x 1; weights: n x k.
Regimes find_regimes(const Eigen::MatrixXd& inputs, const Eigen::MatrixXd& weights);

/// "expert 1: a_x", followed by " (scaled)" where it is.
std::string coefficient_name(const Coefficient& coefficient);

/// Of each expert: its group, its share of the data, and where it leads.
TextTable overview(const Model& model, const std::vector<double>& shares,
                   const std::optional<Regimes>& regimes);

/// One column per expert, one row per coefficient: in the data's units where gate or expert are closed under
/// the scaling (softmax gates; constant and linear experts), else in scaled units, which the row's name then
/// says.
std::string coefficient_table(const Model& model, const std::vector<double>& shares,
                              const std::optional<Regimes>& regimes);

/// One row per coefficient: how sure it is. References, which are 0 by convention, are left out.
std::string estimates_table(const std::vector<CoefficientEstimate>& estimates, double confidence);

/// The same over the replicates of a bootstrap, and what is to be said of these.
std::string bootstrap_report(const std::string& source, const Model& model, const Bootstrap& bootstrap);

}  // namespace moest
