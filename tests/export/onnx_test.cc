#include "moest/export/onnx.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/random.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/model/predict.h"
#include "tests/export/onnx_evaluator.h"
#include "tests/model/mixture_harness.h"

#ifdef MOEST_WITH_ONNX
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>
#endif

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr Eigen::Index kRows = 40;

std::vector<double> normal_numbers(int size, Stream& stream) {
  std::vector<double> numbers;
  for (int i = 0; i < size; ++i) {
    numbers.push_back(stream.normal());
  }
  return numbers;
}

// Parameters from N(0, 1). One model in two has a scaling, and one in four ranges of its targets that cut
// some predictions off.
Model random_model(const MixtureSpec& spec, Stream& stream) {
  Model model;
  model.spec = spec;
  for (int j = 0; j < spec.num_inputs; ++j) {
    model.inputs.push_back(fmt::format("u{}", j));
  }
  for (int j = 0; j < spec.num_outputs; ++j) {
    model.targets.push_back(fmt::format("v{}", j));
  }
  for (int i = 0; i < spec.num_experts; ++i) {
    model.atoms.push_back({stream.normal(), normal_numbers(num_gate_parameters(spec), stream),
                           normal_numbers(num_expert_parameters(spec), stream)});
  }
  for (std::size_t g = 0; g < group_sizes(spec).size(); ++g) {
    model.groups.push_back({stream.normal(), normal_numbers(num_gate_parameters(spec), stream), {}});
  }
  const auto maps = [&](int size) {
    std::vector<Affine> result;
    for (int j = 0; j < size; ++j) {
      result.push_back({10 * stream.normal(), std::exp(stream.normal())});
    }
    return result;
  };
  if (stream.below(2) == 0) {
    model.scaling = Scaling{maps(spec.num_inputs), maps(spec.num_outputs)};
  }
  if (stream.below(4) == 0) {
    const double centre = model.scaling ? model.scaling->targets.front().offset : 0.0;
    model.target_ranges.assign(static_cast<std::size_t>(spec.num_outputs), {centre - 0.5, centre + 0.7});
  }
  return model;
}

// Where the scaled inputs are from N(0, 4).
Eigen::MatrixXd random_inputs(const Model& model, Stream& stream) {
  Eigen::MatrixXd inputs(kRows, model.spec.num_inputs);
  for (Eigen::Index j = 0; j < inputs.cols(); ++j) {
    const Affine map = model.scaling ? model.scaling->inputs[static_cast<std::size_t>(j)] : Affine{};
    for (double& value : inputs.col(j)) {
      value = map.undo(2 * stream.normal());
    }
  }
  return inputs;
}

Ensemble random_ensemble(const std::vector<MixtureSpec>& specs, Stream& stream) {
  Ensemble ensemble;
  for (const MixtureSpec& spec : specs) {
    ensemble.members.push_back(random_model(spec, stream));
    ensemble.members.back().inputs = ensemble.members.front().inputs;
  }
  return ensemble;
}

#ifdef MOEST_WITH_ONNX

// Relative to the largest of the numbers that are expected, if that is above `least`.
double discrepancy(const Eigen::MatrixXd& given, const Eigen::MatrixXd& expected,
                   double least = std::numeric_limits<double>::min()) {
  if (given.rows() != expected.rows() || given.cols() != expected.cols() || !given.allFinite()) {
    return std::numeric_limits<double>::infinity();
  }
  return (given - expected).cwiseAbs().maxCoeff() / std::max(least, expected.cwiseAbs().maxCoeff());
}

double discrepancy(const Model& model, OnnxPrecision precision, const Eigen::MatrixXd& inputs,
                   double least = std::numeric_limits<double>::min()) {
  const auto outputs = evaluate_onnx(onnx_bytes({{model}}, precision), inputs);
  const Predictions expected = predict(model, inputs, 1);
  return std::max(discrepancy(outputs.at("y"), expected.mean, least),
                  discrepancy(outputs.at("weights"), expected.weights));
}

