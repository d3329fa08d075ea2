// Levenberg-Marquardt on the normal equations or the exact Hessian, inside the regions of a chart.
#pragma once

#include <Eigen/Core>
#include <limits>

#include "moest/fit/control.h"
#include "moest/fit/problem.h"

namespace moest {

struct LocalOptions {
  double tolerance = 1e-6;  // in units of objective / n, see below
  int max_iterations = 500;
  bool acceleration = true;  // false: plain Levenberg-Marquardt, H = J'J and straight steps
  double worst_objective =
      std::numeric_limits<double>::infinity();  // to end above is not worth the iterations
};

struct LocalFit {
  Eigen::VectorXd theta;
  double objective = 0;
  int iterations = 0;
  FitStatus status = FitStatus::failed;
  // What a continuation needs.
  double lambda = 1e-3;
  Curvature curvature = Curvature::gauss_newton;
};

/// Minimises problem's objective from `start`, which must lie in the regions. Each iteration solves
///
///     (A + lambda I) y = D^-1/2 J'e,   A = D^-1/2 H D^-1/2,   step = D^-1/2 y
///
/// with D = diag(J'J), no entry below a hundredth of the largest that it has had,
/// by Cholesky in the free directions of the active set (there D is made from diag(J'J) by dropping what is
/// not diagonal after a rotation, and from the sum of the other gates' entries for the anchored one); a step
/// that leaves a box is cut at the bound and solved again for the rest, one that leaves a ball is projected.
/// lambda starts at 1e-3 and follows Nielsen's update (1999); it also grows until the matrix is positive
/// definite.
///
/// H = J'J (Gauss, Newton) at first. Where the data hardly tell experts apart, J'J is nearly singular, what
/// it leaves out decides, and it takes hundreds of steps. So, once five iterations in a row have each lowered
/// the objective by less than a tenth, H = J'J - sum e D^2 f, half its Hessian. With it the step becomes
/// step + a / 2, (H + lambda D) a = -J'f'', f'' the second derivative of f along the step, if 2 a is no
/// longer than 3/4 of the step: the correction that makes a step with J'J accurate to second order (geodesic
/// acceleration: Transtrum and Sethna, arXiv 1201.5885); with the exact Hessian it is a heuristic, which pays
/// by measurement (docs/performance.md).
///
/// Converged: in two consecutive iterations both the predicted and the actual decrease were below
/// tolerance * objective / n, or it is zero up to rounding. It never increases.
///
/// Abandoned: the objective would end above worst_objective even if each iteration that is left, 500 at most,
/// lowered it twenty times as much as its last ten steps did on average. That bounds the attainable decrease
/// unless decreases grow beyond.
LocalFit minimise(Problem& problem, const Eigen::VectorXd& start, const LocalOptions& options,
                  Monitor& monitor);
/// Goes on where `earlier`, of the same problem or of other samples, ended: its iterations are counted.
LocalFit resume(Problem& problem, const LocalFit& earlier, const LocalOptions& options, Monitor& monitor);

}  // namespace moest
