#include "moest/model/model_json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/json_text.h"
#include "moest/base/random.h"
#include "moest/model/catalogue.h"
#include "moest/model/predict.h"
#include "tests/model/mixture_harness.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// The example of the format, as a person would write it.
const char kHandWritten[] = R"({"moest_model": 1,
 "gate":   {"kind": "perturbed_cosine", "tau1": 0.1, "tau2": 0.1, "temperature": 1.0},
 "expert": {"kind": "tanh", "output_weight": false, "bias": true},
 "inputs": ["x1", "x2"], "target": "y",
 "atoms":  [{"bias": 0.3, "gate": [1.0, -0.5], "expert": [0.8, 0.2, -0.1]},
            {"bias": 0.0, "gate": [0.0, 0.7],  "expert": [-1.0, 0.4, 0.5]}],
 "noise_variance": 0.01})";

Json example() { return Json::parse(kHandWritten); }

std::string refusal(const Json& json) {
  try {
    model_from_json(json);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal_of_text(const std::string& text) {
  try {
    parse_model(text, "model.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

// The example with the value at a JSON pointer replaced or added.
Json with(const std::string& pointer, const Json& value) {
  Json json = example();
  json[Json::json_pointer(pointer)] = value;
  return json;
}

Json without(const std::string& parent, const std::string& field) {
  Json json = example();
  json[Json::json_pointer(parent)].erase(field);
  return json;
}

TEST(ModelFile, LoadsAHandWrittenModel) {
  const Model model = parse_model(kHandWritten, "model.json");
  EXPECT_EQ(model.spec.gate.kind, "perturbed_cosine");
  EXPECT_EQ(model.spec.expert.kind, "tanh");
  EXPECT_EQ(model.spec.num_inputs, 2);
  EXPECT_EQ(model.spec.num_experts, 2);
  EXPECT_THAT(model.inputs, ElementsAre("x1", "x2"));
  EXPECT_THAT(model.targets, ElementsAre("y"));
  EXPECT_EQ(model.atoms[0].bias, 0.3);
  EXPECT_THAT(model.atoms[1].gate, ElementsAre(0.0, 0.7));
  EXPECT_THAT(model.atoms[1].expert, ElementsAre(-1.0, 0.4, 0.5));
  EXPECT_THAT(model.noise_variance, ElementsAre(0.01));
  EXPECT_FALSE(model.scaling || model.fit);
}

TEST(ModelFile, GivesDefaultsToMissingFields) {
  const Model model = parse_model(R"({"moest_model": 1, "gate": {"kind": "perturbed_cosine"},
      "expert": {"kind": "sigmoid"}, "inputs": ["a"], "target": "b",
      "atoms": [{"gate": [1], "expert": [2, 3]}]})",
                                  "model.json");
  EXPECT_EQ(model.spec.gate.tau1, GateSpec{}.tau1);
  EXPECT_EQ(model.spec.gate.tau2, GateSpec{}.tau2);
  EXPECT_EQ(model.spec.gate.temperature, GateSpec{}.temperature);
  EXPECT_TRUE(model.spec.expert.bias);
  EXPECT_FALSE(model.spec.expert.output_weight || model.spec.expert.output_offset);
  EXPECT_EQ(model.atoms[0].bias, 0);
  EXPECT_FALSE(!model.noise_variance.empty() || model.scaling || model.fit);
  EXPECT_TRUE(model.categories.empty());
}

// --- refusals

TEST(ModelFile, RefusesAnUnknownVersion) {
  // 4294967297 is 1 modulo 2^32.
  for (const Json& version : {Json(2), Json(0), Json(-1), Json("1"), Json(1.0), Json(nullptr), Json(true),
                              Json(4294967297), Json(18446744073709551615u)}) {
    EXPECT_THAT(refusal(with("/moest_model", version)), AllOf(HasSubstr("moest_model = " + version.dump()),
                                                              HasSubstr("this program reads version 1")));
  }
  EXPECT_THAT(refusal(without("", "moest_model")), HasSubstr("the field moest_model is missing"));
}

TEST(ModelFile, RefusesAnUnknownKindWithItsPathAndASuggestion) {
  EXPECT_THAT(refusal(with("/gate/kind", "perturbed_cosin")),
              AllOf(HasSubstr("gate.kind"), HasSubstr("Did you mean `perturbed_cosine`?")));
  EXPECT_THAT(refusal(with("/expert/kind", "tahn")),
              AllOf(HasSubstr("expert.kind"), HasSubstr("Did you mean `tanh`?")));
  EXPECT_THAT(refusal(with("/expert/kind", 3)), HasSubstr("expert.kind = 3"));
}

TEST(ModelFile, RefusesAnUnknownFieldWithItsPath) {
  EXPECT_THAT(refusal(with("/atom", 1)), HasSubstr("unknown field atom"));
  EXPECT_THAT(refusal(with("/gate/tau3", 1)), HasSubstr("unknown field gate.tau3"));
  EXPECT_THAT(refusal(with("/expert/degree", 2)), HasSubstr("unknown field expert.degree"));
  EXPECT_THAT(refusal(with("/atoms/1/omega", 1)), HasSubstr("unknown field atoms[1].omega"));
  const Json affine = {{"offset", 0}, {"scale", 1}};
  Json scaling = {{"inputs", {affine, affine}}, {"targets", Json::array({affine})}};
  scaling["inputs"][1]["unit"] = 1;
  EXPECT_THAT(refusal(with("/scaling", scaling)), HasSubstr("unknown field scaling.inputs[1].unit"));
}

TEST(ModelFile, RefusesAnOptionThatDoesNotBelongToTheKind) {
  EXPECT_THAT(refusal(with("/gate", {{"kind", "softmax"}, {"tau1", 0.1}})),
              HasSubstr("unknown field gate.tau1"));
  EXPECT_THAT(refusal(with("/expert", {{"kind", "linear"}, {"output_weight", false}})),
              HasSubstr("unknown field expert.output_weight"));
  EXPECT_THAT(refusal(with("/expert", {{"kind", "constant"}, {"bias", true}})),
              HasSubstr("unknown field expert.bias"));
}

TEST(ModelFile, RefusesAnOptionOutOfRangeWithItsPath) {
  for (const std::string option : {"tau1", "tau2", "temperature"}) {
    for (const double value : {0.0, -1.0, 1e-7, 1e7}) {
      EXPECT_THAT(refusal(with("/gate/" + option, value)),
                  AllOf(HasSubstr("gate." + option), HasSubstr("out of range")));
    }
    EXPECT_THAT(refusal(with("/gate/" + option, "large")), HasSubstr("gate." + option));
  }
  EXPECT_THAT(refusal(with("/expert/bias", 1)), HasSubstr("expert.bias = 1"));
}

TEST(ModelFile, RefusesAMissingFieldWithItsPath) {
  for (const std::string field : {"gate", "expert", "inputs", "target", "atoms"}) {
    EXPECT_THAT(refusal(without("", field)), HasSubstr("the field " + field + " is missing"));
  }
  EXPECT_THAT(refusal(without("/gate", "kind")), HasSubstr("the field gate.kind is missing"));
  EXPECT_THAT(refusal(without("/atoms/1", "expert")), HasSubstr("the field atoms[1].expert is missing"));
  EXPECT_THAT(refusal(without("/atoms/0", "gate")), HasSubstr("the field atoms[0].gate is missing"));
}

TEST(ModelFile, RefusesAWrongLengthWithItsPath) {
  EXPECT_THAT(refusal(with("/atoms/1/expert", {1, 2})), HasSubstr("atoms[1].expert has 2 numbers"));
  EXPECT_THAT(refusal(with("/atoms/0/gate", {1, 2, 3})), HasSubstr("atoms[0].gate has 3 numbers"));
  EXPECT_THAT(refusal(with("/inputs", {"x1"})), HasSubstr("atoms[0].gate has 2 numbers"));
  EXPECT_THAT(refusal(with("/atoms", Json::array())), HasSubstr("mixture of 0 experts"));
  EXPECT_THAT(refusal(with("/inputs", Json::array())), HasSubstr("0 input(s)"));
  const Json affine = {{"offset", 0}, {"scale", 1}};
  EXPECT_THAT(
      refusal(with("/scaling", {{"inputs", Json::array({affine})}, {"targets", Json::array({affine})}})),
      HasSubstr("scaling.inputs has 1 entries"));
  EXPECT_THAT(refusal(with("/scaling", {{"inputs", {affine, affine}}, {"targets", Json::array()}})),
              HasSubstr("scaling.targets has 0 entries"));
}

TEST(ModelFile, RefusesAWrongTypeWithItsPath) {
  EXPECT_THAT(refusal(Json::array()), HasSubstr("the model is not an object"));
  EXPECT_THAT(refusal(with("/gate", "softmax")), HasSubstr("gate is not an object"));
  EXPECT_THAT(refusal(with("/atoms/1", 1)), HasSubstr("atoms[1] is not an object"));
  EXPECT_THAT(refusal(with("/atoms", Json::object())), HasSubstr("atoms = {}"));
  EXPECT_THAT(refusal(with("/atoms/1/expert/2", "b")), HasSubstr("atoms[1].expert[2]"));
  EXPECT_THAT(refusal(with("/atoms/1/bias", nullptr)), HasSubstr("atoms[1].bias = null"));
  EXPECT_THAT(refusal(with("/inputs/1", 2)), HasSubstr("inputs[1] = 2"));
  EXPECT_THAT(refusal(with("/target", Json::array())), HasSubstr("target = []"));
  EXPECT_THAT(refusal(with("/categories", 1)), HasSubstr("categories = 1"));
  EXPECT_THAT(refusal(with("/categories", {{"c", "a"}})), HasSubstr("categories.c"));
}

TEST(ModelFile, RefusesNumbersThatAreNotFiniteWithTheirPath) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(refusal(with("/atoms/1/expert/0", infinity)), HasSubstr("atoms[1].expert[0]"));
  EXPECT_THAT(refusal(with("/atoms/0/bias", std::nan(""))), HasSubstr("atoms[0].bias"));
  EXPECT_THAT(refusal(with("/noise_variance", infinity)), HasSubstr("noise_variance"));
  EXPECT_THAT(refusal(with("/gate/tau1", infinity)), HasSubstr("gate.tau1"));
  std::string text = kHandWritten;
  text.replace(text.find("0.5]}],"), 3, "1e999");
  EXPECT_THAT(refusal_of_text(text), AllOf(HasSubstr("model.json: atoms[1].expert[2]"), HasSubstr("finite")));
  EXPECT_THAT(
      refusal_of_text(R"({"moest_model": 1, "gate": {"kind": "softmax", "tau1": [[], {"a": -1e400}]}})"),
      HasSubstr("gate.tau1[1].a"));
}

TEST(ModelFile, RefusesABadVarianceOrScale) {
  EXPECT_THAT(refusal(with("/noise_variance", -1e-300)), HasSubstr("noise_variance = -1e-300"));
  EXPECT_EQ(refusal(with("/noise_variance", 0)), "accepted");
  for (const double scale : {0.0, -1.0}) {
    const Json affine = {{"offset", 0}, {"scale", 1}};
    Json scaling = {{"inputs", {affine, affine}}, {"targets", Json::array({affine})}};
    EXPECT_EQ(refusal(with("/scaling", scaling)), "accepted");
    scaling["inputs"][1]["scale"] = scale;
    EXPECT_THAT(refusal(with("/scaling", scaling)), HasSubstr("scaling.inputs[1].scale"));
  }
}

TEST(ModelFile, RefusesTruncatedTextWithFileAndLine) {
  const std::string text = kHandWritten;
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length), '\n');
    EXPECT_THAT(
        refusal_of_text(text.substr(0, length)),
        AllOf(HasSubstr("model.json is not a model file"), HasSubstr("line " + std::to_string(line) + ",")));
  }
  EXPECT_THAT(refusal_of_text(text + "}"), HasSubstr("line 7"));
  EXPECT_THAT(refusal_of_text("{\n\"a\": nan}"), HasSubstr("line 2"));
}