onnx::ModelProto parsed(const std::string& bytes) {
  onnx::ModelProto message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

class EveryGate : public testing::TestWithParam<std::string> {};

TEST_P(EveryGate, GivesThePredictionsOfItsModelWithEveryExpert) {
  Stream stream(1, 0, "onnx " + GetParam());
  for (const std::string& expert : expert_names()) {
    for (const MixtureSpec& spec : variants(GetParam(), expert)) {
      const Model model = random_model(spec, stream);
      const Eigen::MatrixXd inputs = random_inputs(model, stream);
      EXPECT_LE(discrepancy(model, OnnxPrecision::float64, inputs), 1e-12) << describe(spec);
    }
  }
}

// The graph of float32 has other operators. Its constants are rounded to 6e-8, which scores and powers
// enlarge.
TEST_P(EveryGate, IsAsNearInFloatAsItsRoundedNumbersAllow) {
  Stream stream(2, 0, "onnx " + GetParam());
  for (const std::string& expert : expert_names()) {
    for (const MixtureSpec& spec : variants(GetParam(), expert)) {
      const Model model = random_model(spec, stream);
      const Eigen::MatrixXd inputs = random_inputs(model, stream);
      EXPECT_LE(discrepancy(model, OnnxPrecision::float32, inputs), 1e-5) << describe(spec);
    }
  }
}

// Types and shapes as the standard has them, with the rows free and the columns of the outputs known.
TEST_P(EveryGate, HasTheTypesAndShapesThatItDeclares) {
  Stream stream(3, 0, "onnx " + GetParam());
  for (const std::string& expert : expert_names()) {
    for (const MixtureSpec& spec : variants(GetParam(), expert)) {
      const std::string bytes = onnx_bytes({{random_model(spec, stream)}}, OnnxPrecision::float64);
      onnx::ModelProto message = parsed(bytes);
      EXPECT_NO_THROW(onnx::shape_inference::InferShapes(message, onnx::OpSchemaRegistry::Instance(),
                                                         onnx::ShapeInferenceOptions(true, 1, true)))
          << describe(spec);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Export, EveryGate, testing::ValuesIn(gate_names()),
                         [](const auto& tested) { return tested.param; });

TEST(Export, IsFoundWrongWhenOneOfItsNumbersIs) {
  Stream stream(4, 0, "onnx");
  const Model model = random_model(variants("softmax", "linear").back(), stream);
  const Eigen::MatrixXd inputs = random_inputs(model, stream);
  const std::string bytes = onnx_bytes({{model}}, OnnxPrecision::float64);
  const Eigen::MatrixXd expected = predict(model, inputs, 1).mean;
  ASSERT_LE(discrepancy(evaluate_onnx(bytes, inputs).at("y"), expected), 1e-12);
  for (int i = 0; i < parsed(bytes).graph().initializer_size(); ++i) {
    onnx::ModelProto message = parsed(bytes);
    onnx::TensorProto& tensor = *message.mutable_graph()->mutable_initializer(i);
    if (tensor.data_type() == onnx::TensorProto::DOUBLE) {
      std::string& raw = *tensor.mutable_raw_data();
      raw[5] = static_cast<char>(raw[5] ^ 1);  // one bit: of the first number, between 2^-11 and 2^-12
      EXPECT_GT(discrepancy(evaluate_onnx(message.SerializeAsString(), inputs).at("y"), expected), 1e-9);
    }
  }
}

TEST(Export, TakesTheMeanOfAnEnsembleByItsWeights) {
  Stream stream(5, 0, "onnx");
  std::vector<MixtureSpec> specs{variants("softmax", "linear").front(), variants("laplace", "tanh").front(),
                                 variants("sigmoid", "ffn").front()};
  for (MixtureSpec& spec : specs) {
    spec.num_inputs = 3;
    spec.num_experts = 4;
    spec.num_outputs = 2;
  }
  Ensemble ensemble = random_ensemble(specs, stream);
  const Eigen::MatrixXd inputs = random_inputs(ensemble.members.front(), stream);
  for (const std::vector<double>& weights : {std::vector<double>{}, std::vector<double>{1, 2.5, 0.25}}) {
    ensemble.weights = weights;
    const auto outputs = evaluate_onnx(onnx_bytes(ensemble, OnnxPrecision::float64), inputs);
    EXPECT_EQ(outputs.size(), 1);
    EXPECT_LE(discrepancy(outputs.at("y"), predict_mean(ensemble, inputs, 1)), 1e-12);
  }
}

TEST(Export, KeepsTheAccuracyOfInputsFarFromZeroInFloat) {
  Stream stream(6, 0, "onnx");
  for (const std::string gate : {"softmax", "perturbed_cosine", "laplace"}) {
    Model model = random_model(variants(gate, "linear").front(), stream);
    model.target_ranges.clear();
    model.scaling = Scaling{{{1e6 + 0.3, 0.7}}, {{0, 1}}};
    EXPECT_LE(discrepancy(model, OnnxPrecision::float32, random_inputs(model, stream)), 1e-5) << gate;
  }
}

TEST(Export, TakesTheFirstOfEqualScores) {
  Stream stream(7, 0, "onnx");
  MixtureSpec spec = variants("softmax", "linear").front();
  spec.num_experts = 4;
  spec.gate.top_k = 2;
  Model model = random_model(spec, stream);
  for (const std::size_t i : {1, 2, 3}) {
    model.atoms[i].gate = model.atoms[0].gate;
    model.atoms[i].bias = model.atoms[0].bias;
  }
  EXPECT_LE(discrepancy(model, OnnxPrecision::float64, random_inputs(model, stream)), 1e-12);
}

// A centre, the origin, and scores and neurons far in their tails.
TEST(Export, HoldsAtTheEdges) {
  Stream stream(8, 0, "onnx");
  const std::vector<std::string> experts{"sigmoid", "tanh", "gelu", "silu", "softplus", "relu"};
  for (const std::string gate : {"softmax", "laplace", "perturbed_cosine", "normalized_sigmoid", "sigmoid"}) {
    for (const std::string& expert : experts) {
      MixtureSpec spec = variants(gate, expert).front();
      spec.num_experts = 3;
      Model model = random_model(spec, stream);
      model.scaling.reset();
      model.target_ranges.clear();
      Eigen::MatrixXd inputs(8, 1);
      inputs << 0, model.atoms[0].gate[0], 1e-300, -1e-300, 30, -30, 1e3, -1e3;
      for (Eigen::Index row = 0; row < inputs.rows(); ++row) {
        EXPECT_LE(discrepancy(model, OnnxPrecision::float64, inputs.row(row), 1), 1e-12)
            << describe(model.spec) << " at " << inputs(row, 0);
      }
    }
  }
}

TEST(Export, NamesInputsAndTargetsAndWhoMadeIt) {
  Stream stream(9, 0, "onnx");
  Model model = random_model(variants("softmax", "linear").front(), stream);
  model.inputs = {"colour=\"red\""};
  model.categories["colour"] = {"blue", "\"red\""};
  const onnx::ModelProto message = parsed(onnx_bytes({{model}}, OnnxPrecision::float32));
  EXPECT_EQ(message.producer_name(), "moest");
  EXPECT_EQ(message.ir_version(), kOnnxFormatVersion);
  ASSERT_EQ(message.opset_import_size(), 1);
  EXPECT_EQ(message.opset_import(0).version(), kOnnxOperatorSet);
  std::map<std::string, nlohmann::json> metadata;
  for (const onnx::StringStringEntryProto& entry : message.metadata_props()) {
    metadata[entry.key()] = nlohmann::json::parse(entry.value());
  }
  EXPECT_EQ(metadata.at("inputs"), nlohmann::json(model.inputs));
  EXPECT_EQ(metadata.at("targets"), nlohmann::json(model.targets));
  EXPECT_EQ(metadata.at("categories"), nlohmann::json(model.categories));
  const onnx::TypeProto_Tensor& input = message.graph().input(0).type().tensor_type();
  EXPECT_EQ(input.elem_type(), onnx::TensorProto::FLOAT);
  EXPECT_EQ(input.shape().dim(0).dim_param(), "n");
  EXPECT_EQ(input.shape().dim(1).dim_value(), 1);
}

TEST(Export, GivesTheSameBytesForTheSameModelAndWritesThem) {
  Stream stream(10, 0, "onnx");
  const Ensemble ensemble{{random_model(variants("hierarchical", "ffn").back(), stream)}};
  const std::string path = std::filesystem::path(testing::TempDir()) / "moest_export_test.onnx";
  write_onnx(path, ensemble, OnnxPrecision::float64);
  EXPECT_EQ(read_input(path), onnx_bytes(ensemble, OnnxPrecision::float64));
  std::filesystem::remove(path);
}

TEST(Export, RefusesWhatFloatDoesNotHold) {
  Stream stream(11, 0, "onnx");
  Model model = random_model(variants("softmax", "linear").front(), stream);
  model.atoms[0].expert[0] = 1e39;
  EXPECT_THAT([&] { onnx_bytes({{model}}, OnnxPrecision::float32); },
              testing::ThrowsMessage<InputError>(AllOf(HasSubstr("1e+39"), HasSubstr("--precision double"))));
  EXPECT_NO_THROW(onnx_bytes({{model}}, OnnxPrecision::float64));
  model.atoms[0].expert[0] = 1;
  model.scaling = Scaling{{{0, 1e-40}}, {{0, 1}}};
  EXPECT_THAT([&] { onnx_bytes({{model}}, OnnxPrecision::float32); },
              testing::ThrowsMessage<InputError>(HasSubstr("its scaling divides by 1e-40")));
}

#else

TEST(Export, IsRefusedInABuildWithoutOnnx) {
  Stream stream(1, 0, "onnx");
  const Ensemble ensemble = random_ensemble({variants("softmax", "linear").front()}, stream);
  EXPECT_FALSE(has_onnx());
  EXPECT_THAT([&] { onnx_bytes(ensemble, OnnxPrecision::float64); },
              testing::ThrowsMessage<InputError>(AllOf(HasSubstr("no ONNX"), HasSubstr("libonnx-dev"))));
}

#endif

TEST(Export, KnowsItsPrecisionsByName) {
  EXPECT_EQ(onnx_precision("float"), OnnxPrecision::float32);
  EXPECT_EQ(onnx_precision("double"), OnnxPrecision::float64);
  EXPECT_THAT([] { onnx_precision("dobule"); },
              testing::ThrowsMessage<InputError>(HasSubstr("Did you mean `double`?")));
}

}  // namespace
}  // namespace moest
