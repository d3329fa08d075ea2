#include "moest/fit/advice.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"

namespace moest {
namespace {

/// A difference of so many standard deviations of the noise is none.
constexpr double kNegligible = 0.1;

/// Weighted sums over the samples, of one target, in units of its noise variance.
class ExpertSums {
 public:
  ExpertSums(const MixtureLayout& layout, const SampleBlocks& samples)
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

  void add(const BlockValues& values, int block, double noise_variance) {
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

  /// Root mean square difference of two experts where they count.
  double difference(int i, int j) const {
    return std::sqrt(difference_(std::max(i, j), std::min(i, j)) / (weight_[i] + weight_[j]));
  }
  /// Root mean square deviation of an expert from the plane that fits it best where it counts.
  double curvature(int i) const {
    const Eigen::VectorXd product = product_.col(i);
    const Eigen::VectorXd plane = design_[static_cast<std::size_t>(i)].ldlt().solve(product);
    return std::sqrt(std::max(0.0, square_[i] - plane.dot(product)) / weight_[i]);
  }
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
  std::vector<double> squares_, spreads_;  // of the residuals, and v, per sample
};

/// Slope of y on x with a constant, and its standard error for noise of any variance.
struct Slope {
  double value, standard_error;
};

Slope regress(const Eigen::ArrayXd& x, const Eigen::ArrayXd& y) {
  const Eigen::ArrayXd centred = x - x.mean();
  const double sum_sq = centred.square().sum();
  if (!(sum_sq > 0)) {
    return {0, 1};
  }
  const double slope = (centred * y).sum() / sum_sq;
  const Eigen::ArrayXd errors = y - y.mean() - slope * centred;
  return {slope, std::sqrt((centred * errors).square().sum()) / sum_sq};
}

Eigen::Map<const Eigen::ArrayXd> as_array(const std::vector<double>& values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}

/// The kurtosis of the residuals, 3 of normal ones, is beyond kLeastKurtosis.
bool has_outliers(const ExpertSums& of) {
  constexpr double kLeastKurtosis = 10;
  const auto squares = as_array(of.squares());
  return squares.square().mean() > kLeastKurtosis * squares.mean() * squares.mean();
}

/// The spread of the experts explains a part of the squared residuals, and that is no chance.
bool looks_like_latent_classes(const ExpertSums& of) {
  constexpr double kLeastPart = 0.1;
  constexpr double kSurely = 4;
  const auto spreads = as_array(of.spreads());
  const auto squares = as_array(of.squares());
  const Slope slope = regress(spreads, squares);
  return slope.value * spreads.mean() > kLeastPart * squares.mean() &&
         slope.value > kSurely * slope.standard_error;
}

std::string numbered_list(const std::vector<int>& experts) {
  std::vector<std::string> names;
  names.reserve(experts.size());
  for (const int expert : experts) {
    names.push_back(std::to_string(expert + 1));
  }
  return fmt::format("{} {}", experts.size() > 1 ? "experts" : "expert", listed(names));
}

}  // namespace

std::vector<std::string> advice_on(Problem& problem, const Eigen::VectorXd& theta,
                                   const FitSummary& summary) {
  const MixtureSpec& spec = problem.chart().spec();
  const int k = spec.num_experts;
  const SampleBlocks& samples = problem.samples();
  std::vector<std::string> advice;
  if (k == 1 || summary.noise_variance.empty() || !(summary.rss > 0)) {
    return advice;
  }
  const std::vector<double> rss = problem.residual_sums_of_squares(theta);
  const auto n = static_cast<double>(samples.num_samples());
  const double degrees = n - static_cast<double>(summary.num_identifiable_parameters) / spec.num_outputs;
  std::vector<ExpertSums> sums;
  std::vector<double> noise_sd;
  for (int output = 0; output < spec.num_outputs; ++output) {
    const double variance = rss[static_cast<std::size_t>(output)] / degrees;
    noise_sd.push_back(std::sqrt(variance));
    sums.emplace_back(problem.chart().layouts()[static_cast<std::size_t>(output)], samples);
    for (int block = 0; block < samples.num_blocks(); ++block) {
      sums.back().add(problem.evaluate(theta, block, output), block, variance);
    }
  }
  const auto negligible = [&](const auto& size_of) {
    for (std::size_t output = 0; output < sums.size(); ++output) {
      if (!(size_of(sums[output]) < kNegligible * noise_sd[output])) {
        return false;
      }
    }
    return true;
  };

  const std::string fewer = fmt::format("try --experts {}", k - 1);
  bool is_over_specified = false;
  const double parameters_per_expert = static_cast<double>(num_expert_parameters(spec)) / spec.num_outputs;
  for (int i = 0; i < k; ++i) {
    const double num_own = summary.expert_shares[static_cast<std::size_t>(i)] * n;
    if (num_own < parameters_per_expert + 1) {
      is_over_specified = true;
      advice.push_back(fmt::format("{} has the weight of {:.2g} samples for {:.2g} parameters: {}",
                                   numbered_list({i}), num_own, parameters_per_expert, fewer));
    }
    for (int j = 0; j < i; ++j) {
      if (negligible([&](const ExpertSums& of) { return of.difference(i, j); })) {
        is_over_specified = true;
        advice.push_back(
            fmt::format("{} give the same values, up to a tenth of the noise, where they count: {}",
                        numbered_list({j, i}), fewer));
      }
    }
  }
  const ExpertKind& kind = expert_kind(spec.expert.kind);
  if (is_over_specified && !kind.is_strongly_identifiable) {
    advice.push_back(
        fmt::format("with {} experts, the parameters of an expert that the data do not need may not converge "
                    "at all, however much data there is; predictions do (NHR24, NHR25)",
                    spec.expert.kind));
  }
  std::vector<int> planes;
  for (int i = 0; i < k && kind.uses_inputs && spec.expert.kind != "linear"; ++i) {
    if (negligible([&](const ExpertSums& of) { return of.curvature(i); })) {
      planes.push_back(i);
    }
  }
  if (!planes.empty()) {
    advice.push_back(fmt::format(
        "{} {} linear over {} data, up to a tenth of the noise: compare with --expert linear",
        numbered_list(planes), planes.size() > 1 ? "are" : "is", planes.size() > 1 ? "their" : "its"));
  }
  if (summary.agreeing_starts == 1 && summary.starts.size() > 1) {
    advice.push_back(
        fmt::format("a single start found this optimum: --starts {} would tell whether there is a lower one",
                    4 * summary.starts.size()));
  }
  if (summary.options.loss == "squared" && std::any_of(sums.begin(), sums.end(), has_outliers)) {
    advice.emplace_back(
        "a few residuals are far larger than the others: compare with --loss huber, where they count less");
  }
  if (std::any_of(sums.begin(), sums.end(), looks_like_latent_classes)) {
    advice.emplace_back(
        "residuals are larger where the experts differ, as if each sample belonged to one of them: for such "
        "data a latent-class mixture (fitted by EM) is the right model, and this one gives its mean only");
  }
  return advice;
}

}  // namespace moest