// One character of the file deleted, doubled or replaced: read or refused in the right way, never anything
// else.
TEST(ModelFile, NeverFailsInAnotherWayOnADamagedFile) {
  Stream stream(1, 0, "damaged model file");
  const std::string characters = "{}[]\",:01-.eE+ntfau\\\x80\n ";
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text = kHandWritten;
    for (int i = stream.below(3); i >= 0; --i) {
      const auto at = static_cast<std::size_t>(stream.below(static_cast<int>(text.size())));
      const char other =
          characters[static_cast<std::size_t>(stream.below(static_cast<int>(characters.size())))];
      switch (stream.below(3)) {
        case 0:
          text.erase(at, 1);
          break;
        case 1:
          text.insert(at, 1, other);
          break;
        default:
          text[at] = other;
      }
    }
    EXPECT_NO_THROW(refusal_of_text(text)) << text;
  }
}

TEST(ModelFile, NamesTheFileInItsRefusals) {
  EXPECT_THAT(refusal_of_text(with("/gate/kind", "x").dump()), HasSubstr("model.json: gate.kind"));
  EXPECT_THROW(read_model("/nonexistent/model.json"), InputError);
}

// --- round trip

double any_finite(Stream& stream) {
  switch (stream.below(6)) {
    case 0:
      return -0.0;
    case 1:
      return std::numeric_limits<double>::denorm_min() * (1 + stream.below(1000000));
    case 2:
      return std::ldexp(stream.uniform(-1, 1), stream.below(600) - 300);
    default: {
      const double value = stream.normal();
      return value == 0 ? 1 : value;
    }
  }
}

