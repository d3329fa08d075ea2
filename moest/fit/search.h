// All starts of a fit, whatever its loss.
#pragma once

#include <Eigen/Core>
#include <optional>

#include "moest/fit/control.h"
#include "moest/fit/multistart.h"
#include "moest/fit/options.h"
#include "moest/fit/problem.h"
#include "moest/fit/scaled_samples.h"

namespace moest {

/// run_starts() for squares. A robust loss has a scale: all starts are run with that of the targets
/// themselves, and then with that of the residuals of the best optimum so far, until it is the best again
/// (three times at most). The samples, on which the problem stands, keep the losses that were settled on.
MultistartResult search(ScaledSamples& samples, Problem& problem, const std::optional<Eigen::VectorXd>& given,
                        const FitOptions& options, const FitControl& control);

}  // namespace moest
