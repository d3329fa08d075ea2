#include "moest/report/model_text.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "moest/data/csv.h"
#include "moest/data/table_summary.h"
#include "moest/model/predict.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Scaled inputs and target, so that what is printed differs from what is stored.
Model scaled_model(const std::string& gate = "softmax", const std::string& expert = "linear") {
  Model model;
  model.spec.gate.kind = gate;
  model.spec.expert.kind = expert;
  model.spec.num_inputs = 2;
  model.spec.num_experts = 3;
  model.inputs = {"u", "v"};
  model.targets = {"y"};
  model.atoms = {{0.3, {1.5, -0.5}, {0.8, 0.25, -0.1}},
                 {-0.7, {0.5, 2.5}, {-1.5, 0.5, 0.75}},
                 {0.0, {0.0, 0.0}, {0.1, -0.9, 1.25}}};
  model.noise_variance = {0.04};
  model.scaling = Scaling{{{20.5, 4.9}, {-3.0, 0.02}}, {{4.4, 2.5}}};
  return model;
}

/// The numbers of a row of a coefficient table.
std::vector<double> row_of(const std::string& table, const std::string& name) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("  " + name + "  ") == 0) {
      std::istringstream cells(line.substr(name.size() + 2));
      return {std::istream_iterator<double>(cells), {}};
    }
  }
  return {};
}

TEST(CoefficientTable, ReproducesTheExpertsInTheDatasUnits) {
  const Model model = scaled_model();
  const std::string table = coefficient_table(model, {}, std::nullopt);
  const auto slope_u = row_of(table, "expert: a_u");
  const auto slope_v = row_of(table, "expert: a_v");
  const auto constant = row_of(table, "expert: b");
  ASSERT_EQ(slope_u.size(), 3u) << table;
  ASSERT_EQ(slope_v.size(), 3u);
  ASSERT_EQ(constant.size(), 3u);
  Eigen::MatrixXd inputs(3, 2);
  inputs << 20.5, -3.0, 12.0, -2.96, 29.0, -3.05;
  const Predictions predictions = predict(model, inputs, 1);
  for (Eigen::Index row = 0; row < 3; ++row) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double value = slope_u[i] * inputs(row, 0) + slope_v[i] * inputs(row, 1) + constant[i];
      // Six digits of terms up to 400.
      EXPECT_NEAR(value, predictions.experts(row, static_cast<Eigen::Index>(i)), 5e-3);
    }
  }
}

TEST(CoefficientTable, ReproducesTheGateInTheDatasUnits) {
  const Model model = scaled_model();
  const std::string table = coefficient_table(model, {}, std::nullopt);
  const auto omega_u = row_of(table, "gate: omega_u");
  const auto omega_v = row_of(table, "gate: omega_v");
  const auto bias = row_of(table, "gate: bias");
  ASSERT_EQ(bias.size(), 3u) << table;
  Eigen::MatrixXd inputs(2, 2);
  inputs << 20.5, -3.0, 24.0, -3.01;
  const Predictions predictions = predict(model, inputs, 1);
  for (Eigen::Index row = 0; row < 2; ++row) {
    double sum = 0;
    std::vector<double> weights;
    for (std::size_t i = 0; i < 3; ++i) {
      weights.push_back(std::exp(omega_u[i] * inputs(row, 0) + omega_v[i] * inputs(row, 1) + bias[i]));
      sum += weights.back();
    }
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(weights[i] / sum, predictions.weights(row, static_cast<Eigen::Index>(i)), 2e-3);
    }
  }
}

// Experts 1 and 2 are a group, expert 3 is one by itself.
Model grouped_model() {
  Model model = scaled_model("hierarchical");
  model.spec.gate.groups = {0, {2, 1}};
  model.groups = {{0.4, {-1.0, 0.5}, {}}, {0.0, {0.0, 0.0}, {}}};
  return model;
}

