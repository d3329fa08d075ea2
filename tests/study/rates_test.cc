#include "moest/study/rates.h"

#include <gmock/gmock.h>

#include <cmath>

#include "moest/base/random.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

std::size_t index_of(const std::string& name) {
  return static_cast<std::size_t>(&metric(name) - metrics().data());
}

Study study_with(const std::string& sizes, int replicates, const std::string& expected) {
  Study study = small_study(replaced(replaced(kSmallStudy, "[200, 50]", sizes), "slope = -0.5", expected));
  study.replicates = replicates;
  return study;
}

/// Losses n^slope e^(noise N(0, 1)).
std::vector<TrialRow> rows_with(const Study& study, double slope, double noise, std::uint64_t seed) {
  std::vector<TrialRow> rows;
  for (const TrialKey& key : trial_keys(study)) {
    Stream stream(seed, key.hash(), "loss");
    TrialRow row;
    row.key = key;
    row.status = "converged";
    row.values.resize(metrics().size());
    row.values[index_of("voronoi_reduced")] = {std::pow(static_cast<double>(key.size), slope) *
                                               std::exp(noise * stream.normal())};
    rows.push_back(row);
  }
  return rows;
}

RateRow only(const std::vector<RateRow>& rates) {
  EXPECT_EQ(rates.size(), 1U);
  return rates.at(0);
}

const std::string kSizes = "{from = 100, to = 100000, number = 7}";

TEST(Rates, AreExactWithoutNoise) {
  for (const char* statistic : {"mean", "median", "quantile:0.9"}) {
    Study study = study_with(kSizes, 5, "slope = -0.5");
    study.statistic = statistic == std::string("mean")     ? Statistic{}
                      : statistic == std::string("median") ? Statistic{Statistic::Kind::quantile, 0.5}
                                                           : Statistic{Statistic::Kind::quantile, 0.9};
    const RateRow rate = only(rates(study, rows_with(study, -0.37, 0, 1), {}));
    EXPECT_EQ(rate.metric, "voronoi_reduced");
    EXPECT_NEAR(*rate.slope, -0.37, 1e-12);
    EXPECT_NEAR(*rate.slope_se, 0, 1e-12);
    EXPECT_EQ(rate.num_replicates, 5);
    ASSERT_EQ(rate.points.size(), 7U);
    for (const RatePoint& point : rate.points) {
      EXPECT_NEAR(point.value, std::pow(static_cast<double>(point.size), -0.37), 1e-12);
      EXPECT_NEAR(*point.local_slope, -0.37, 1e-9);
      EXPECT_EQ(point.num_replicates, 5);
    }
  }
}

TEST(Rates, HaveASlopeAgainstNOverLogN) {
  const Study study = study_with(kSizes, 2, "slope = -0.5");
  std::vector<TrialRow> rows = rows_with(study, 0, 0, 1);
  for (TrialRow& row : rows) {
    const auto n = static_cast<double>(row.key.size);
    row.values[index_of("voronoi_reduced")] = {std::sqrt(std::log(n) / n)};
  }
  const RateRow rate = only(rates(study, rows, {}));
  EXPECT_NEAR(*rate.slope_log, -0.5, 1e-12);
  EXPECT_GT(*rate.slope, -0.5) << "the logarithm makes it look slower";
}

/// The bootstrap's standard errors against the spread of the slopes of 200 studies of 20 replicates: a
/// standard deviation of 200 is within 15 % of the true one but once in 400, and the bootstrap's is too small
/// by sqrt(19 / 20).
TEST(Rates, HaveStandardErrorsThatAreTheSpreadOfSlopes) {
  const Study study = study_with(kSizes, 20, "slope = -0.5");
  double sum = 0;
  double squares = 0;
  double errors = 0;
  constexpr int kStudies = 200;
  for (int i = 0; i < kStudies; ++i) {
    const RateRow rate = only(rates(study, rows_with(study, -0.5, 0.5, static_cast<std::uint64_t>(i)), {}));
    sum += *rate.slope;
    squares += *rate.slope * *rate.slope;
    errors += *rate.slope_se / kStudies;
  }
  const double mean = sum / kStudies;
  const double spread = std::sqrt(squares / kStudies - mean * mean);
  EXPECT_NEAR(mean, -0.5, 4 * spread / std::sqrt(kStudies));
  EXPECT_NEAR(errors / spread, 0.97, 0.15);
}

