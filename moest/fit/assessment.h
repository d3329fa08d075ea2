// What can be said of the optimum that a fit found, and of the way to it.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/fit/multistart.h"
#include "moest/fit/options.h"
#include "moest/fit/problem.h"
#include "moest/fit/scaled_samples.h"
#include "moest/fit/summary.h"

namespace moest {

/// theta with its experts in the order in which a reader meets them: along the first input when there is only
/// one, else by their share of the data, and as they are where constraints name some. `shares` becomes their
/// mean weights over the samples.
Eigen::VectorXd ordered(Problem& problem, const Eigen::VectorXd& theta, const Dataset& data,
                        std::vector<double>& shares);

/// In scaled units, of all targets: the objective over the residuals that no parameter takes.
double noise_variance(const Problem& problem, const LocalFit& best, const FitSummary& summary);

/// Fills in all of the summary but what comes from a second fit (the single expert), inference, the ensemble
/// and the clock. Returns the best optimum, ordered. There is one: result.best >= 0.
Eigen::VectorXd assess(const MultistartResult& result, const Dataset& data, const ScaledSamples& samples,
                       Problem& problem, const FitOptions& options, FitSummary& summary);

}  // namespace moest