TEST(CoefficientTable, ReproducesTheGatesOfGroupsInTheDatasUnits) {
  const Model model = grouped_model();
  const std::string text = coefficient_table(model, {0.5, 0.2, 0.3}, std::nullopt);
  const std::size_t middle = text.find("\n  group  ", text.find("expert: b"));
  ASSERT_NE(middle, std::string::npos) << text;
  const std::string of_experts = text.substr(0, middle);
  const std::string of_groups = text.substr(middle);
  EXPECT_THAT(row_of(of_experts, "group"), testing::ElementsAre(1, 1, 2));
  EXPECT_THAT(of_groups, HasSubstr("70.0 %"));
  EXPECT_THAT(row_of(of_experts, "gate: bias"), testing::SizeIs(2)) << "expert 3 has no gate of its own";
  Eigen::MatrixXd inputs(1, 2);
  inputs << 24.0, -3.01;
  const Predictions predictions = predict(model, inputs, 1);
  const auto softmax_of = [&](const std::string& table) {
    const auto u = row_of(table, "gate: omega_u");
    const auto v = row_of(table, "gate: omega_v");
    const auto bias = row_of(table, "gate: bias");
    const double score = (u[0] - u[1]) * inputs(0, 0) + (v[0] - v[1]) * inputs(0, 1) + bias[0] - bias[1];
    return 1 / (1 + std::exp(-score));
  };
  const double share = softmax_of(of_groups);
  EXPECT_NEAR(predictions.weights(0, 2), 1 - share, 2e-3);
  EXPECT_NEAR(predictions.weights(0, 0), share * softmax_of(of_experts), 2e-3);
}

TEST(CoefficientTable, SaysWhatIsInScaledUnits) {
  const std::string table = coefficient_table(scaled_model("perturbed_cosine", "tanh"), {}, std::nullopt);
  EXPECT_THAT(row_of(table, "gate: omega_u (scaled)"), testing::ElementsAre(1.5, 0.5, 0.0));
  EXPECT_THAT(row_of(table, "expert: a_v (scaled)"), testing::ElementsAre(0.25, 0.5, -0.9));
  EXPECT_THAT(coefficient_table(scaled_model(), {}, std::nullopt), Not(HasSubstr("scaled")));
  Model unscaled = scaled_model("perturbed_cosine", "tanh");
  unscaled.scaling.reset();
  EXPECT_THAT(coefficient_table(unscaled, {}, std::nullopt), Not(HasSubstr("scaled")));
}

TEST(CoefficientTable, OfConstantExpertsHasTheirValues) {
  Model model = scaled_model("softmax", "constant");
  for (std::size_t i = 0; i < 3; ++i) {
    model.atoms[i].expert = {static_cast<double>(i)};
  }
  EXPECT_THAT(row_of(coefficient_table(model, {}, std::nullopt), "expert: b"),
              testing::ElementsAre(4.4, 6.9, 9.4));
}

TEST(CoefficientTable, OfOneExpertHasNoGate) {
  Model model = scaled_model();
  model.spec.num_experts = 1;
  model.atoms.resize(1);
  EXPECT_THAT(coefficient_table(model, {1.0}, std::nullopt),
              AllOf(HasSubstr("expert: a_u"), Not(HasSubstr("gate")), Not(HasSubstr("share"))));
}

TEST(Regimes, AreTheRangesWhereEachExpertLeads) {
  Eigen::MatrixXd inputs(5, 1);
  inputs << 3, 1, 2, 5, 4;
  Eigen::MatrixXd weights(5, 3);
  weights << 0.2, 0.7, 0.1,  //
      0.8, 0.1, 0.1,         //
      0.6, 0.3, 0.1,         //
      0.0, 0.9, 0.1,         //
      0.4, 0.5, 0.1;
  const Regimes regimes = find_regimes(inputs, weights);
  ASSERT_EQ(regimes.ranges.size(), 3u);
  EXPECT_EQ(regimes.ranges[0], std::make_pair(1.0, 2.0));
  EXPECT_EQ(regimes.ranges[1], std::make_pair(3.0, 5.0));
  EXPECT_EQ(regimes.ranges[2], std::nullopt);
}

TEST(Regimes, AreRowsOfTheCoefficientTable) {
  Model model = scaled_model();
  const Regimes regimes{{std::pair(1.0, 2.0), std::pair(3.0, 5.0), std::nullopt}};
  const std::string table = coefficient_table(model, {0.5, 0.375, 0.125}, regimes);
  EXPECT_THAT(table, AllOf(HasSubstr("leads from u"), HasSubstr("leads to u"), HasSubstr("nowhere"),
                           HasSubstr("50.0 %"), HasSubstr("12.5 %")));
}

TEST(ModelTitle, CountsAndNames) {
  Model model = scaled_model();
  EXPECT_EQ(model_title(model), "softmax gate, 3 linear experts of 2 inputs (u, v)");
  model.spec.num_experts = 1;
  model.inputs = {"x"};
  EXPECT_EQ(model_title(model), "softmax gate, 1 linear expert of 1 input (x)");
}

