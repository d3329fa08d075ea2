#include "moest/theory/identifiability.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/theory/gauges.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/neighbours.h"
#include "moest/theory/prediction.h"
#include "moest/theory/random_truth.h"
#include "moest/theory/truth_analysis.h"

namespace moest {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Question {
  std::string gate;
  std::string expert;
  int num_inputs = 1;
  int num_true = 2;
  int extra = 1;
};

MixtureFamily family_of(const Question& question) {
  MixtureFamily family;
  family.spec.gate.kind = question.gate;
  family.spec.expert.kind = question.expert;
  family.spec.num_inputs = question.num_inputs;
  family.spec.num_experts = question.num_true;
  return family;
}

Identifiability ask(const MixtureFamily& family, int extra = 1, int num_truths = 1) {
  IdentifiabilityOptions options;
  options.num_experts = family.spec.num_experts + extra;
  options.num_truths = num_truths;
  options.num_threads = 1;
  return analyze(family, std::nullopt, options);
}

Identifiability ask(const Question& question, int num_truths = 1) {
  return ask(family_of(question), question.extra, num_truths);
}

std::vector<std::string> texts(const std::vector<Relation>& relations, Relation::Kind kind) {
  std::vector<std::string> result;
  for (const Relation& relation : relations) {
    if (relation.kind == kind) {
      result.push_back(relation.text);
    }
  }
  return result;
}

/// The numbers of null vectors of section 5 of the theory, d = 1, k = 2.
TEST(Dictionary, HasTheKnownNumbersOfRelations) {
  EXPECT_EQ(ask({"softmax", "linear"}).dictionary.num_null, 11);
  EXPECT_EQ(ask({"softmax", "polynomial"}).dictionary.num_null, 9);
  for (const char* neuron : {"sigmoid", "tanh", "gelu"}) {
    EXPECT_EQ(ask({"softmax", neuron}).dictionary.num_null, 5) << neuron;
  }
  EXPECT_EQ(ask({"dense_to_sparse", "sigmoid"}).dictionary.num_null, 15);
  EXPECT_EQ(ask({"dense_to_sparse", "linear"}).dictionary.num_null, 21);
  MixtureFamily tanh_router = family_of({"dense_to_sparse", "sigmoid"});
  tanh_router.spec.gate.router = "tanh";
  EXPECT_EQ(ask(tanh_router).dictionary.num_null, 1);
}

struct Expected {
  Question question;
  Verdict exact;
  Verdict over;
};

/// The table of section 5 of the theory, one truth each; bench/verdicts has it over many.
TEST(Verdicts, AreThoseOfTheTheory) {
  const std::vector<Expected> table{
      {{"softmax", "tanh"}, Verdict::regular, Verdict::regular},
      {{"softmax", "silu"}, Verdict::regular, Verdict::regular},
      {{"softmax", "linear"}, Verdict::regular, Verdict::flat},
      {{"softmax", "relu"}, Verdict::regular, Verdict::flat},
      {{"softmax", "constant"}, Verdict::regular, Verdict::flat},
      {{"softmax", "ffn"}, Verdict::regular, Verdict::flat},
      {{"softmax", "polynomial", 2}, Verdict::regular, Verdict::flat},
      {{"dense_to_sparse", "tanh"}, Verdict::scale_gauge, Verdict::scale_gauge},
      {{"dense_to_sparse", "linear"}, Verdict::scale_gauge, Verdict::flat},
      {{"cosine", "tanh", 2}, Verdict::scale_gauge, Verdict::scale_gauge},
      {{"cosine", "linear", 2}, Verdict::scale_gauge, Verdict::flat},
      {{"perturbed_cosine", "sigmoid"}, Verdict::regular, Verdict::regular},
      {{"quadratic", "tanh"}, Verdict::regular, Verdict::slow},
      {{"quadratic", "linear"}, Verdict::regular, Verdict::flat},
      {{"monomial", "tanh"}, Verdict::regular, Verdict::regular},
      {{"laplace", "tanh", 2}, Verdict::regular, Verdict::regular},
      {{"laplace", "tanh", 1}, Verdict::regular, Verdict::slow},
      {{"hierarchical", "tanh", 1, 4}, Verdict::regular, Verdict::regular},
      {{"hierarchical", "linear", 1, 4}, Verdict::regular, Verdict::flat},
      {{"sigmoid", "tanh"}, Verdict::regular, Verdict::refused},
      {{"normalized_sigmoid", "linear"}, Verdict::regular, Verdict::refused},
  };
  for (const Expected& expected : table) {
    const Question& q = expected.question;
    const std::string what = q.gate + " " + q.expert;
    const Identifiability result = ask(q);
    EXPECT_EQ(verdict_name(result.exact.verdict), verdict_name(expected.exact)) << what;
    EXPECT_EQ(verdict_name(result.over.verdict), verdict_name(expected.over)) << what;
    EXPECT_EQ(verdict_name(known_verdict(result.family.spec)), verdict_name(expected.over)) << what;
    EXPECT_LT(result.gauge_error, 1e-25) << what;
    if (result.over.verdict == Verdict::regular || result.over.verdict == Verdict::scale_gauge) {
      EXPECT_GT(result.truths.front().separation, 1e-6) << what;
    } else if (result.over.verdict != Verdict::refused) {
      EXPECT_THAT(texts(result.over.relations,
                        result.over.verdict == Verdict::flat ? Relation::Kind::flat : Relation::Kind::slow),
                  Not(IsEmpty()))
          << what;
    }
  }
}

/// Options that turn a regular expert into a flat one, without a computation and with one.
TEST(Verdicts, AreKnownForOutputWeightsAndOffsets) {
  MixtureFamily weighted = family_of({"softmax", "tanh"});
  weighted.spec.expert.output_weight = true;
  EXPECT_EQ(known_verdict(weighted.spec), Verdict::flat);
  EXPECT_EQ(ask(weighted).over.verdict, Verdict::flat);
  MixtureFamily offset = family_of({"softmax", "sigmoid"});
  offset.spec.expert.output_offset = true;
  EXPECT_EQ(known_verdict(offset.spec), Verdict::flat);
  EXPECT_EQ(ask(offset).over.verdict, Verdict::flat);
  MixtureFamily fixed = family_of({"dense_to_sparse", "tanh"});
  fixed.spec.gate.temperature = {1.0, false};
  EXPECT_EQ(known_verdict(fixed.spec), Verdict::regular);
  EXPECT_EQ(ask(fixed).over.verdict, Verdict::regular);
}

TEST(Verdicts, SayTheRates) {
  EXPECT_EQ(ask({"softmax", "tanh"}).over.rate, "n^-1/4");
  EXPECT_EQ(ask({"softmax", "linear"}).over.rate, "none");
  EXPECT_EQ(ask({"laplace", "tanh"}).over.rate, "n^-1/3");
  EXPECT_EQ(ask({"quadratic", "tanh"}).over.rate, "n^-1/8");
  EXPECT_EQ(ask({"softmax", "linear"}).exact.rate, "n^-1/2");
}

TEST(Verdicts, DependOnOptionsOfTheExpert) {
  MixtureFamily weighted = family_of({"softmax", "tanh"});
  weighted.spec.expert.output_weight = true;
  EXPECT_EQ(ask(weighted).exact.verdict, Verdict::regular);
  EXPECT_EQ(ask(weighted).over.verdict, Verdict::flat);
  MixtureFamily offset = family_of({"softmax", "tanh"});
  offset.spec.expert.output_offset = true;
  EXPECT_EQ(ask(offset).over.verdict, Verdict::flat);
  MixtureFamily scaled = family_of({"softmax", "linear"});
  scaled.spec.expert.kind = "polynomial";
  scaled.spec.expert.output_weight = true;
  const Identifiability result = ask(scaled);
  EXPECT_EQ(result.exact.verdict, Verdict::flat);
  EXPECT_THAT(texts(result.exact.relations, Relation::Kind::scale), Not(IsEmpty()));
}

TEST(Verdicts, AreOfFormulasToo) {
  MixtureFamily exponential = family_of({"softmax", "tanh"});
  exponential.activation = Expression("test", "exp(t)", {"t"});
  EXPECT_EQ(ask(exponential).over.verdict, Verdict::flat);
  exponential.spec.expert.bias = false;
  EXPECT_EQ(ask(exponential).over.verdict, Verdict::regular);
  MixtureFamily sine = family_of({"softmax", "tanh"});
  sine.activation = Expression("test", "sin(t)", {"t"});
  EXPECT_EQ(ask(sine).over.verdict, Verdict::regular);
  MixtureFamily formula = family_of({"softmax", "tanh"});
  formula.formula = Expression("test", "c*tanh(a*x1) + b", {"x1", "a", "b", "c"});
  EXPECT_EQ(ask(formula).over.verdict, Verdict::flat);
}

/// Twice as many atoms are never identified where gates can be shifted: each atom is split alike.
TEST(Verdicts, TurnFlatWithTwiceAsManyAtoms) {
  const Identifiability result = ask({"softmax", "tanh", 1, 2, 2});
  EXPECT_EQ(result.over.verdict, Verdict::flat);
  EXPECT_EQ(result.min_extra_experts, 2);
  EXPECT_EQ(ask({"softmax", "tanh", 1, 2, 1}).min_extra_experts, 2);
}

/// Without the offset of |x| the perturbed cosine has one relation of rank d: too large for one extra atom.
TEST(Verdicts, RespectTheRankThatExtraAtomsHave) {
  MixtureFamily family = family_of({"perturbed_cosine", "tanh", 2, 3});
  family.spec.gate.tau2 = 0;
  Stream stream(1, 0, "rank");
  const Truth truth = random_truth(family, 2.5, stream);
  IdentifiabilityOptions options;
  options.num_experts = 4;
  const TruthFindings one = analyze_truth(truth, options, stream);
  EXPECT_EQ(one.record.over, Verdict::regular);
  EXPECT_EQ(one.min_extra_experts, 2);
  options.num_experts = 5;
  const TruthFindings two = analyze_truth(truth, options, stream);
  EXPECT_EQ(two.record.over, Verdict::slow);
  ASSERT_TRUE(two.relation);
  EXPECT_EQ(two.relation->rank, 2);
}

/// Two such cells have no smaller relation together, though theirs are of a family with two parameters.
TEST(Verdicts, RespectTheRankOfSeveralCells) {
  MixtureFamily family = family_of({"perturbed_cosine", "tanh", 2, 3});
  family.spec.gate.tau2 = 0;
  Stream stream(1, 0, "rank");
  const Truth truth = random_truth(family, 2.5, stream);
  const LocalFunctions<Wide> functions(truth, Coordinates::reduced);
  const Criterion criterion(functions, truth, 2, 2.5, 1, stream);
  EXPECT_THAT(criterion.ask({0, 1}, 1, stream).relations, IsEmpty());
  EXPECT_THAT(criterion.ask({0, 1}, 2, stream).relations, Not(IsEmpty()));
}

TEST(Verdicts, AreThoseOnWhichTruthsAgree) {
  using enum Verdict;
  EXPECT_EQ(common_verdict(std::vector{undecided, regular, regular}), regular);
  EXPECT_EQ(common_verdict(std::vector{flat, slow}), undecided);
  EXPECT_EQ(common_verdict(std::vector{undecided}), undecided);
  EXPECT_EQ(common_verdict({}), undecided);
}

TEST(Verdicts, SeeSpecialTruths) {
  const MixtureFamily family = family_of({"softmax", "tanh"});
  IdentifiabilityOptions options;
  options.num_experts = 3;
  const Measure constant_expert{{{0, {1}, {0, 0.8}}, {0, {-1}, {-1, -0.6}}}, {}};
  EXPECT_EQ(analyze(family, constant_expert, options).over.verdict, Verdict::flat);
  const Measure ordinary{{{0, {1}, {2, 0.8}}, {0, {-1}, {-1, -0.6}}}, {}};
  EXPECT_EQ(analyze(family, ordinary, options).over.verdict, Verdict::regular);
}

TEST(Relations, HaveNamedCoefficients) {
  const Identifiability tanh = ask({"softmax", "tanh"}, 3);
  EXPECT_THAT(texts(tanh.harmless, Relation::Kind::harmless), Contains("d2F/(d omega_1 d b) = dF/d a_1"));
  const Identifiability linear = ask({"softmax", "linear"}, 3);
  EXPECT_THAT(texts(linear.over.relations, Relation::Kind::flat), Contains("d2F/d b^2 = 0"));
  const Identifiability power = ask({"softmax", "polynomial"}, 3);
  EXPECT_THAT(
      texts(power.over.relations, Relation::Kind::flat),
      Contains("b^2 d2F/d b^2 + 2 a_1 b d2F/(d a_1 d b) + a_1^2 d2F/d a_1^2 = b dF/d b + a_1 dF/d a_1"));
  const Identifiability cosine = ask({"cosine", "tanh", 2}, 3);
  EXPECT_THAT(texts(cosine.exact.relations, Relation::Kind::scale),
              Contains("dF/d omega_2 = -(omega_1/omega_2) dF/d omega_1"));
}

TEST(Gauges, LeaveTheFunctionAsItIs) {
  for (const std::string& gate : gate_names()) {
    for (const bool learned : {false, true}) {
      for (const int d : {2, 3}) {
        MixtureFamily family = family_of({gate, "gelu", d, 3});
        if (!gate_info(gate).has("temperature") && learned) {
          continue;
        }
        if (gate_info(gate).has("temperature")) {
          family.spec.gate.temperature = {0.7, learned};
        }
        Stream stream(5, 0, "gauges");
        const Truth truth = random_truth(family, 2.5, stream);
        const WideMeasure before = wide_measure(truth);
        const WideMeasure after = moved_along_gauges(truth, 0.5, stream);
        const std::vector<Wide> x{Wide(0.3), Wide(-1.1), Wide(0.6)};
        const std::vector<Wide> input(x.begin(), x.begin() + d);
        const Wide f = wide_value(family, before, input, 0);
        EXPECT_LT(abs(wide_value(family, after, input, 0) - f), Wide(1e-40)) << gate << learned << d;
        if (gauge_dimension(family.spec, Coordinates::raw) > 0) {
          EXPECT_NE(before.measure.atoms.front().bias, after.measure.atoms.front().bias) << gate;
        }
      }
    }
  }
}

/// Phi_j and its derivatives against differences of the mixture itself: f changes by m_j Phi_j d log m_j, and
/// by m_j D^2 Phi_j / 2 when atom j is split.
TEST(LocalFunctions, AreTheChangesOfTheMixture) {
  for (const std::string& gate : gate_names()) {
    MixtureFamily family = family_of({gate, "tanh", 2, 4});
    Stream stream(7, 0, "local functions");
    const Truth truth = random_truth(family, 2.5, stream);
    const LocalFunctions<Wide> functions(truth, Coordinates::raw);
    const std::vector<Wide> x{Wide(0.4), Wide(-0.9)};
    const std::vector<Jet<Wide>> phi = functions.at(x, 0);
    const Wide h(1e-14);
    const WideMeasure base = wide_measure(truth);
    const auto value = [&](const WideMeasure& measure) { return wide_value(truth.family, measure, x, 0); };
    for (std::size_t j = 0; j < truth.measure.atoms.size(); ++j) {
      const std::size_t num_gate = truth.measure.atoms[j].gate.size();
      for (std::size_t u = 0; u < num_gate + truth.measure.atoms[j].expert.size(); ++u) {
        const auto moved = [&](const Wide& by) {
          WideMeasure measure = base;
          BasicAtom<Wide>& atom = measure.measure.atoms[j];
          (u < num_gate ? atom.gate[u] : atom.expert[u - num_gate]) += by;
          return value(measure);
        };
        const Wide slope = (moved(h) - moved(-h)) / (Wide(2) * h);
        const std::size_t variable = u + (u >= num_gate && !functions.has_masses() ? 1 : 0);
        EXPECT_LT(abs(functions.masses()[j] * phi[j].derivative(static_cast<int>(variable)) - slope),
                  Wide(1e-20))
            << gate << " atom " << j << " parameter " << u;
      }
    }
  }
}

TEST(LocalFunctions, DescribeSplitAtoms) {
  MixtureFamily family = family_of({"softmax", "tanh", 2, 2});
  Stream stream(8, 0, "split");
  const Truth truth = random_truth(family, 2.5, stream);
  const LocalFunctions<Wide> functions(truth, Coordinates::raw);
  const std::vector<Wide> x{Wide(0.4), Wide(-0.9)};
  const std::vector<Jet<Wide>> phi = functions.at(x, 0);
  MixtureFamily larger = family;
  larger.spec.num_experts = 3;
  const WideMeasure base = wide_measure(truth);
  const Wide f = wide_value(family, base, x, 0);
  const Wide h(1e-10);
  const std::vector<Wide> direction{Wide(0.5), Wide(-1), Wide(0.3), Wide(0.2), Wide(1)};
  WideMeasure split = base;
  BasicAtom<Wide>& first = split.measure.atoms.front();
  first.bias -= log(Wide(2));
  BasicAtom<Wide> second = first;
  Wide expected = 0;
  for (std::size_t u = 0; u < direction.size(); ++u) {
    (u < 2 ? first.gate[u] : first.expert[u - 2]) += h * direction[u];
    (u < 2 ? second.gate[u] : second.expert[u - 2]) -= h * direction[u];
    for (std::size_t v = 0; v < direction.size(); ++v) {
      expected += direction[u] * direction[v] * phi[0].derivative(static_cast<int>(u), static_cast<int>(v));
    }
  }
  split.measure.atoms.push_back(second);
  const Wide change = (wide_value(larger, split, x, 0) - f) / (h * h);
  EXPECT_LT(abs(change - functions.masses()[0] * expected / Wide(2)), Wide(1e-15));
}

TEST(Merging, HasTheKnownExponents) {
  const auto exponent = [](const std::string& expert) {
    Stream stream(1, 0, "merging");
    return merge_gates(random_truth(family_of({"softmax", expert}), 2.5, stream), 0, 1, 2.5, 1).exponent;
  };
  EXPECT_NEAR(exponent("linear"), 5, 0.1);
  EXPECT_THAT(exponent("polynomial"), testing::AllOf(testing::Ge(2.9), testing::Le(4.1)));
  EXPECT_NEAR(exponent("tanh"), 0, 0.05);
  EXPECT_NEAR(exponent("sigmoid"), 0, 0.05);
}

/// Against the covariance of the linear model, which a single linear expert is: sigma^2 (X'X)^-1.
TEST(PredictedErrors, AreThoseOfRegressionForOneExpert) {
  MixtureFamily family = family_of({"softmax", "linear", 1, 1});
  const Truth truth{family, {{{0.2, {0.7}, {1.5, -0.3}}}, {}}};
  const PredictedErrors errors =
      predicted_errors(truth, 400, 0.5, {InputDistribution::Kind::uniform, -2, 2}, 3);
  const auto of = [&](const std::string& name) {
    return std::ranges::find_if(errors.parameters,
                                [&](const PredictedError& e) { return e.parameter == name; })
        ->standard_error;
  };
  EXPECT_NEAR(of("a_1"), 0.5 / std::sqrt(400 * 4.0 / 3), 0.001);  // Var X = 4/3
  EXPECT_NEAR(of("b"), 0.5 / std::sqrt(400.0), 0.001);
}

/// The parts of a split expert come nearer as n^-1/4 where splits are identified, and not at all where they
/// are not.
TEST(PredictedErrors, OfSplitExpertsFallWithTheFourthRoot) {
  const auto split_rms = [](const std::string& expert, double n) {
    Stream stream(1, 0, "splits");
    const Truth truth = random_truth(family_of({"softmax", expert}), 2.5, stream);
    return predicted_errors(truth, n, 0.1, {InputDistribution::Kind::uniform, -2.5, 2.5}, 3)
        .splits.front()
        .root_mean_square;
  };
  EXPECT_GT(split_rms("tanh", 1e4), 0);
  EXPECT_NEAR(split_rms("tanh", 1e4) / split_rms("tanh", 16e4), 2, 1e-9);
  EXPECT_EQ(split_rms("linear", 1e4), 0);
}

/// A network has many coordinates: sets of two cells must not have more columns than sample points.
TEST(Verdicts, HaveEnoughPointsForManyParameters) {
  MixtureFamily family = family_of({"softmax", "tanh", 1, 3});
  family.formula = Expression("test",
                              "tanh(a1*x1+b1) + tanh(a2*x1^2+b2*x1) + sin(a3*x1+b3)*a4 + exp(b4*x1) + "
                              "sin(b5*x1^2) + tanh(b6*x1+x1^2)",
                              {"x1", "a1", "b1", "a2", "b2", "a3", "b3", "b4", "b5", "b6", "a4"});
  Stream stream(2, 0, "many");
  const Truth truth = random_truth(family, 2.5, stream);
  const LocalFunctions<Wide> functions(truth, Coordinates::reduced);
  const Criterion criterion(functions, truth, 2, 2.5, 1, stream);
  Eigen::Index columns = criterion.samples().first.cols();
  columns += 2 * criterion.samples().second.front().cols();
  EXPECT_GT(criterion.points().rows(), columns);
}

TEST(Neighbours, AreRegular) {
  const Identifiability cosine = ask({"cosine", "tanh", 2});
  EXPECT_THAT(regular_neighbours(cosine, 1), Contains(Field(&Neighbour::options, "--gate perturbed_cosine")));
  EXPECT_THAT(regular_neighbours(ask({"softmax", "tanh"}), 1), IsEmpty());
  const std::vector<Neighbour> both = regular_neighbours(ask({"cosine", "linear", 2}), 1);
  ASSERT_EQ(both.size(), 1U) << "neither change alone is enough";
  EXPECT_EQ(both.front().options, "--gate perturbed_cosine --expert tanh");
  const std::vector<Neighbour> linear = regular_neighbours(ask({"softmax", "linear"}), 1);
  EXPECT_THAT(linear, Contains(Field(&Neighbour::options, "--expert tanh")));
}

TEST(Identifiability, RefusesWhatCannotBeAsked) {
  EXPECT_THROW(ask({"softmax", "tanh", 1, 3, -1}), InputError);
  MixtureFamily top = family_of({"softmax", "tanh", 1, 3});
  top.spec.gate.top_k = 1;
  EXPECT_EQ(ask(top).exact.verdict, Verdict::refused);
  top.spec.gate.top_k = 2;
  EXPECT_EQ(ask(top).exact.verdict, Verdict::regular);
  EXPECT_EQ(ask(top).over.verdict, Verdict::refused);
}

TEST(Identifiability, IsTheSameForAnyNumberOfThreads) {
  IdentifiabilityOptions options;
  options.num_experts = 3;
  options.num_truths = 2;
  const MixtureFamily family = family_of({"softmax", "tanh"});
  options.num_threads = 1;
  const Identifiability one = analyze(family, std::nullopt, options);
  options.num_threads = 2;
  const Identifiability two = analyze(family, std::nullopt, options);
  EXPECT_EQ(one.truths[1].separation, two.truths[1].separation);
  EXPECT_EQ(one.dictionary.smallest_non_null, two.dictionary.smallest_non_null);
}

}  // namespace
}  // namespace moest
