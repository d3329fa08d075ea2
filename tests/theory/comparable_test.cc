#include "moest/theory/comparable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "moest/base/error.h"
#include "tests/theory/theory_models.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const Model& fitted, const Model& truth) {
  try {
    check_comparable(fitted, truth);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// What is said of a fit that differs from its truth by `change`.
std::string refusal_of(const GateSpec& gate, const ExpertSpec& expert,
                       const std::function<void(Model&)>& change) {
  Stream stream(1, 0, "models");
  const Model truth = random_model(gate, expert, 2, 2, stream);
  Model fitted = truth;
  change(fitted);
  return refusal(fitted, truth);
}

TEST(Comparable, NamesTheFieldThatDiffers) {
  const GateSpec softmax = gate_of("softmax");
  const ExpertSpec tanh = expert_of("tanh");
  EXPECT_THAT(refusal_of(softmax, tanh, [](Model& model) { model.spec.gate.kind = "laplace"; }),
              AllOf(HasSubstr("gate.kind is laplace of the fit and softmax of the truth"),
                    HasSubstr("--gate softmax")));
  EXPECT_THAT(refusal_of(softmax, tanh, [](Model& model) { model.spec.expert.kind = "gelu"; }),
              HasSubstr("expert.kind is gelu"));
  EXPECT_THAT(refusal_of(softmax, tanh, [](Model& model) { model.spec.gate.input_map = "tanh"; }),
              HasSubstr("gate.input_map is \"tanh\""));
  EXPECT_THAT(refusal_of(softmax, tanh, [](Model& model) { model.spec.expert.bias = false; }),
              HasSubstr("expert.bias is false"));
  EXPECT_THAT(refusal_of(gate_of("perturbed_cosine"), tanh, [](Model& model) { model.spec.gate.tau2 = 0.3; }),
              HasSubstr("gate.tau2 is 0.3"));
  EXPECT_THAT(refusal_of(gate_of("cosine"), tanh,
                         [](Model& model) {
                           model.spec.gate.temperature = {0.5, false};
                         }),
              HasSubstr("gate.temperature is 0.5"));
  EXPECT_THAT(refusal_of(softmax, expert_of("ffn"), [](Model& model) { model.spec.expert.hidden = 2; }),
              HasSubstr("expert.hidden is 2"));
  EXPECT_THAT(refusal_of(softmax, tanh,
                         [](Model& model) {
                           model.inputs = {"x2", "x1"};
                         }),
              HasSubstr("inputs is x2, x1"));
  EXPECT_THAT(refusal_of(softmax, tanh, [](Model& model) { model.targets = {"z"}; }),
              HasSubstr("target is z"));
  EXPECT_THAT(refusal_of(softmax, tanh,
                         [](Model& model) {
                           model.scaling = Scaling{{Affine{}, Affine{}}, {Affine{}}};
                         }),
              AllOf(HasSubstr("scaling"), HasSubstr("--no-scaling")));
}

TEST(Comparable, LeavesFreeWhatAFitFinds) {
  const auto temperature = [](Model& model) { model.spec.gate.temperature = {0.5, true}; };
  EXPECT_EQ(refusal_of(gate_of("cosine"), expert_of("tanh"), temperature), "");
  Stream stream(2, 0, "models");
  const Model truth = random_model(gate_of("softmax"), expert_of("tanh"), 2, 2, stream);
  EXPECT_EQ(refusal(random_model(gate_of("softmax"), expert_of("tanh"), 2, 4, stream), truth), "");
  Model same_units = truth;
  same_units.scaling = Scaling{{Affine{1, 2}, Affine{}}, {Affine{}}};
  EXPECT_EQ(refusal(same_units, same_units), "");
  EXPECT_THAT(refusal(truth, same_units), HasSubstr("scaling is none of the fit"));
  Model other_units = same_units;
  other_units.scaling->inputs[0].scale = 3;
  EXPECT_THAT(refusal(other_units, same_units), HasSubstr("scaling"));
}

TEST(Comparable, KeepsTheNumberOfActiveExperts) {
  Stream stream(3, 0, "models");
  GateSpec gate = gate_of("softmax");
  const Model all = random_model(gate, expert_of("tanh"), 2, 3, stream);
  gate.top_k = 3;
  const Model three = random_model(gate, expert_of("tanh"), 2, 3, stream);
  gate.top_k = 2;
  const Model two = random_model(gate, expert_of("tanh"), 2, 3, stream);
  EXPECT_EQ(refusal(three, all), "") << "0 is all of them";
  EXPECT_THAT(refusal(two, all), HasSubstr("gate.top_k"));
  EXPECT_EQ(num_active(all.spec), 3);
  EXPECT_EQ(num_active(two.spec), 2);
}

}  // namespace
}  // namespace moest
