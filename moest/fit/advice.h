// What a fit tells its user to look at.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "moest/fit/expert_comparison.h"
#include "moest/fit/summary.h"

namespace moest {

/// One sentence for each thing about an optimum that a careful statistician would mention, with the
/// option that would help:
/// - an expert with fewer samples' worth of weight than parameters;
/// - two experts that differ, where they count, by less than a tenth of the noise's standard deviation;
/// - experts other than linear ones that are a plane over their data, up to a tenth of the noise: neurons in
///   their linear range;
/// - for either of the first two, that parameters of experts which are not needed converge slowly or not at
///   all with this gate and expert (see known_verdict());
/// - a scale that raw gate parameters have and the function has not (see has_scale_gauge());
/// - an optimum that a single start found;
/// - with squared loss, residuals of a kurtosis above 10 (3 if they are normal): outliers;
/// - residuals whose squares grow with the spread of the experts, v(x) = sum_i w_i (h_i - f)^2, as they do
///   where each sample belongs to one expert and not where the mean is the mixture: regressed on v they have
///   a slope above four of its standard errors, and v explains a tenth of their mean.
///
/// The summary is complete but for its advice. Nothing is said of what the summary says anyway (bounds,
/// rank).
std::vector<std::string> advice_on(const ExpertComparison& comparison, const MixtureSpec& spec,
                                   const FitSummary& summary);

}  // namespace moest
