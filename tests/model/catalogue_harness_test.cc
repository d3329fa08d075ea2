// The one check of every gate with every expert: a kind that is added to the catalogue is tested here without
// a test of its own, once its formula stands in mixture_harness.cc.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include <string>
#include <tuple>
#include <vector>

#include "moest/model/catalogue.h"
#include "tests/model/mixture_harness.h"

namespace moest {
namespace {

using testing::Combine;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ValuesIn;

TEST(CatalogueHarness, HasAFormulaForEveryKind) {
  EXPECT_THAT(kinds_without_reference(gate_names(), expert_names()), IsEmpty());
}

TEST(CatalogueHarness, SaysWhatToAddForAKindWithoutFormula) {
  const std::vector<std::string> gates{"softmax", "new_gate"};
  const std::vector<std::string> experts{"new_expert"};
  EXPECT_THAT(kinds_without_reference(gates, experts),
              ElementsAre(HasSubstr("`new_gate` has no formula"), HasSubstr("`new_expert` has no formula")));
}

class EveryPair : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  std::vector<MixtureSpec> specs() const {
    return variants(std::get<0>(GetParam()), std::get<1>(GetParam()));
  }
};

TEST_P(EveryPair, HasTheValuesOfItsFormula) {
  Stream stream(11, 0, "harness values");
  for (const MixtureSpec& spec : specs()) {
    const Worst worst = value_discrepancy(HarnessPoint(spec, 300, stream));
    EXPECT_LT(worst.ratio, 1) << describe(spec) << "\n" << worst.where;
  }
}

TEST_P(EveryPair, HasTheDerivativesOfItsValues) {
  Stream stream(12, 0, "harness derivatives");
  for (const MixtureSpec& spec : specs()) {
    // Coprime to the block size: no two blocks hold the same rows in the same places.
    const int num_rows = MixtureChart(spec, 1.0).num_coordinates() > 60 ? 7 : 23;
    const HarnessPoint point(spec, num_rows, stream);
    const Worst worst = derivative_discrepancy(point, linearise);
    EXPECT_LT(worst.ratio, 1) << describe(spec) << "\n" << worst.where;
    const Worst in_raw = raw_derivative_discrepancy(point);
    EXPECT_LT(in_raw.ratio, 1) << describe(spec) << "\n" << in_raw.where;
  }
}

TEST_P(EveryPair, DoesNotChangeAlongItsGauges) {
  Stream stream(13, 0, "harness gauges");
  for (const MixtureSpec& spec : specs()) {
    for (int trial = 0; trial < 5; ++trial) {
      const HarnessPoint point(spec, 20, stream);
      const Worst worst = gauge_discrepancy(point, stream);
      EXPECT_LT(worst.ratio, 1) << describe(spec) << "\n" << worst.where;
    }
  }
}

TEST_P(EveryPair, SurvivesExtremeInputsAndParameters) {
  Stream stream(14, 0, "harness extremes");
  for (const MixtureSpec& spec : specs()) {
    const Worst worst = extreme_discrepancy(spec, stream);
    EXPECT_LT(worst.ratio, 1) << describe(spec) << "\n" << worst.where;
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryPair, Combine(ValuesIn(gate_names()), ValuesIn(expert_names())),
                         [](const auto& param_info) {
                           return std::get<0>(param_info.param) + "_x_" + std::get<1>(param_info.param);
                         });

// --- the harness notices: each planted error is at most 1e-9 of what it is added to

MixtureSpec example() { return {{"perturbed_cosine"}, {"tanh", true, true, true}, 2, 3}; }

TEST(CatalogueHarness, NoticesAWrongEntryOfTheGradient) {
  Stream stream(15, 0, "planted");
  const HarnessPoint point(example(), 5, stream);
  for (Eigen::Index i = 0; i < point.chart.layout().num_parameters; ++i) {
    const Worst worst =
        derivative_discrepancy(point, [&](auto& chart, auto& samples, auto& theta, auto& v, auto& t) {
          linearise(chart, samples, theta, v, t);
          v.gradient[i] += 1e-9;
        });
    EXPECT_GT(worst.ratio, 1) << i;
    EXPECT_THAT(worst.where, HasSubstr(fmt::format("kernel gradient[{}]", i)));
  }
}

TEST(CatalogueHarness, NoticesAWrongEntryOfTheGram) {
  Stream stream(16, 0, "planted");
  const HarnessPoint point(example(), 5, stream);
  for (Eigen::Index i = 0; i < point.chart.num_coordinates(); ++i) {
    const Worst worst =
        derivative_discrepancy(point, [&](auto& chart, auto& samples, auto& theta, auto& v, auto& t) {
          linearise(chart, samples, theta, v, t);
          t.gram(0, i) += 1e-9;
        });
    EXPECT_GT(worst.ratio, 1) << i;
    EXPECT_THAT(worst.where, HasSubstr(fmt::format("theta gram(0, {})", i)));
  }
}

TEST(CatalogueHarness, NoticesTwoAtomsExchangedAndAForgottenAnchor) {
  Stream stream(17, 0, "planted");
  const HarnessPoint point(example(), 5, stream);
  EXPECT_GT(derivative_discrepancy(point,
                                   [](auto& chart, auto& samples, auto& theta, auto& v, auto& t) {
                                     linearise(chart, samples, theta, v, t);
                                     v.gradient.segment(0, 3).swap(v.gradient.segment(3, 3));
                                   })
                .ratio,
            1);
  EXPECT_GT(derivative_discrepancy(point,
                                   [](auto& chart, auto& samples, auto& theta, auto& v, auto& t) {
                                     linearise(chart, samples, theta, v, t);
                                     t.gradient.segment(chart.gate_offset(2), 3).setZero();
                                   })
                .ratio,
            1);
}

TEST(CatalogueHarness, NoticesALostSampleAndNotANumber) {
  Stream stream(18, 0, "planted");
  const HarnessPoint point(example(), 5, stream);
  EXPECT_GT(derivative_discrepancy(point,
                                   [](auto& chart, auto& samples, auto& theta, auto& v, auto& t) {
                                     linearise(chart, samples, theta, v, t);
                                     if (samples.num_samples() == 257) {
                                       v.gram *= 256.0 / 257;
                                     }
                                   })
                .ratio,
            1);
  EXPECT_GT(derivative_discrepancy(point,
                                   [](auto& chart, auto& samples, auto& theta, auto& v, auto& t) {
                                     linearise(chart, samples, theta, v, t);
                                     v.objective = std::nan("");
                                   })
                .ratio,
            1);
}

TEST(CatalogueHarness, FindsNothingWithoutAPlantedError) {
  Stream stream(19, 0, "planted");
  for (int trial = 0; trial < 20; ++trial) {
    EXPECT_LT(derivative_discrepancy(HarnessPoint(example(), 5, stream), linearise).ratio, 1);
  }
}

}  // namespace
}  // namespace moest
