#include "moest/export/onnx.h"

#include <array>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/option.h"

#ifdef MOEST_WITH_ONNX
#include <fmt/format.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "moest/base/build_info.h"
#endif

namespace moest {
namespace {

constexpr std::array<std::string_view, 2> kPrecisionNames{"float", "double"};

#ifdef MOEST_WITH_ONNX

static_assert(std::endian::native == std::endian::little, "the numbers of a tensor are little-endian");

template <class Number>
std::string raw_numbers(const std::vector<double>& numbers) {
  std::string raw(numbers.size() * sizeof(Number), '\0');
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = static_cast<Number>(numbers[i]);
    if (!std::isfinite(static_cast<double>(number))) {
      throw InputError("the model cannot be exported in float",
                       fmt::format("it has the number {}, which is beyond its range", numbers[i]),
                       "Export it with --precision double.");
    }
    std::memcpy(raw.data() + i * sizeof(Number), &number, sizeof(Number));
  }
  return raw;
}

class ModelMessage {
 public:
  explicit ModelMessage(OnnxPrecision precision)
      : is_float_(precision == OnnxPrecision::float32),
        type_(is_float_ ? onnx::TensorProto::FLOAT : onnx::TensorProto::DOUBLE) {}

  /// n rows of so many columns.
  void describe(onnx::ValueInfoProto& value, const std::string& name, int num_columns) const {
    value.set_name(name);
    onnx::TypeProto_Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type_);
    tensor.mutable_shape()->add_dim()->set_dim_param("n");
    tensor.mutable_shape()->add_dim()->set_dim_value(num_columns);
  }

  void write(const GraphConstant& constant, onnx::TensorProto& tensor) const {
    tensor.set_name(constant.name);
    tensor.mutable_dims()->Add(constant.shape.begin(), constant.shape.end());
    if (constant.is_whole) {
      tensor.set_data_type(onnx::TensorProto::INT64);
      tensor.set_raw_data(raw_numbers<std::int64_t>(constant.numbers));
    } else {
      tensor.set_data_type(type_);
      tensor.set_raw_data(is_float_ ? raw_numbers<float>(constant.numbers)
                                    : raw_numbers<double>(constant.numbers));
    }
  }

  static void write(const GraphNode& node, onnx::NodeProto& message) {
    message.set_name(node.outputs.front());
    message.set_op_type(node.operation);
    message.mutable_input()->Add(node.inputs.begin(), node.inputs.end());
    message.mutable_output()->Add(node.outputs.begin(), node.outputs.end());
    for (const GraphAttribute& attribute : node.attributes) {
      onnx::AttributeProto& written = *message.add_attribute();
      written.set_name(attribute.name);
      if (attribute.is_list) {
        written.set_type(onnx::AttributeProto::INTS);
        written.mutable_ints()->Add(attribute.numbers.begin(), attribute.numbers.end());
      } else {
        written.set_type(onnx::AttributeProto::INT);
        written.set_i(attribute.numbers.front());
      }
    }
  }

 private:
  bool is_float_;
  int type_;
};

void add_metadata(onnx::ModelProto& message, const std::string& key, const nlohmann::ordered_json& value) {
  onnx::StringStringEntryProto& entry = *message.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value.dump());
}

onnx::ModelProto model_message(const Ensemble& ensemble, OnnxPrecision precision) {
  const Graph mixture = mixture_graph(ensemble, precision);
  const Model& first = ensemble.members.front();
  const ModelMessage writer(precision);
  onnx::ModelProto message;
  message.set_ir_version(kOnnxFormatVersion);
  message.set_producer_name("moest");
  message.set_producer_version(build_info().version);
  onnx::OperatorSetIdProto& operators = *message.add_opset_import();
  operators.set_domain("");
  operators.set_version(kOnnxOperatorSet);
  add_metadata(message, "inputs", first.inputs);
  add_metadata(message, "targets", first.targets);
  if (!first.categories.empty()) {
    add_metadata(message, "categories", first.categories);
  }
  onnx::GraphProto& graph = *message.mutable_graph();
  graph.set_name("mixture of experts");
  writer.describe(*graph.add_input(), kGraphInputs, first.spec.num_inputs);
  writer.describe(*graph.add_output(), kGraphMean, first.spec.num_outputs);
  if (ensemble.members.size() == 1) {
    writer.describe(*graph.add_output(), kGraphWeights, first.spec.num_experts);
  }
  for (const GraphNode& node : mixture.nodes()) {
    ModelMessage::write(node, *graph.add_node());
  }
  for (const GraphConstant& constant : mixture.constants()) {
    writer.write(constant, *graph.add_initializer());
  }
  return message;
}

#endif

}  // namespace

std::vector<std::string> onnx_precision_names() { return {kPrecisionNames.begin(), kPrecisionNames.end()}; }

OnnxPrecision onnx_precision(std::string_view name) {
  check_choice("precision", name, kPrecisionNames);
  return name == kPrecisionNames.front() ? OnnxPrecision::float32 : OnnxPrecision::float64;
}

#ifdef MOEST_WITH_ONNX

bool has_onnx() { return true; }

std::string onnx_bytes(const Ensemble& ensemble, OnnxPrecision precision) {
  const onnx::ModelProto message = model_message(ensemble, precision);
  if (message.ByteSizeLong() > std::numeric_limits<int>::max()) {
    throw InputError("the model is too large to be exported", "an ONNX file holds less than 2 GB",
                     "Export it with --precision float, or fit fewer parameters.");
  }
  onnx::checker::check_model(message);
  return message.SerializeAsString();
}

#else

bool has_onnx() { return false; }

std::string onnx_bytes(const Ensemble&, OnnxPrecision) {
  throw InputError("models cannot be exported", "this build of moest has no ONNX",
                   "Install libonnx-dev and libprotobuf-dev, and build moest again.");
}

#endif

void write_onnx(const std::string& path, const Ensemble& ensemble, OnnxPrecision precision) {
  write_output(path, onnx_bytes(ensemble, precision));
}

}  // namespace moest