Model random_model(const MixtureSpec& spec, Stream& stream) {
  Model model;
  model.spec = spec;
  const auto numbers = [&](int size) {
    std::vector<double> values;
    for (int i = 0; i < size; ++i) {
      values.push_back(any_finite(stream));
    }
    return values;
  };
  for (int j = 0; j < spec.num_inputs; ++j) {
    model.inputs.push_back("x \"\\\t\u00e9" + std::to_string(j));
  }
  for (int j = 0; j < spec.num_outputs; ++j) {
    model.targets.push_back(fmt::format("y{}", j));
  }
  for (int i = 0; i < spec.num_experts; ++i) {
    model.atoms.push_back(
        {any_finite(stream), numbers(num_gate_parameters(spec)), numbers(num_expert_parameters(spec))});
    std::vector<double>& gate = model.atoms.back().gate;
    if (std::all_of(gate.begin(), gate.end(), [](double value) { return value == 0; })) {
      gate.front() = 1;  // some gates need a direction
    }
  }
  for (std::size_t g = 0; g < group_sizes(spec).size(); ++g) {
    model.groups.push_back({any_finite(stream), numbers(num_gate_parameters(spec)), {}});
  }
  if (stream.below(2) == 0) {
    for (int j = 0; j < spec.num_outputs; ++j) {
      model.noise_variance.push_back(std::abs(any_finite(stream)));
    }
    Scaling scaling;
    for (int j = 0; j < spec.num_inputs; ++j) {
      scaling.inputs.push_back({stream.normal(), std::exp(stream.normal())});
    }
    for (int j = 0; j < spec.num_outputs; ++j) {
      scaling.targets.push_back({stream.normal(), std::exp(stream.normal())});
    }
    model.scaling = scaling;
    model.categories["c=d"] = {"a", "b c", ""};
    model.fit = Json{{"status", "converged"}, {"starts", {{{"rss", 1.5}}, {{"rss", nullptr}}}}};
  }
  return model;
}