TEST(ModelTitle, ShortensALongListOfInputs) {
  Model model = scaled_model();
  model.inputs.assign(100, "x");
  EXPECT_THAT(model_title(model), HasSubstr("100 inputs (x, x, x, x, x, x, x, x, .. 92 more)"));
}

FitSummary summary_of_fit() {
  FitSummary summary;
  summary.status = FitStatus::converged;
  summary.message = "the best start converged";
  summary.rss = 2;
  summary.r_squared = 0.9;
  summary.noise_variance = {0.25};
  summary.rss_by_target = {2};
  summary.r_squared_by_target = {0.9};
  summary.num_samples = 20;
  summary.num_identifiable_parameters = 12;
  summary.best_single_expert_rss = 8;
  summary.best_single_expert_rss_by_target = {8};
  summary.aic = 10;
  summary.bic = 12;
  summary.expert_shares = {0.5, 0.3, 0.2};
  return summary;
}

TEST(FitReport, ComparesWithOneExpert) {
  EXPECT_THAT(fit_report("data.csv", scaled_model(), summary_of_fit(), std::nullopt),
              HasSubstr("residual sum of squares 8; the mixture leaves 75.0 % less"));
}

TEST(FitReport, TellsHowSureEachCoefficientIs) {
  const Model model = scaled_model();
  FitSummary summary = summary_of_fit();
  for (const Coefficient& coefficient : coefficients(model)) {
    summary.coefficients.push_back({coefficient, {}, {}, {}, "a convention", true});
  }
  CoefficientEstimate& first = summary.coefficients.front();
  first.standard_error = 0.125;
  first.low = -1.5;
  first.high = 2.25;
  first.reason.clear();
  first.is_convention = false;
  summary.coefficients.back().reason = "held by a bound";
  const std::string text = fit_report("data.csv", model, summary, std::nullopt);
  EXPECT_THAT(text, AllOf(HasSubstr("std. error"), HasSubstr("95 % from"), HasSubstr("held by a bound")));
  EXPECT_THAT(
      row_of(text, "gate 1: omega_u"),
      testing::ElementsAre(testing::DoubleNear(coefficients(model)[0].value, 1e-5), 0.125, -1.5, 2.25));
  EXPECT_THAT(text, Not(HasSubstr("gate 3: omega_u"))) << "the reference, all zeros";
  // More of them are for machines to read.
  summary.coefficients.resize(81, CoefficientEstimate(first));
  EXPECT_THAT(fit_report("data.csv", model, summary, std::nullopt),
              AllOf(HasSubstr("expert: a_u"), Not(HasSubstr("std. error")), HasSubstr("--json")));
}

TEST(FitReport, HasNoNumberThatIsNone) {
  FitSummary summary = summary_of_fit();
  summary.noise_variance.clear();
  summary.aic.reset();
  summary.bic.reset();
  summary.rss = 0;
  summary.rss_by_target = {0};
  for (const std::vector<double>& single : {std::vector<double>{0.0}, std::vector<double>{}}) {
    summary.best_single_expert_rss_by_target = single;
    const std::string text = fit_report("data.csv", scaled_model(), summary, std::nullopt);
    EXPECT_THAT(text, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf")), Not(HasSubstr("less\n"))));
    EXPECT_THAT(text, HasSubstr("not known"));
  }
}

TEST(FitReport, WarnsOfBoundsAndOfRankDeficiency) {
  FitSummary summary = summary_of_fit();
  EXPECT_THAT(fit_report("data.csv", scaled_model(), summary, std::nullopt),
              AllOf(Not(HasSubstr("bounds")), Not(HasSubstr("caution"))));
  summary.active_bounds = 1;
  summary.rank_deficient = true;
  EXPECT_THAT(fit_report("data.csv", scaled_model(), summary, std::nullopt),
              AllOf(HasSubstr("1 coordinate at the bound of 200"), HasSubstr("caution")));
}

TEST(TableDescription, ShowsColumnsAndTheFirstBadCell) {
  const Table table = parse_csv("a,b,c\n1,x,1\n2,y,oops\n4,,2\n", "data.csv");
  const std::string text = describe_table(table, summarise(table));
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("data.csv: 3 rows, 3 columns"), HasSubstr("2.33333"), HasSubstr("--categorical b"),
            HasSubstr("c: 1 cell is not a finite number, the first is `oops` in data.csv, line 3")));
}

}  // namespace
}  // namespace moest
