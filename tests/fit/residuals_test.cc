#include "moest/fit/residuals.h"

#include <gtest/gtest.h>

#include <cmath>

#include "moest/base/random.h"
#include "moest/fit/fit.h"

namespace moest {
namespace {

constexpr Eigen::Index kSamples = 600;

// y = x plus the residual that is made of a standard normal number, the one before it, and x in [0, 1].
template <class Noise>
ResidualDiagnostics diagnostics_of(std::uint64_t seed, const Noise& noise) {
  Dataset data;
  data.input_names = {"x"};
  data.target_names = {"y"};
  data.inputs.resize(kSamples, 1);
  data.target.resize(kSamples, 1);
  Stream stream(seed, 0, "residuals");
  double before = 0;
  for (Eigen::Index i = 0; i < kSamples; ++i) {
    const double x = stream.uniform();
    const double now = stream.normal();
    data.inputs(i, 0) = x;
    data.target(i, 0) = x + noise(now, before, x);
    before = now;
    data.rows.push_back(static_cast<std::size_t>(i) + 100);
  }
  const FitSummary summary = fit(MixtureSpec{}, data, {}).summary;
  EXPECT_EQ(summary.residuals.size(), 1U);
  return summary.residuals.front();
}

// Six numbers for each of twenty seeds: four standard errors are a false alarm once in a hundred runs of
// other seeds.
TEST(Residuals, OfNormalNoiseLookNormal) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const ResidualDiagnostics of = diagnostics_of(seed, [](double now, double, double) { return 0.1 * now; });
    EXPECT_NEAR(of.skewness, 0, 4 * std::sqrt(6.0 / kSamples));
    EXPECT_NEAR(of.kurtosis, 3, 4 * std::sqrt(24.0 / kSamples) + 0.1);
    EXPECT_NEAR(of.autocorrelation, 0, 4 / std::sqrt(kSamples));
    EXPECT_GT(of.even_variance_p, 6e-5);
    EXPECT_GT(of.independence_p, 6e-5);
    EXPECT_GE(of.largest_row, 100);
  }
}

TEST(Residuals, TellWhatIsWrong) {
  EXPECT_GT(diagnostics_of(1, [](double now, double, double) { return 0.1 * now * now; }).skewness, 1);
  EXPECT_GT(diagnostics_of(1, [](double now, double, double) { return now * now * now; }).kurtosis, 10);
  EXPECT_LT(diagnostics_of(1, [](double now, double, double x) { return now * (0.1 + x); }).even_variance_p,
            1e-6);
  const ResidualDiagnostics series =
      diagnostics_of(1, [](double now, double before, double) { return 0.1 * (now + before); });
  EXPECT_NEAR(series.autocorrelation, 0.5, 0.12);
  EXPECT_LT(series.independence_p, 1e-6);
}

TEST(Residuals, HaveNothingToShowWhereThereAreNone) {
  Dataset data;
  data.input_names = {"x"};
  data.target_names = {"y"};
  data.inputs = Eigen::VectorXd::LinSpaced(20, 0, 1);
  data.target = Eigen::MatrixXd::Constant(20, 1, 2.0);
  EXPECT_TRUE(fit(MixtureSpec{}, data, {}).summary.residuals.empty());
}

}  // namespace
}  // namespace moest