std::vector<std::uint64_t> bits(const Model& model) {
  std::vector<std::uint64_t> result;
  const auto add = [&](double value) { result.push_back(std::bit_cast<std::uint64_t>(value)); };
  for (const Atom& atom : model.atoms) {
    add(atom.bias);
    std::for_each(atom.gate.begin(), atom.gate.end(), add);
    std::for_each(atom.expert.begin(), atom.expert.end(), add);
  }
  for (const Atom& group : model.groups) {
    add(group.bias);
    std::for_each(group.gate.begin(), group.gate.end(), add);
  }
  if (model.scaling) {
    for (const auto& maps : {model.scaling->inputs, model.scaling->targets}) {
      for (const Affine& map : maps) {
        add(map.offset);
        add(map.scale);
      }
    }
  }
  std::for_each(model.noise_variance.begin(), model.noise_variance.end(), add);
  for (const double option :
       {model.spec.gate.tau1, model.spec.gate.tau2, model.spec.gate.temperature.value}) {
    add(option);
  }
  return result;
}

TEST(ModelFile, RefusesABadTargetRange) {
  EXPECT_EQ(refusal(with("/target_ranges", Json::array({{{"low", -1}, {"high", -1}}}))), "accepted");
  EXPECT_THAT(refusal(with("/target_ranges", Json::array({{{"low", 1}, {"high", 0}}}))),
              HasSubstr("target_ranges[0].high"));
  EXPECT_THAT(refusal(with("/target_ranges", Json::array({{{"low", 1}}}))), HasSubstr("target_ranges[0]"));
  const Json range{{"low", 0}, {"high", 1}};
  EXPECT_THAT(refusal(with("/target_ranges", Json::array({range, range}))), HasSubstr("target_ranges has 2"));
}

