#ifdef MOEST_WITH_ONNX
#include "tests/export/onnx_evaluator.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace moest {
namespace {

using Shape = std::vector<std::int64_t>;

struct Array {
  Shape shape;
  std::vector<double> values;  // row-major
};

std::int64_t size_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

template <class Number>
std::vector<double> numbers_in(const std::string& raw) {
  std::vector<Number> numbers(raw.size() / sizeof(Number));
  std::memcpy(numbers.data(), raw.data(), raw.size());
  return {numbers.begin(), numbers.end()};
}

Array array_of(const onnx::TensorProto& tensor) {
  Array result{{tensor.dims().begin(), tensor.dims().end()}, {}};
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      result.values = numbers_in<float>(tensor.raw_data());
      break;
    case onnx::TensorProto::DOUBLE:
      result.values = numbers_in<double>(tensor.raw_data());
      break;
    case onnx::TensorProto::INT64:
      result.values = numbers_in<std::int64_t>(tensor.raw_data());
      break;
    default:
      throw std::logic_error("a tensor of another type");
  }
  if (size_of(result.shape) != static_cast<std::int64_t>(result.values.size())) {
    throw std::logic_error("a tensor whose shape and numbers do not fit");
  }
  return result;
}

// Distance of neighbours along each axis of `shape`, aligned to the last axis of a `rank`; 0 where it
// repeats.
Shape strides_in(const Shape& shape, std::size_t rank) {
  Shape strides(rank, 0);
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t size = shape[shape.size() - 1 - i];
    strides[rank - 1 - i] = size == 1 ? 0 : stride;
    stride *= size;
  }
  return strides;
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (const Shape* shape : {&a, &b}) {
    for (std::size_t i = 0; i < shape->size(); ++i) {
      std::int64_t& size = result[result.size() - 1 - i];
      const std::int64_t given = (*shape)[shape->size() - 1 - i];
      if (size != 1 && given != 1 && size != given) {
        throw std::logic_error("shapes that do not fit");
      }
      size = size == 1 ? given : size;
    }
  }
  return result;
}

Array expanded(const Array& array, const Shape& wanted) {
  const Shape shape = broadcast(array.shape, wanted);
  const Shape strides = strides_in(array.shape, shape.size());
  Array result{shape, std::vector<double>(static_cast<std::size_t>(size_of(shape)))};
  for (std::size_t place = 0; place < result.values.size(); ++place) {
    auto rest = static_cast<std::int64_t>(place);
    std::int64_t from = 0;
    for (std::size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) {
      from += rest % shape[axis] * strides[axis];
    }
    result.values[place] = array.values[static_cast<std::size_t>(from)];
  }
  return result;
}

Array each(const Array& a, const std::function<double(double)>& f) {
  Array result = a;
  std::transform(a.values.begin(), a.values.end(), result.values.begin(), f);
  return result;
}

Array each(const Array& a, const Array& b, const std::function<double(double, double)>& f) {
  const Shape shape = broadcast(a.shape, b.shape);
  Array result = expanded(a, shape);
  const Array other = expanded(b, shape);
  std::transform(result.values.begin(), result.values.end(), other.values.begin(), result.values.begin(), f);
  return result;
}

Array product(const Array& a, const Array& b) {
  const std::int64_t rows = a.shape.at(0), inner = a.shape.at(1), columns = b.shape.at(1);
  if (a.shape.size() != 2 || b.shape.size() != 2 || b.shape[0] != inner) {
    throw std::logic_error("matrices that do not fit");
  }
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Array result{{rows, columns}, std::vector<double>(static_cast<std::size_t>(rows * columns))};
  Eigen::Map<Matrix>(result.values.data(), rows, columns) =
      Eigen::Map<const Matrix>(a.values.data(), rows, inner) *
      Eigen::Map<const Matrix>(b.values.data(), inner, columns);
  return result;
}

// An axis of an array, all before it and all behind it.
struct AxisView {
  AxisView(const Shape& shape, std::int64_t given)
      : axis(static_cast<std::size_t>(given < 0 ? given + static_cast<std::int64_t>(shape.size()) : given)),
        length(shape.at(axis)),
        before(size_of({shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis)})),
        behind(size_of({shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()})) {}

  std::size_t place(std::int64_t b, std::int64_t i, std::int64_t r) const {
    return static_cast<std::size_t>((b * length + i) * behind + r);
  }

  std::size_t axis;
  std::int64_t length, before, behind;
};

Array reduced(const Array& a, std::int64_t given_axis, bool keeps, double first,
              const std::function<double(double, double)>& f) {
  const AxisView view(a.shape, given_axis);
  Array result{a.shape, {}};
  result.shape[view.axis] = 1;
  for (std::int64_t b = 0; b < view.before; ++b) {
    for (std::int64_t r = 0; r < view.behind; ++r) {
      double value = first;
      for (std::int64_t i = 0; i < view.length; ++i) {
        value = f(value, a.values[view.place(b, i, r)]);
      }
      result.values.push_back(value);
    }
  }
  if (!keeps) {
    result.shape.erase(result.shape.begin() + static_cast<std::ptrdiff_t>(view.axis));
  }
  return result;
}

