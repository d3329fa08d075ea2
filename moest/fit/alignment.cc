#include "moest/fit/alignment.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "moest/model/assignment.h"
#include "moest/model/groups.h"
#include "moest/model/symmetries.h"

namespace moest {
namespace {

/// Weights of the experts and their values at all samples, n x k.
struct Values {
  Eigen::MatrixXd weights, experts;
};

Values values_at(Problem& problem, const Eigen::VectorXd& theta, int target) {
  const SampleBlocks& samples = problem.samples();
  const Eigen::Index k = problem.chart().num_experts();
  Values all{Eigen::MatrixXd(samples.num_samples(), k), Eigen::MatrixXd(samples.num_samples(), k)};
  for (int block = 0; block < samples.num_blocks(); ++block) {
    const BlockValues& values = problem.evaluate(theta, block, target);
    const Eigen::Index first = Eigen::Index{block} * kBlockSize;
    const int size = samples.block_samples(block);
    for (Eigen::Index i = 0; i < k; ++i) {
      const auto run = [&](const std::vector<const double*>& of) {
        return Eigen::Map<const Eigen::VectorXd>(of[static_cast<std::size_t>(i)], size);
      };
      all.weights.col(i).segment(first, size) = run(values.weights);
      all.experts.col(i).segment(first, size) = run(values.experts);
    }
  }
  return all;
}

double variance_of_target(const SampleBlocks& samples, int target) {
  double sum = 0;
  double squares = 0;
  for (int block = 0; block < samples.num_blocks(); ++block) {
    const Eigen::Map<const Eigen::VectorXd> values(samples.target(block, target),
                                                   samples.block_samples(block));
    sum += values.sum();
    squares += values.squaredNorm();
  }
  const auto n = static_cast<double>(samples.num_samples());
  const double variance = squares / n - sum * sum / (n * n);
  return variance > 0 ? variance : 1;
}

/// Row i for expert i of the reference, column j for expert j of theta.
Eigen::MatrixXd costs(Problem& problem, const Eigen::VectorXd& theta, const Eigen::VectorXd& reference) {
  const Eigen::Index k = problem.chart().num_experts();
  Eigen::MatrixXd cost = Eigen::MatrixXd::Zero(k, k);
  for (int target = 0; target < problem.samples().num_targets(); ++target) {
    const Values own = values_at(problem, theta, target);
    const Values wanted = values_at(problem, reference, target);
    const double variance = variance_of_target(problem.samples(), target);
    for (Eigen::Index i = 0; i < k; ++i) {
      for (Eigen::Index j = 0; j < k; ++j) {
        const auto w = wanted.weights.col(i).array();
        const auto v = own.weights.col(j).array();
        const auto difference = wanted.experts.col(i).array() - own.experts.col(j).array();
        cost(i, j) += ((w + v) / 2 * difference.square()).mean() / variance;
        cost(i, j) += target == 0 ? (w - v).square().mean() : 0.0;
      }
    }
  }
  return cost;
}

double total(const Eigen::MatrixXd& cost, const std::vector<int>& order) {
  double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sum += cost(static_cast<Eigen::Index>(i), order[i]);
  }
  return sum;
}

/// Groups of equal size, and the experts in each, by the experts' costs.
Arrangement arrangement_of(const MixtureSpec& spec, const Eigen::MatrixXd& cost) {
  const std::vector<int> sizes = group_sizes(spec);
  if (sizes.empty()) {
    return {assign(cost), {}};
  }
  std::vector<int> firsts(sizes.size(), 0);
  std::partial_sum(sizes.begin(), sizes.end() - 1, firsts.begin() + 1);
  const auto count = static_cast<Eigen::Index>(sizes.size());
  const auto block = [&](Eigen::Index g, Eigen::Index h) -> Eigen::MatrixXd {
    const auto own = static_cast<std::size_t>(g);
    return cost.block(firsts[own], firsts[static_cast<std::size_t>(h)], sizes[own], sizes[own]);
  };
  const double forbidden = 1 + cost.sum();
  Eigen::MatrixXd of_groups = Eigen::MatrixXd::Constant(count, count, forbidden);
  for (Eigen::Index g = 0; g < count; ++g) {
    for (Eigen::Index h = 0; h < count; ++h) {
      if (sizes[static_cast<std::size_t>(g)] == sizes[static_cast<std::size_t>(h)]) {
        of_groups(g, h) = total(block(g, h), assign(block(g, h)));
      }
    }
  }
  Arrangement result{{}, assign(of_groups)};
  for (Eigen::Index g = 0; g < count; ++g) {
    const int h = result.groups[static_cast<std::size_t>(g)];
    for (const int atom : assign(block(g, h))) {
      result.atoms.push_back(firsts[static_cast<std::size_t>(h)] + atom);
    }
  }
  return result;
}

}  // namespace

Eigen::VectorXd aligned(Problem& problem, const Eigen::VectorXd& theta, const Eigen::VectorXd& reference) {
  const MixtureChart& chart = problem.chart();
  if (!chart.constraints().empty()) {
    return theta;
  }
  Eigen::VectorXd result =
      chart.rearranged(chart, theta, arrangement_of(chart.spec(), costs(problem, theta, reference)));
  const auto size = static_cast<std::size_t>(chart.num_expert_parameters());
  for (int i = 0; i < chart.num_experts(); ++i) {
    double* own = result.data() + chart.expert_offset(i);
    const double* wanted = reference.data() + chart.expert_offset(i);
    const std::vector<double> nearest = nearest_equivalent(chart.spec(), {own, own + size}, {wanted, size});
    std::copy(nearest.begin(), nearest.end(), own);
  }
  return result;
}

}  // namespace moest
