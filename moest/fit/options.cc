#include "moest/fit/options.h"

#include "moest/model/student.h"

#include <array>

namespace moest {

namespace {

constexpr std::array<std::string_view, 3> kLosses{"squared", "huber", "cauchy"};
constexpr std::array<std::string_view, 2> kCovariances{"sandwich", "classical"};

}  // namespace

std::span<const Option<FitOptions>> fit_options() {
  static const std::array kOptions{
      Option<FitOptions>{
          "starts", &FitOptions::starts, 0, 1e6, "",
          "number of starts, half by greedy splitting and half random; by default rounds of starts "
          "are added until the best optimum has been found several times"},
      Option<FitOptions>{"bound", &FitOptions::bound, 1e-3, 1e6, "",
                         "bound on every gate and expert coordinate and bias, in scaled coordinates"},
      Option<FitOptions>{
          "tolerance", &FitOptions::tolerance, 1e-14, 1e3, "noise variances",
          "a start has converged when two iterations in a row decrease the residual sum of squares "
          "by less than this"},
      Option<FitOptions>{"max_iterations", &FitOptions::max_iterations, 1, 1e9, "", "iterations per start"},
      Option<FitOptions>{"max_seconds", &FitOptions::max_seconds, 1e-3, 1e9, "s",
                         "end after this time with the best fit so far; no limit by default"},
      Option<FitOptions>{"scaling", &FitOptions::scaling, 0, 1, "",
                         "fit on standardised inputs and target; the scaling is stored in the model"},
      Option<FitOptions>{"acceleration", &FitOptions::acceleration, 0, 1, "",
                         "go on with the exact Hessian where plain Levenberg-Marquardt is slow"},
      Option<FitOptions>{"abandoning", &FitOptions::abandoning, 0, 1, "",
                         "end a start early when it can hardly reach the best one any more"},
      Option<FitOptions>{
          "greedy", &FitOptions::greedy, 0, 1, "",
          "half of the starts by greedy splitting, which finds more but takes long where there "
          "are many experts; the others are random"},
      Option<FitOptions>{"loss", &FitOptions::loss, 0, 0, "",
                         "what a residual costs: with huber and cauchy, outliers count less", kLosses},
      Option<FitOptions>{"ridge", &FitOptions::ridge, 0, 1e9, "squared units of the scaled target",
                         "penalty on the squared parameters of gates and experts: better predictions where "
                         "data are few, but no standard errors"},
      Option<FitOptions>{"ensemble", &FitOptions::ensemble, 1, 1000, "",
                         "number of distinct optima, the best ones, whose predictions are averaged"},
      Option<FitOptions>{"clipping", &FitOptions::clipping, 0, 1, "",
                         "the model predicts nothing beyond the range that a target has in the data, as "
                         "lines do where the data end"},
      Option<FitOptions>{"confidence", &FitOptions::confidence, kLeastConfidence, kMostConfidence, "",
                         "that of the intervals of the coefficients"},
      Option<FitOptions>{"covariance", &FitOptions::covariance, 0, 0, "",
                         "standard errors that hold for uneven noise and a truth that is no such mixture, or "
                         "only for even noise",
                         kCovariances},
      Option<FitOptions>{"seed", &FitOptions::seed, 0, 1.8446744073709552e19, "",
                         "same seed, same result, for any number of threads, on one instruction set"},
      Option<FitOptions>{"threads", &FitOptions::threads, 0, 4096, "", "number of threads, 0 for all cores"},
  };
  return kOptions;
}

}  // namespace moest