TEST(ModelFile, GivesBackEveryBitAndTheSamePredictions) {
  Stream stream(2, 0, "round trip");
  const std::string path =
      std::filesystem::path(testing::TempDir()) / ("moest_model_" + std::to_string(::getpid()) + ".json");
  for (const std::string& gate : gate_names()) {
    for (const std::string& expert : expert_names()) {
      for (const MixtureSpec& spec : variants(gate, expert)) {
        const Model model = random_model(spec, stream);
        write_model(path, model);
        const Model again = read_model(path);
        ASSERT_EQ(bits(again), bits(model));
        ASSERT_EQ(to_json(again), to_json(model));
        ASSERT_EQ(again.inputs, model.inputs);
        ASSERT_EQ(again.categories, model.categories);
        ASSERT_EQ(again.spec.expert.output_weight, spec.expert.output_weight);
        Eigen::MatrixXd inputs(3, spec.num_inputs);
        for (double& value : inputs.reshaped()) {
          value = stream.normal();
        }
        const Predictions expected = predict(model, inputs, 1);
        const Predictions given = predict(again, inputs, 1);
        for (Eigen::Index i = 0; i < 3; ++i) {
          ASSERT_EQ(std::bit_cast<std::uint64_t>(given.mean(i)),
                    std::bit_cast<std::uint64_t>(expected.mean(i)));
        }
      }
    }
  }
  std::filesystem::remove(path);
}

