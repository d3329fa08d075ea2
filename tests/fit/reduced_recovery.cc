#include "tests/fit/reduced_recovery.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "moest/fit/active_set.h"
#include "moest/fit/problem.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// The squared distance of two experts, over all parameters that give the first one's function.
double squared_distance(const MixtureSpec& spec, const Eigen::VectorXd& eta, const Eigen::VectorXd& truth) {
  const bool is_even = spec.expert.kind == "polynomial" && spec.expert.degree % 2 == 0;
  if (spec.expert.kind != "ffn") {
    const double distance = (eta - truth).squaredNorm();
    return is_even ? std::min(distance, (eta + truth).squaredNorm()) : distance;
  }
  // Neurons may change places, and those of tanh their sign.
  const Eigen::Index size = spec.num_inputs + 2;
  std::vector<Eigen::Index> order(static_cast<std::size_t>(spec.expert.hidden));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (std::size_t m = 0; m < order.size(); ++m) {
      const auto own = eta.segment(order[m] * size, size);
      const auto wanted = truth.segment(static_cast<Eigen::Index>(m) * size, size);
      sum += std::min((own - wanted).squaredNorm(), (own + wanted).squaredNorm());
    }
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  const double offsets = eta[eta.size() - 1] - truth[truth.size() - 1];
  return least + offsets * offsets;
}

}  // namespace

MixtureSpec small_spec(const std::string& gate, const std::string& expert) {
  MixtureSpec spec;
  spec.gate.kind = gate;
  spec.expert.kind = expert;
  spec.expert.hidden = expert == "ffn" ? 2 : spec.expert.hidden;
  spec.num_inputs = 2;
  spec.num_experts = gate == "hierarchical" ? 4 : 2;
  return spec;
}

Eigen::VectorXd reduced(const MixtureChart& chart, const Eigen::VectorXd& theta) {
  const auto& sources = chart.kernel_sources();
  Eigen::VectorXd result(static_cast<Eigen::Index>(sources.size()));
  for (std::size_t p = 0; p < sources.size(); ++p) {
    const auto [plus, minus] = sources[p];
    result[static_cast<Eigen::Index>(p)] = theta[plus] - (minus < 0 ? 0.0 : theta[minus]);
  }
  return result;
}

double recovery_error(const MixtureChart& chart, const Eigen::VectorXd& theta, const Eigen::VectorXd& truth) {
  std::vector<int> ranks(static_cast<std::size_t>(chart.num_experts()));
  std::iota(ranks.begin(), ranks.end(), 0);
  const Eigen::VectorXd wanted = reduced(chart, truth);
  double least = std::numeric_limits<double>::infinity();
  do {
    const Arrangement order = arranged(chart.spec(), [&](std::span<const int> a, std::span<const int> b) {
      const auto rank = [&](std::span<const int> atoms) {
        return ranks[static_cast<std::size_t>(
            *std::min_element(atoms.begin(), atoms.end(), [&](int i, int j) {
              return ranks[static_cast<std::size_t>(i)] < ranks[static_cast<std::size_t>(j)];
            }))];
      };
      return rank(a) < rank(b);
    });
    const Eigen::VectorXd moved = chart.rearranged(chart, theta, order);
    double sum = (reduced(chart, moved) - wanted).squaredNorm();
    for (int i = 0; i < chart.num_experts(); ++i) {
      const auto eta = moved.segment(chart.expert_offset(i), chart.num_expert_parameters());
      const auto eta_true = truth.segment(chart.expert_offset(i), chart.num_expert_parameters());
      double gain = squared_distance(chart.spec(), eta, eta_true) - (eta - eta_true).squaredNorm();
      if (chart.spec().gate.kind == "sigmoid" && chart.spec().expert.kind == "sigmoid") {
        // Weight and expert are two sigmoids, and their product does not tell which is which.
        const auto gate = moved.segment(chart.gate_offset(i), eta.size());
        const auto gate_true = truth.segment(chart.gate_offset(i), eta.size());
        gain = std::min(0.0, (gate - eta_true).squaredNorm() + (eta - gate_true).squaredNorm() -
                                 (gate - gate_true).squaredNorm() - (eta - eta_true).squaredNorm());
      }
      sum += gain;
    }
    least = std::min(least, sum);
  } while (std::next_permutation(ranks.begin(), ranks.end()));
  return std::sqrt(least / static_cast<double>(wanted.size()));
}

double predicted_error(const TestProblem& test, double bound) {
  const MixtureChart chart(test.truth.spec, bound);
  const Eigen::VectorXd truth = chart.coordinates(test.truth.measure());
  const SampleBlocks samples = blocks_of(chart, test.data);
  Problem problem(test.truth.spec, bound, samples);
  NormalEquations equations;
  problem.linearise(truth, equations);
  const ActiveSet active(chart, truth, equations);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(active.reduced_gram());
  const double threshold = 1e-12 * solver.eigenvalues().maxCoeff();
  double sum = 0;
  Eigen::VectorXd direction;
  for (Eigen::Index j = 0; j < solver.eigenvalues().size(); ++j) {
    if (solver.eigenvalues()[j] > threshold) {
      active.expand_direction(solver.eigenvectors().col(j), direction);
      sum += reduced(chart, direction).squaredNorm() / solver.eigenvalues()[j];
    }
  }
  return test.noise_sd * std::sqrt(sum / static_cast<double>(chart.kernel_sources().size()));
}

}  // namespace moest
