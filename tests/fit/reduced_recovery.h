// How close an estimate comes to the truth in the coordinates that the data determine.
#pragma once

#include <Eigen/Core>
#include <string>

#include "moest/model/chart.h"
#include "tests/fit/test_problems.h"

namespace moest {

/// Two inputs and two experts, of the hierarchical gate two groups of two; two neurons for each network.
MixtureSpec small_spec(const std::string& gate, const std::string& expert);

/// theta without its gauges: the gates relative to the reference of each softmax.
Eigen::VectorXd reduced(const MixtureChart& chart, const Eigen::VectorXd& theta);

/// Root mean square over the reduced coordinates, the experts (and the neurons of a network) in the order,
/// and with the signs, that make it least.
double recovery_error(const MixtureChart& chart, const Eigen::VectorXd& theta, const Eigen::VectorXd& truth);

/// Root mean square of the standard errors of the reduced coordinates: from sigma^2 (J'J)^-1 at the truth, in
/// the directions that are free there.
double predicted_error(const TestProblem& test, double bound);

}  // namespace moest
