// The experts of a fit beside each other, over the data that they were fitted to.
#pragma once

#include <Eigen/Core>
#include <utility>
#include <vector>

#include "moest/fit/problem.h"
#include "moest/model/model.h"

namespace moest {

/// Weighted sums over the samples, of one target, in units of its noise variance.
class ExpertSums {
 public:
  ExpertSums(const MixtureLayout& layout, const SampleBlocks& samples);

  void add(const BlockValues& values, int block, double noise_variance);

  /// Root mean square difference of two experts where they count.
  double difference(int i, int j) const;
  /// Root mean square deviation of an expert from the plane that fits it best where it counts.
  double curvature(int i) const;
  /// Sum of an expert's weights over the samples.
  double weight(int i) const { return weight_[i]; }
  /// Of the residuals, and of the experts around f: v = sum_i w_i (h_i - f)^2, per sample.
  const std::vector<double>& squares() const { return squares_; }
  const std::vector<double>& spreads() const { return spreads_; }

 private:
  // Features and a constant.
  Eigen::Index size() const { return set_.num_columns + 1; }

  const MixtureLayout& layout_;
  const SampleBlocks& samples_;
  FeatureSet set_;
  int k_;
  Eigen::MatrixXd difference_;  // below the diagonal
  Eigen::VectorXd weight_, square_;
  std::vector<Eigen::MatrixXd> design_;
  Eigen::MatrixXd product_;
  std::vector<double> squares_, spreads_;
};

/// Experts that the data do not need.
struct Redundancy {
  std::vector<std::pair<int, int>> coinciding;
  std::vector<int> empty;
};

/// All targets together. The problem's samples must outlive it.
class ExpertComparison {
 public:
  /// num_parameters, identifiable ones, fewer than there are residuals.
  ExpertComparison(Problem& problem, const Eigen::VectorXd& theta, double num_parameters);

  /// By target.
  const std::vector<ExpertSums>& sums() const { return sums_; }
  /// Whether two experts differ, where they count, or one differs from a plane, by less than a tenth of the
  /// noise's standard deviation in all targets; of n > 10^4 samples by less than a tenth times
  /// (10^4 / n)^(1/4), the rate at which experts that a truth does not need come together [NHR24].
  bool coincide(int i, int j) const;
  bool is_plane(int i) const;
  double num_own_samples(int i) const;
  double parameters_per_expert() const;
  /// Pairs that coincide, and experts with fewer samples' worth of weight than parameters and one.
  Redundancy redundancy() const;

 private:
  template <class Size>
  bool is_negligible(const Size& size_of) const;

  MixtureSpec spec_;
  double num_samples_;
  std::vector<double> noise_sd_;
  std::vector<ExpertSums> sums_;
};

}  // namespace moest