// Rows of a matrix, each replaced by f of it.
Array each_row(const Array& a, const std::function<std::vector<double>(std::vector<double>)>& f) {
  Array result{a.shape, {}};
  for (std::int64_t row = 0; row < a.shape.at(0); ++row) {
    const auto begin = a.values.begin() + static_cast<std::ptrdiff_t>(row * a.shape.at(1));
    const std::vector<double> values = f({begin, begin + static_cast<std::ptrdiff_t>(a.shape[1])});
    result.shape[1] = static_cast<std::int64_t>(values.size());
    result.values.insert(result.values.end(), values.begin(), values.end());
  }
  return result;
}

std::vector<double> softmax_of(std::vector<double> scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double& score : scores) {
    score /= sum;
  }
  return scores;
}

// Columns of the k largest, the lower one first among equal ones.
std::vector<double> places_of_largest(const std::vector<double>& row, std::int64_t k) {
  std::vector<double> places(row.size());
  std::iota(places.begin(), places.end(), 0.0);
  std::stable_sort(places.begin(), places.end(), [&](double a, double b) {
    return row[static_cast<std::size_t>(a)] > row[static_cast<std::size_t>(b)];
  });
  places.resize(static_cast<std::size_t>(k));
  return places;
}

Array picked_columns(const Array& a, const Array& columns) {
  return each_row(a, [&](const std::vector<double>& row) {
    std::vector<double> picked;
    for (const double column : columns.values) {
      picked.push_back(row.at(static_cast<std::size_t>(column)));
    }
    return picked;
  });
}

const onnx::AttributeProto* attribute_of(const onnx::NodeProto& node, const std::string& name) {
  const auto found = std::find_if(node.attribute().begin(), node.attribute().end(),
                                  [&](const onnx::AttributeProto& given) { return given.name() == name; });
  return found == node.attribute().end() ? nullptr : &*found;
}

void expect_axis_1(const onnx::NodeProto& node) {
  const onnx::AttributeProto* axis = attribute_of(node, "axis");
  if (axis == nullptr || axis->i() != 1) {
    throw std::logic_error(node.op_type() + " along another axis");
  }
}

double softplus(double t) { return std::max(t, 0.0) + std::log1p(std::exp(-std::abs(t))); }

const std::map<std::string, std::function<double(double)>>& functions_of_one() {
  static const std::map<std::string, std::function<double(double)>> functions{
      {"Abs", [](double t) { return std::abs(t); }},
      {"Erf", [](double t) { return std::erf(t); }},
      {"Exp", [](double t) { return std::exp(t); }},
      {"Identity", [](double t) { return t; }},
      {"Log", [](double t) { return std::log(t); }},
      {"Neg", [](double t) { return -t; }},
      {"Relu", [](double t) { return std::max(t, 0.0); }},
      {"Sigmoid", [](double t) { return t < 0 ? std::exp(t) / (1 + std::exp(t)) : 1 / (1 + std::exp(-t)); }},
      {"Softplus", softplus},
      {"Sqrt", [](double t) { return std::sqrt(t); }},
      {"Tanh", [](double t) { return std::tanh(t); }},
  };
  return functions;
}

const std::map<std::string, std::function<double(double, double)>>& functions_of_two() {
  static const std::map<std::string, std::function<double(double, double)>> functions{
      {"Add", [](double a, double b) { return a + b; }},
      {"Div", [](double a, double b) { return a / b; }},
      {"Less", [](double a, double b) { return a < b ? 1.0 : 0.0; }},
      {"Max", [](double a, double b) { return std::max(a, b); }},
      {"Min", [](double a, double b) { return std::min(a, b); }},
      {"Mul", [](double a, double b) { return a * b; }},
      {"Sub", [](double a, double b) { return a - b; }},
  };
  return functions;
}

