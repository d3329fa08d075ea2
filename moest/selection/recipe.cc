#include "moest/selection/recipe.h"

#include <array>
#include <utility>

namespace moest {
namespace {

constexpr Eigen::Index kManySamples = 5000;
constexpr Eigen::Index kVeryManySamples = 20'000;

}  // namespace

std::span<const Option<ComparisonOptions>> comparison_options() {
  using Options = ComparisonOptions;
  static const std::array kOptions{
      Option<Options>{"folds", &Options::folds, 2, 1e6, "",
                      "folds of the cross-validation; by default 10, of 5000 rows or more 3"},
      Option<Options>{"starts", &Options::starts, 1, 1e6, "",
                      "starts of each fit in a fold; by default 4, of 20,000 or "
                      "more 2"},
      Option<Options>{"final_starts", &Options::final_starts, 1, 1e6, "",
                      "starts of the fits to all rows for learning; by default 24, of 5000 rows or more "
                      "12, of 20,000 or more 6"},
      Option<Options>{"ensemble", &Options::ensemble, 1, 1000, "",
                      "the most distinct optima of a fit that are averaged; how many do best is found out"},
      Option<Options>{"tolerance", &Options::tolerance, 1e-14, 1e3, "noise variances",
                      "a start has converged when two iterations in a row decrease the objective by less; by "
                      "default 0.1, of 20,000 rows or more 5"},
      Option<Options>{"max_iterations", &Options::max_iterations, 1, 1e9, "", "iterations per start"},
      Option<Options>{"dropping", &Options::dropping, 0, 1, "",
                      "leave out of the later folds what is clearly worse than the best, and ridges that do "
                      "worse than another"},
      Option<Options>{
          "repeats_together", &Options::repeats_together, 0, 1, "",
          "rows with the same inputs go into one fold: right where they are copies of each other"},
      Option<Options>{"blending", &Options::blending, 0, 1, "",
                      "average the models of several rows in the end where that does better in the folds"},
      Option<Options>{"clipping", &Options::clipping, 0, 1, "",
                      "no model predicts beyond the range that the target has in the rows it learned from"},
      Option<Options>{"seed", &Options::seed, 0, 1.8446744073709552e19, "",
                      "same seed, same folds and same fits, for any number of threads"},
      Option<Options>{"threads", &Options::threads, 0, 4096, "", "number of threads, 0 for all cores"},
  };
  return kOptions;
}

Grid default_grid(Eigen::Index num_samples) {
  ExpertSpec tanh;
  tanh.kind = "tanh";
  tanh.output_weight = true;
  const bool many = num_samples >= kManySamples;
  std::vector<double> ridges{0, 0.003, 0.03, 0.3};
  if (num_samples >= kVeryManySamples) {
    ridges = {0.003};
  } else if (many) {
    ridges = {0, 0.03};
  }
  return {{GateSpec{}}, {ExpertSpec{}, tanh}, {1, 2, 4, 8, 16, many ? 32 : 24}, std::move(ridges)};
}

ComparisonOptions with_default_effort(ComparisonOptions options, Eigen::Index num_samples) {
  const bool very_many = num_samples >= kVeryManySamples;
  const bool many = num_samples >= kManySamples;
  options.folds = options.folds.value_or(many ? 3 : 10);
  options.starts = options.starts.value_or(very_many ? 2 : 4);
  options.final_starts = options.final_starts.value_or(very_many ? 6 : many ? 12 : 24);
  options.tolerance = options.tolerance.value_or(very_many ? 5 : 0.1);
  return options;
}

}  // namespace moest
