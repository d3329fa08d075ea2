// Data drawn from a model.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/model/model.h"

namespace moest {

/// Distribution of each input, independently: uniform on [first, second) or normal with mean first and
/// standard deviation second.
struct InputDistribution {
  enum class Kind { uniform, normal };

  Kind kind = Kind::uniform;
  double first = -1;
  double second = 1;
};

/// The law that `text` names: "uniform:-1,1", "normal:0,1". Throws InputError.
InputDistribution parse_distribution(const std::string& text);

/// `num_samples` x `num_inputs` numbers of the law, row by row.
Eigen::MatrixXd draw_inputs(const InputDistribution& distribution, Eigen::Index num_samples, int num_inputs,
                            Stream& stream);

/// Adds noise_sd[j] * N(0, 1) to column j, independently, row by row from the stream (seed, 0, "simulated
/// noise"), and returns the sums of the squares of what was added, by column.
Eigen::VectorXd add_noise(Eigen::MatrixXd& target, std::span<const double> noise_sd, std::uint64_t seed);

struct SimulatedData {
  Eigen::MatrixXd inputs;    // n x d
  Eigen::MatrixXd target;    // n x m
  Eigen::VectorXd noise_sq;  // m: sums of the squares of what was added to f(X)
};

/// Draws X from `distribution` and Y = f(X) + noise_sd * N(0, 1), all in the data's units, independently for
/// each target, noise_sd a number per target. The bits depend on
/// the model, n, distribution, noise_sd and seed alone.
SimulatedData simulate(const Model& model, Eigen::Index num_samples, const InputDistribution& distribution,
                       const std::vector<double>& noise_sd, std::uint64_t seed, int num_threads);

}  // namespace moest
