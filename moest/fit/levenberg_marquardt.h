// Levenberg-Marquardt on the normal equations, inside the regions of a chart.
#pragma once

#include <Eigen/Core>

#include "moest/fit/control.h"
#include "moest/fit/problem.h"

namespace moest {

struct LocalOptions {
  double tolerance = 1e-6;  // in units of RSS / n, see below
  int max_iterations = 500;
};

struct LocalFit {
  Eigen::VectorXd theta;
  double rss = 0;
  int iterations = 0;
  FitStatus status = FitStatus::failed;
};

/// Minimises problem's RSS from `start`, which must lie in the regions. Each iteration solves
///
///     (A + lambda I) y = D^-1/2 J'e,   A = D^-1/2 J'J D^-1/2,   D = diag(J'J),   step = D^-1/2 y
///
/// by Cholesky in the free directions of the active set; a step that leaves a box is cut at the bound and
/// solved again for the rest, one that leaves a ball is projected. lambda starts at 1e-3 and follows
/// Nielsen's update (1999). Converged: in two consecutive iterations both the predicted and the actual
/// decrease of RSS were below tolerance * RSS / n, or RSS is zero up to rounding. RSS never increases.
LocalFit minimise(Problem& problem, const Eigen::VectorXd& start, const LocalOptions& options,
                  Monitor& monitor);

}  // namespace moest