TEST(ModelFile, KeepsTheCovarianceOfTheParameters) {
  Stream stream(4, 0, "covariance");
  Model model = random_model(variants("softmax", "linear").front(), stream);
  Eigen::MatrixXd half(3, 3);
  for (double& value : half.reshaped()) {
    value = stream.normal();
  }
  model.covariance = ParameterCovariance{half * half.transpose(), 12.5};
  const Model again = model_from_json(to_json(model));
  ASSERT_TRUE(again.covariance);
  EXPECT_EQ(again.covariance->degrees_of_freedom, 12.5);
  EXPECT_EQ(again.covariance->matrix.triangularView<Eigen::Lower>().toDenseMatrix(),
            model.covariance->matrix.triangularView<Eigen::Lower>().toDenseMatrix());
  EXPECT_TRUE(again.covariance->matrix.isApprox(again.covariance->matrix.transpose(), 0));
  Json broken = to_json(model);
  broken["covariance"]["lower_triangle"][1] = {1, 2, 3};
  EXPECT_THAT(refusal(broken),
              HasSubstr("covariance.lower_triangle[1] has 3 numbers (row 2 of a lower triangle has 2)"));
  broken = to_json(model);
  broken["covariance"].erase("degrees_of_freedom");
  EXPECT_THAT(refusal(broken), HasSubstr("covariance.degrees_of_freedom is missing"));
}

TEST(ModelFile, IsNotWrittenWhenItCouldNotBeRead) {
  Stream stream(3, 0, "round trip");
  Model model = random_model(variants("softmax", "linear").back(), stream);
  const std::string path =
      std::filesystem::path(testing::TempDir()) / ("moest_unwritten_" + std::to_string(::getpid()) + ".json");
  model.atoms[1].expert[2] = std::nan("");
  EXPECT_THROW(write_model(path, model), InputError);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_THROW(predict(model, Eigen::MatrixXd::Zero(1, model.spec.num_inputs), 1), InputError);
}

std::string grouped(const std::string& option, const std::string& groups) {
  return R"({"moest_model": 1, "gate": {"kind": "hierarchical")" + option +
         R"(}, "expert": {"kind": "constant"}, "inputs": ["x"], "target": "y", "atoms": [)"
         R"({"gate": [1], "expert": [1]}, {"gate": [2], "expert": [2]}, {"gate": [0], "expert": [3]}], )" +
         groups + "}";
}

TEST(ModelFile, TakesTheSizesOfGroupsFromEitherPlace) {
  const std::string with_sizes =
      R"("groups": [{"gate": [1], "size": 1}, {"bias": 2, "gate": [0], "size": 2}])";
  const std::string without = R"("groups": [{"gate": [1]}, {"bias": 2, "gate": [0]}])";
  for (const std::string& text : {grouped("", with_sizes), grouped(R"(, "groups": [1, 2])", with_sizes),
                                  grouped(R"(, "groups": [1, 2])", without)}) {
    const Model model = parse_model(text, "text");
    EXPECT_EQ(group_sizes(model.spec), (std::vector<int>{1, 2}));
    EXPECT_EQ(model.groups[1].bias, 2);
    EXPECT_EQ(to_json(model), to_json(parse_model(to_json(model).dump(), "text")));
  }
  const std::string three = R"("groups": [{"gate": [1]}, {"gate": [2]}, {"gate": [0]}])";
  EXPECT_EQ(group_sizes(parse_model(grouped("", three), "text").spec), (std::vector<int>{1, 1, 1}));
}