std::vector<Array> evaluate(const onnx::NodeProto& node, const std::vector<Array>& inputs) {
  const std::string& operation = node.op_type();
  const Array& first = inputs.at(0);
  const auto keeps = [&] {
    const onnx::AttributeProto* keepdims = attribute_of(node, "keepdims");
    return keepdims == nullptr || keepdims->i() != 0;
  };
  if (const auto one = functions_of_one().find(operation); one != functions_of_one().end()) {
    return {each(first, one->second)};
  }
  if (const auto two = functions_of_two().find(operation); two != functions_of_two().end()) {
    return {each(first, inputs.at(1), two->second)};
  }
  if (operation == "Sum") {
    return {std::accumulate(inputs.begin() + 1, inputs.end(), first,
                            [](const Array& a, const Array& b) { return each(a, b, std::plus<>()); })};
  }
  if (operation == "Where") {
    const Array yes = each(first, inputs.at(1), [](double is, double a) { return is != 0 ? a : 0.0; });
    const Array no = each(first, inputs.at(2), [](double is, double b) { return is != 0 ? 0.0 : b; });
    return {each(yes, no, std::plus<>())};
  }
  if (operation == "MatMul") {
    return {product(first, inputs.at(1))};
  }
  if (operation == "Gemm") {
    const Array result = product(first, inputs.at(1));
    return {inputs.size() > 2 ? each(result, inputs[2], std::plus<>()) : result};
  }
  if (operation == "ReduceSum") {
    return {reduced(first, static_cast<std::int64_t>(inputs.at(1).values.at(0)), keeps(), 0, std::plus<>())};
  }
  if (operation == "ReduceMax") {
    return {reduced(first, attribute_of(node, "axes")->ints(0), keeps(),
                    -std::numeric_limits<double>::infinity(),
                    [](double a, double b) { return std::max(a, b); })};
  }
  if (operation == "Reshape") {
    Array result = first;
    result.shape.clear();
    for (std::size_t axis = 0; axis < inputs.at(1).values.size(); ++axis) {
      const auto size = static_cast<std::int64_t>(inputs[1].values[axis]);
      result.shape.push_back(size == 0 ? first.shape.at(axis) : size);
    }
    if (size_of(result.shape) != size_of(first.shape)) {
      throw std::logic_error("a shape of another size");
    }
    return {result};
  }
  if (operation == "Unsqueeze") {
    Array result = first;
    result.shape.insert(result.shape.begin() + static_cast<std::ptrdiff_t>(inputs.at(1).values.at(0)), 1);
    return {result};
  }
  if (operation == "Shape") {
    return {Array{{static_cast<std::int64_t>(first.shape.size())}, {first.shape.begin(), first.shape.end()}}};
  }
  if (operation == "Expand") {
    const std::vector<double>& sizes = inputs.at(1).values;
    Shape shape;
    std::transform(sizes.begin(), sizes.end(), std::back_inserter(shape),
                   [](double size) { return static_cast<std::int64_t>(size); });
    return {expanded(first, shape)};
  }
  expect_axis_1(node);
  if (operation == "Softmax") {
    return {each_row(first, softmax_of)};
  }
  if (operation == "Gather") {
    return {picked_columns(first, inputs.at(1))};
  }
  if (operation == "Concat") {
    Array result = first;
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      std::int64_t row = 0;
      result = each_row(result, [&](std::vector<double> values) {
        const std::int64_t width = inputs[i].shape.at(1);
        const auto begin = inputs[i].values.begin() + static_cast<std::ptrdiff_t>(row++ * width);
        values.insert(values.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
        return values;
      });
    }
    return {result};
  }
  if (operation == "TopK") {
    const auto k = static_cast<std::int64_t>(inputs.at(1).values.at(0));
    const Array places =
        each_row(first, [&](const std::vector<double>& row) { return places_of_largest(row, k); });
    const Array largest = each_row(first, [&](const std::vector<double>& row) {
      std::vector<double> values;
      for (const double place : places_of_largest(row, k)) {
        values.push_back(row[static_cast<std::size_t>(place)]);
      }
      return values;
    });
    return {largest, places};
  }
  if (operation == "ScatterElements") {
    Array result = first;
    const std::int64_t width = inputs.at(1).shape.at(1);
    for (std::size_t i = 0; i < inputs[1].values.size(); ++i) {
      const std::int64_t row = static_cast<std::int64_t>(i) / width;
      const std::int64_t place = row * first.shape.at(1) + static_cast<std::int64_t>(inputs[1].values[i]);
      result.values.at(static_cast<std::size_t>(place)) = inputs.at(2).values[i];
    }
    return {result};
  }
  throw std::logic_error("the operator " + operation + " is unknown");
}

}  // namespace

std::map<std::string, Eigen::MatrixXd> evaluate_onnx(const std::string& bytes,
                                                     const Eigen::MatrixXd& inputs) {
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) {
    throw std::logic_error("the bytes are no model");
  }
  const onnx::GraphProto& graph = model.graph();
  std::map<std::string, Array> arrays;
  for (const onnx::TensorProto& tensor : graph.initializer()) {
    arrays[tensor.name()] = array_of(tensor);
  }
  const Eigen::MatrixXd transposed = inputs.transpose();
  arrays[graph.input(0).name()] = {{inputs.rows(), inputs.cols()},
                                   {transposed.data(), transposed.data() + transposed.size()}};
  for (const onnx::NodeProto& node : graph.node()) {
    std::vector<Array> read;
    for (const std::string& name : node.input()) {
      read.push_back(arrays.at(name));
    }
    std::vector<Array> made = evaluate(node, read);
    for (int i = 0; i < node.output_size(); ++i) {
      arrays[node.output(i)] = std::move(made.at(static_cast<std::size_t>(i)));
    }
  }
  std::map<std::string, Eigen::MatrixXd> outputs;
  for (const onnx::ValueInfoProto& output : graph.output()) {
    const Array& array = arrays.at(output.name());
    outputs[output.name()] =
        Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
            array.values.data(), array.shape.at(0), array.shape.at(1));
  }
  return outputs;
}

}  // namespace moest
#endif
