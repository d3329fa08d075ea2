#include "moest/fit/expert_comparison.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "moest/base/error.h"

namespace moest {

ExpertSums::ExpertSums(const MixtureLayout& layout, const SampleBlocks& samples)
    : layout_(layout),
      samples_(samples),
      set_(layout.feature_sets[static_cast<std::size_t>(
          layout.experts.front().neurons.front().inner.feature_set)]),
      k_(layout.num_experts()),
      difference_(Eigen::MatrixXd::Zero(k_, k_)),
      weight_(Eigen::VectorXd::Zero(k_)),
      square_(Eigen::VectorXd::Zero(k_)),
      design_(static_cast<std::size_t>(k_), Eigen::MatrixXd::Zero(size(), size())),
      product_(Eigen::MatrixXd::Zero(size(), k_)) {}

void ExpertSums::add(const BlockValues& values, int block, double noise_variance) {
  const int count = samples_.block_samples(block);
  const auto run = [&](const double* numbers) { return Eigen::Map<const Eigen::ArrayXd>(numbers, count); };
  Eigen::MatrixXd features = Eigen::MatrixXd::Ones(count, size());
  for (int j = 0; j < set_.num_columns; ++j) {
    features.col(j) = run(samples_.feature(block, set_.first_column + j));
  }
  const Eigen::ArrayXd mean = run(values.mean);
  const Eigen::ArrayXd error =
      (run(samples_.root_weight(block)) * (run(samples_.target(block, layout_.target)) - mean)).square() /
      noise_variance;
  Eigen::ArrayXd spread = Eigen::ArrayXd::Zero(count);
  for (int i = 0; i < k_; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Eigen::ArrayXd weight = run(values.weights[at]);
    const Eigen::ArrayXd value = run(values.experts[at]);
    spread += weight * (value - mean).square() / noise_variance;
    weight_[i] += weight.sum();
    square_[i] += (weight * value.square()).sum();
    design_[at].noalias() += features.transpose() * weight.matrix().asDiagonal() * features;
    for (Eigen::Index j = 0; j < size(); ++j) {
      product_(j, i) += (features.col(j).array() * weight * value).sum();
    }
    for (int j = 0; j < i; ++j) {
      const auto other = static_cast<std::size_t>(j);
      difference_(i, j) +=
          ((weight + run(values.weights[other])) * (value - run(values.experts[other])).square()).sum();
    }
  }
  spreads_.insert(spreads_.end(), spread.begin(), spread.end());
  squares_.insert(squares_.end(), error.begin(), error.end());
}

double ExpertSums::difference(int i, int j) const {
  return std::sqrt(difference_(std::max(i, j), std::min(i, j)) / (weight_[i] + weight_[j]));
}

double ExpertSums::curvature(int i) const {
  const Eigen::VectorXd product = product_.col(i);
  const Eigen::VectorXd plane = design_[static_cast<std::size_t>(i)].ldlt().solve(product);
  return std::sqrt(std::max(0.0, square_[i] - plane.dot(product)) / weight_[i]);
}

ExpertComparison::ExpertComparison(Problem& problem, const Eigen::VectorXd& theta, double num_parameters)
    : spec_(problem.chart().spec()), num_samples_(static_cast<double>(problem.samples().num_samples())) {
  const SampleBlocks& samples = problem.samples();
  const double degrees = num_samples_ - num_parameters / spec_.num_outputs;
  const std::vector<double> rss = problem.residual_sums_of_squares(theta);
  MOEST_EXPECT(degrees > 0);
  for (int output = 0; output < spec_.num_outputs; ++output) {
    const double variance = rss[static_cast<std::size_t>(output)] / degrees;
    noise_sd_.push_back(std::sqrt(variance));
    sums_.emplace_back(problem.chart().layouts()[static_cast<std::size_t>(output)], samples);
    for (int block = 0; block < samples.num_blocks(); ++block) {
      sums_.back().add(problem.evaluate(theta, block, output), block, variance);
    }
  }
}

template <class Size>
bool ExpertComparison::is_negligible(const Size& size_of) const {
  constexpr double kNegligible = 0.1;
  constexpr double kManySamples = 1e4;
  const double share = kNegligible * std::pow(std::min(1.0, kManySamples / num_samples_), 0.25);
  for (std::size_t output = 0; output < sums_.size(); ++output) {
    if (!(size_of(sums_[output]) < share * noise_sd_[output])) {
      return false;
    }
  }
  return true;
}

bool ExpertComparison::coincide(int i, int j) const {
  return is_negligible([&](const ExpertSums& of) { return of.difference(i, j); });
}

bool ExpertComparison::is_plane(int i) const {
  return is_negligible([&](const ExpertSums& of) { return of.curvature(i); });
}

double ExpertComparison::parameters_per_expert() const {
  return static_cast<double>(num_expert_parameters(spec_)) / spec_.num_outputs;
}

double ExpertComparison::num_own_samples(int i) const { return sums_.front().weight(i); }

Redundancy ExpertComparison::redundancy() const {
  Redundancy found;
  for (int i = 0; i < spec_.num_experts; ++i) {
    if (num_own_samples(i) < parameters_per_expert() + 1) {
      found.empty.push_back(i);
    }
    for (int j = 0; j < i; ++j) {
      if (coincide(i, j)) {
        found.coinciding.emplace_back(j, i);
      }
    }
  }
  return found;
}

}  // namespace moest