TEST(ModelFile, RefusesGroupsThatDoNotFit) {
  const std::string two = R"("groups": [{"gate": [1]}, {"gate": [0]}])";
  EXPECT_THAT(refusal_of_text(grouped("", R"("noise_variance": 1)")),
              HasSubstr("the field groups is missing"));
  EXPECT_THAT(refusal_of_text(grouped("", two)), HasSubstr("2 equal groups are not possible"));
  EXPECT_THAT(refusal_of_text(grouped(R"(, "groups": [2, 2])", two)), HasSubstr("the mixture has 3"));
  EXPECT_THAT(refusal_of_text(grouped(R"(, "groups": [1, 1, 1])", two)), HasSubstr("groups has 2 entries"));
  EXPECT_THAT(refusal_of_text(grouped(R"(, "groups": [2, 1])",
                                      R"("groups": [{"gate": [1], "size": 1}, {"gate": [0], "size": 2}])")),
              HasSubstr("gate.groups says 2, 1"));
  EXPECT_THAT(refusal_of_text(grouped("", R"("groups": [{"gate": [1], "size": 1}, {"gate": [0]}])")),
              HasSubstr("some groups have no size"));
  EXPECT_THAT(refusal_of_text(grouped(R"(, "groups": 1.5)", two)),
              HasSubstr("gate.groups = 1.5 cannot be used"));
  EXPECT_THAT(refusal_of_text(grouped(R"(, "groups": [])", two)),
              HasSubstr("gate.groups = [] cannot be used"));
  EXPECT_THAT(refusal_of_text(grouped(R"(, "groups": 2)", two)), HasSubstr("gate.groups: 2 equal groups"));
  EXPECT_THAT(
      refusal_of_text(grouped("", R"("groups": [{"gate": [1], "size": 0}, {"gate": [0], "size": 3}])")),
      HasSubstr("groups[0].size = 0 cannot be used (it must be a whole number from 1"));
  EXPECT_THAT(refusal_of_text(grouped("", R"("groups": [{"gate": [1], "size": 3, "expert": [1]}])")),
              HasSubstr("unknown field groups[0].expert"));
  EXPECT_THAT(refusal_of_text(grouped("", R"("groups": [{"gate": [1, 2], "size": 3}])")),
              HasSubstr("groups[0].gate has 2 numbers"));
}

// An option of another expert would change the number of parameters and be lost in the file.
TEST(MixtureSpec, RefusesAnOptionOfAnotherExpert) {
  EXPECT_THROW(check(MixtureSpec{{}, {"linear", true, true, false}, 1, 1}), InputError);
  EXPECT_THROW(check(MixtureSpec{{}, {"constant", false, false, false}, 1, 1}), InputError);
  EXPECT_NO_THROW(check(MixtureSpec{{}, {"linear", false, false, false}, 1, 1}));
  EXPECT_NO_THROW(check(MixtureSpec{{}, {"tanh", false, true, true}, 1, 1}));
}

// --- readable text

Json random_json(Stream& stream, int depth) {
  switch (stream.below(depth > 0 ? 9 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return stream.below(2) == 0;
    case 2:
      return stream.below(1000) - 500;
    case 3:
      return any_finite(stream);
    case 4:
      return std::string(static_cast<std::size_t>(stream.below(40)), 'a') + "\"\n\\";
    case 5:
      return stream();
    case 6:
    case 7: {
      Json list = Json::array();
      for (int i = stream.below(6); i > 0; --i) {
        list.push_back(random_json(stream, depth - 1));
      }
      return list;
    }
    default: {
      Json object = Json::object();
      for (int i = stream.below(6); i > 0; --i) {
        object["key \"" + std::to_string(i)] = random_json(stream, depth - 1);
      }
      return object;
    }
  }
}

TEST(ReadableText, ParsesBackToTheSameJson) {
  Stream stream(4, 0, "readable text");
  for (int trial = 0; trial < 5000; ++trial) {
    const Json json = random_json(stream, 5);
    const std::string text = readable_text(json);
    ASSERT_EQ(Json::parse(text), json) << text;
    ASSERT_EQ(Json::parse(text).dump(), json.dump()) << text;
    EXPECT_EQ(text.back(), '\n');
  }
}

TEST(ReadableText, HasALineForEveryFieldAndAtom) {
  const std::string text = readable_text(example());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12) << text;
  EXPECT_THAT(text, HasSubstr("    {\"bias\": 0.3, \"gate\": [1.0, -0.5], \"expert\": [0.8, 0.2, -0.1]},\n"));
}

}  // namespace
}  // namespace moest