TEST(Rates, JudgeAgainstWhatIsExpected) {
  const Study study = study_with(kSizes, 20, "slope = -0.5");
  const auto verdict = [&](double slope, double noise, std::span<const PlannedArm> planned = {}) {
    return only(rates(study, rows_with(study, slope, noise, 3), planned)).verdict.value();
  };
  EXPECT_EQ(verdict(-0.5, 0.3), RateVerdict::agrees);
  EXPECT_EQ(verdict(-0.46, 0.01), RateVerdict::agrees);
  EXPECT_EQ(verdict(-0.4, 0.01), RateVerdict::differs);
  EXPECT_EQ(verdict(-0.25, 0.3), RateVerdict::differs);
  EXPECT_EQ(verdict(-0.5, 5), RateVerdict::too_noisy);
  const std::vector<PlannedArm> hopeless{{"exact", {{100, 10, 0}, {100000, 0.4, 0}}, {}}};
  EXPECT_EQ(verdict(-0.5, 0.01, hopeless), RateVerdict::too_noisy);
  const Study wide = study_with(kSizes, 20, "slope = -0.5, tolerance = 0.2");
  EXPECT_EQ(*only(rates(wide, rows_with(wide, -0.35, 0.01, 3), {})).verdict, RateVerdict::agrees);
}

TEST(Rates, HaveNoVerdictWithoutReplicatesOrExpectation) {
  const Study single = study_with(kSizes, 1, "slope = -0.5");
  const RateRow rate = only(rates(single, rows_with(single, -0.5, 0, 1), {}));
  EXPECT_FALSE(rate.slope_se.has_value());
  EXPECT_EQ(rate.verdict, RateVerdict::too_noisy);
  Study silent = study_with(kSizes, 5, "slope = -0.5");
  silent.arms[0].expected.clear();
  EXPECT_FALSE(only(rates(silent, rows_with(silent, -0.5, 0, 1), {})).verdict.has_value());
}

TEST(Rates, KnowTheMeanOfAChiSquare) {
  const Study study =
      small_study(replaced(kSmallStudy, "{metric = \"voronoi_reduced\", slope = -0.5, source = \"NHR24\"}",
                           "{metric = \"chi_square\", mean = 6}"));
  const auto rate_of = [&](double mean) {
    std::vector<TrialRow> rows;
    for (int replicate = 0; replicate < 400; ++replicate) {
      for (const std::int64_t size : study.sizes) {
        TrialRow row;
        row.key = {"exact", size, replicate};
        row.values.resize(metrics().size());
        Stream stream(1, row.key.hash(), "chi");
        // Only the upper half of the sizes counts.
        row.values[index_of(kChiSquare)] = {size == 50 ? 1000 : mean + std::sqrt(12.0) * stream.normal()};
        rows.push_back(row);
      }
    }
    return only(rates(study, rows, {}));
  };
  EXPECT_NEAR(*rate_of(6).mean, 6, 4 * std::sqrt(12.0 / 400));
  EXPECT_NEAR(*rate_of(6).mean_se, std::sqrt(12.0 / 400), 0.2 * std::sqrt(12.0 / 400));
  EXPECT_FALSE(rate_of(6).slope.has_value());
  EXPECT_EQ(rate_of(6).verdict, RateVerdict::agrees);
  EXPECT_EQ(rate_of(7).verdict, RateVerdict::differs);
  EXPECT_EQ(rate_of(0.1).verdict, RateVerdict::too_noisy);
}

TEST(Rates, HaveARowForEachAtomAndOneForTheLargest) {
  const Study study = study_with(kSizes, 2, "slope = -0.5");
  std::vector<TrialRow> rows = rows_with(study, -0.5, 0, 1);
  for (TrialRow& row : rows) {
    const auto n = static_cast<double>(row.key.size);
    row.values[index_of("voronoi_reduced")].clear();
    row.values[index_of("mass_error")] = {
        1 / n, row.key.replicate == 0 ? std::nullopt : std::optional(2 / std::sqrt(n))};
  }
  const std::vector<RateRow> found = rates(study, rows, {});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].atom, std::nullopt);
  EXPECT_NEAR(*found[1].slope, -1, 1e-12);
  EXPECT_NEAR(*found[2].slope, -0.5, 1e-12);
  EXPECT_EQ(found[2].num_replicates, 1) << "one replicate has no second cell";
}

TEST(Rates, AreJsonWithTheFieldsOfTheContract) {
  const Study study = study_with(kSizes, 3, "slope = -0.5");
  const nlohmann::ordered_json json = to_json(only(rates(study, rows_with(study, -0.5, 0.1, 1), {})));
  EXPECT_EQ(json["arm"], "exact");
  EXPECT_TRUE(json["atom"].is_null());
  EXPECT_EQ(json["metric"], "voronoi_reduced");
  EXPECT_EQ(json["expected"], -0.5);
  EXPECT_EQ(json["verdict"], "agrees");
  EXPECT_EQ(json["num_sizes"], 7);
  EXPECT_EQ(json["num_replicates"], 3);
  EXPECT_EQ(json["points"].size(), 7U);
  EXPECT_TRUE(json["slope"].is_number());
  EXPECT_TRUE(json["slope_se"].is_number());
}

}  // namespace
}  // namespace moest
