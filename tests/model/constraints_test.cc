#include "moest/model/constraints.h"

#include <gmock/gmock.h>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/model/catalogue.h"
#include "moest/model/chart.h"

namespace moest {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

MixtureSpec spec_of(const std::string& gate, const std::string& expert, int num_experts) {
  MixtureSpec spec;
  spec.gate.kind = gate;
  spec.expert.kind = expert;
  spec.num_inputs = 2;
  spec.num_experts = num_experts;
  return spec;
}

MixtureChart chart_with(const MixtureSpec& spec, const std::vector<std::string>& texts) {
  return {spec, 200, parse_equations(texts)};
}

Eigen::VectorXd random_point(const MixtureChart& chart, std::uint64_t seed) {
  Stream stream(seed, 0, "point");
  Eigen::VectorXd theta(chart.num_coordinates());
  for (double& value : theta) {
    value = stream.uniform(-3, 3);
  }
  return theta;
}

TEST(Equations, PointAtWhatCannotBeRead) {
  const auto message = [](const std::string& text, const std::string& part) {
    EXPECT_THAT([&] { parse_equation(text); }, ThrowsMessage<InputError>(HasSubstr(part))) << text;
  };
  message("atoms[0].expert[1]", "no `=`");
  message("atom[0].expert[1]=0", "at `atom[0].expert[1]`: `atoms[` or `groups[`");
  message("atoms[x].expert[1]=0", "at `x].expert[1]`: a number");
  message("atoms[0].experts[1]=0", "at `s[1]`");
  message("atoms[0].expert=0", "a number in brackets");
  message("atoms[0].bias[1]=0", "there is one bias");
  message("atoms[0].expert[1]=", "neither a finite number nor a path");
  message("atoms[0].expert[1]=inf", "neither a finite number nor a path");
  message("atoms[0].expert[1]=atoms[*].expert[1]", "names no single number");
  message("atoms[0].expert[1]=atoms[0].bias", "different kinds");
  message("atoms[0].expert[1234567]=0", "a smaller number");
}

TEST(Constraints, HoldInTheModelAfterTheyAreImposed) {
  for (const std::string gate : {"softmax", "quadratic", "sigmoid", "laplace", "hierarchical", "monomial"}) {
    MixtureSpec spec = spec_of(gate, "linear", 4);
    const MixtureChart chart =
        chart_with(spec, {"atoms[0].expert[1]=0.5", "atoms[2].expert[0]=atoms[1].expert[0]",
                          "atoms[0].bias=-1.5", "atoms[0].gate[1]=0.75", "atoms[2].bias=atoms[0].bias"});
    Eigen::VectorXd theta = random_point(chart, 3);
    chart.make_feasible(theta);
    const Measure measure = chart.measure(theta);
    EXPECT_EQ(measure.atoms[0].expert[1], 0.5) << gate;
    EXPECT_EQ(measure.atoms[2].expert[0], measure.atoms[1].expert[0]) << gate;
    EXPECT_EQ(measure.atoms[0].bias, -1.5) << gate;
    EXPECT_EQ(measure.atoms[2].bias, -1.5) << gate;
    EXPECT_EQ(measure.atoms[0].gate[1], 0.75) << gate;
  }
}

TEST(Constraints, ScaleWithTheTemperatureThatIsGiven) {
  MixtureSpec spec = spec_of("dense_to_sparse", "linear", 3);
  spec.gate.temperature = {0.25, false};
  const MixtureChart chart = chart_with(spec, {"atoms[1].gate[0]=2"});
  Eigen::VectorXd theta = random_point(chart, 4);
  chart.make_feasible(theta);
  EXPECT_DOUBLE_EQ(chart.measure(theta).atoms[1].gate[0], 2);
}

TEST(Constraints, OfAllAtomsLeaveTheInputOutOfTheGate) {
  const MixtureChart chart = chart_with(spec_of("softmax", "linear", 3), {"atoms[*].gate[1]=0"});
  Eigen::VectorXd theta = random_point(chart, 5);
  chart.make_feasible(theta);
  for (const Atom& atom : chart.measure(theta).atoms) {
    EXPECT_EQ(atom.gate[1], 0);
  }
  EXPECT_EQ(chart.num_free_parameters(), 2 * 3 + 3 * 3 - 2);
}

TEST(Constraints, TakeOneParameterEach) {
  const MixtureSpec spec = spec_of("softmax", "tanh", 3);
  const int all = MixtureChart(spec, 200).num_free_parameters();
  const auto left = [&](const std::vector<std::string>& texts) {
    return chart_with(spec, texts).num_free_parameters();
  };
  EXPECT_EQ(left({"atoms[0].gate[1]=0"}), all - 1);
  EXPECT_EQ(left({"atoms[0].gate[1]=0", "atoms[1].gate[1]=0"}), all - 2);
  EXPECT_EQ(left({"atoms[2].gate[1]=0"}), all) << "it is the reference";
  EXPECT_EQ(left({"atoms[0].gate[1]=atoms[1].gate[1]"}), all - 1);
  EXPECT_EQ(left({"atoms[0].gate[1]=atoms[2].gate[1]"}), all - 1);
  EXPECT_EQ(left({"atoms[*].expert[0]=atoms[0].expert[0]"}), all - 2);
  EXPECT_EQ(left({"atoms[0].expert[0]=atoms[1].expert[0]", "atoms[1].expert[0]=0.5"}), all - 2);
  EXPECT_EQ(left({"atoms[7].expert[0]=0"}), all) << "paths to atoms that are not there are left out";
}

TEST(Constraints, DoNotChangeAFunctionThatFulfilsThem) {
  const MixtureSpec spec = spec_of("softmax", "tanh", 3);
  const MixtureChart chart = chart_with(spec, {"atoms[0].gate[1]=0.75"});
  Eigen::VectorXd theta = random_point(chart, 6);
  chart.make_feasible(theta);
  Eigen::VectorXd shifted = theta;
  for (int i = 0; i < 3; ++i) {
    shifted[chart.gate_offset(i) + 1] += 4;  // what adds the same to all gates changes nothing
  }
  chart.make_feasible(shifted);
  EXPECT_TRUE(shifted.isApprox(theta, 1e-14));
}

TEST(Constraints, AreRefusedWithTheReason) {
  const auto message = [](const MixtureSpec& spec, const std::vector<std::string>& texts,
                          const std::string& part) {
    EXPECT_THAT([&] { chart_with(spec, texts); }, ThrowsMessage<InputError>(HasSubstr(part)))
        << texts.front();
  };
  const MixtureSpec softmax = spec_of("softmax", "linear", 2);
  message(softmax, {"atoms[0].expert[3]=0"}, "there are 3 numbers, counted from 0");
  message(softmax, {"atoms[0].gate[2]=0"}, "there are 2 numbers, counted from 0");
  message(softmax, {"atoms[0].expert[0][1]=0"}, "one list");
  message(softmax, {"groups[0].bias=0"}, "no groups");
  message(softmax, {"atoms[1].gate[0]=1"}, "reference");
  message(softmax, {"atoms[0].expert[0]=201"}, "the bounds are -200 and 200");
  message(softmax, {"atoms[0].expert[0]=1", "atoms[0].expert[0]=2"}, "`atoms[0].expert[0]=1` says otherwise");
  message(softmax, {"atoms[0].expert[0]=1", "atoms[1].expert[0]=2", "atoms[0].expert[0]=atoms[1].expert[0]"},
          "says otherwise");
  message(spec_of("cosine", "linear", 2), {"atoms[0].gate[0]=0"}, "normalises its omega");
  message(spec_of("hierarchical", "linear", 4), {"groups[0].expert[0]=0"}, "a gate only");
  message(spec_of("dense_to_sparse", "linear", 2), {"atoms[0].gate[0]=1"}, "temperature is learned");
  MixtureSpec two_targets = softmax;
  two_targets.num_outputs = 2;
  message(two_targets, {"atoms[0].expert[1]=0"}, "several lists");
  message(two_targets, {"atoms[0].expert[2][0]=0"}, "there are 2 lists");
  EXPECT_THAT(
      [&] {
        check_paths(MixtureChart(softmax, 200), parse_equations(std::vector<std::string>{"atoms[2].bias=0"}));
      },
      ThrowsMessage<InputError>(HasSubstr("there are 2 atoms")));
}

}  // namespace
}  // namespace moest
