#include "moest/fit/advice.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/theory/gauges.h"
#include "moest/theory/verdict.h"

namespace moest {
namespace {

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

/// Experts without data, and experts that coincide.
void tell_of_redundancy(const ExpertComparison& comparison, const MixtureSpec& spec,
                        std::vector<std::string>& advice) {
  const std::string fewer = fmt::format("try --experts {}", spec.num_experts - 1);
  const Redundancy redundancy = comparison.redundancy();
  for (const int i : redundancy.empty) {
    advice.push_back(fmt::format("{} has the weight of {:.2g} samples for {:.2g} parameters: {}",
                                 numbered_list({i}), comparison.num_own_samples(i),
                                 comparison.parameters_per_expert(), fewer));
  }
  for (const auto& [i, j] : redundancy.coinciding) {
    advice.push_back(fmt::format("{} give the same values, up to a tenth of the noise, where they count: {}",
                                 numbered_list({i, j}), fewer));
  }
  const Verdict verdict = known_verdict(spec);
  if (!advice.empty() && verdict == Verdict::flat) {
    advice.push_back(
        fmt::format("with such {} experts, the parameters of one that the data do not need may not converge "
                    "at all, however much data there is; predictions do (NHR24, NHR25)",
                    spec.expert.kind));
  } else if (!advice.empty() && verdict == Verdict::slow) {
    advice.push_back(
        fmt::format("with a {} gate, the gates of experts that the data do not need converge slowly, at "
                    "n^-1/8 or n^-1/3 in place of n^-1/4: try --gate {}",
                    spec.gate.kind, spec.gate.kind == "quadratic" ? "monomial" : "softmax"));
  }
}

/// Raw parameters that no amount of data determines, where all that the function needs converges.
void tell_of_scale(const MixtureSpec& spec, std::vector<std::string>& advice) {
  if (!has_scale_gauge(spec) || spec.num_experts == 1) {
    return;
  }
  advice.push_back(
      is_on_sphere(spec.gate)
          ? fmt::format(
                "with a {} gate only the directions of omega converge; its length has no effect on the "
                "function (HN25): --gate perturbed_cosine has no such freedom",
                spec.gate.kind)
          : fmt::format(
                "with a learned temperature the {} gate's parameters are determined up to a common scale "
                "only, and raw ones converge slowly if at all (NHR25, HN25): read their ratios; "
                "--temperature 1 has no such freedom",
                spec.gate.kind));
}

void tell_of_planes(const ExpertComparison& comparison, const MixtureSpec& spec,
                    std::vector<std::string>& advice) {
  std::vector<int> planes;
  const bool can_bend = expert_kind(spec.expert.kind).uses_inputs && spec.expert.kind != "linear";
  for (int i = 0; i < spec.num_experts && can_bend; ++i) {
    if (comparison.is_plane(i)) {
      planes.push_back(i);
    }
  }
  if (!planes.empty()) {
    advice.push_back(fmt::format(
        "{} {} linear over {} data, up to a tenth of the noise: compare with --expert linear",
        numbered_list(planes), planes.size() > 1 ? "are" : "is", planes.size() > 1 ? "their" : "its"));
  }
}

}  // namespace

std::vector<std::string> advice_on(const ExpertComparison& comparison, const MixtureSpec& spec,
                                   const FitSummary& summary) {
  std::vector<std::string> advice;
  tell_of_redundancy(comparison, spec, advice);
  tell_of_scale(spec, advice);
  tell_of_planes(comparison, spec, advice);
  if (summary.agreeing_starts == 1 && summary.starts.size() > 1) {
    advice.push_back(
        fmt::format("a single start found this optimum: --starts {} would tell whether there is a lower one",
                    4 * summary.starts.size()));
  }
  const std::vector<ExpertSums>& sums = comparison.sums();
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
