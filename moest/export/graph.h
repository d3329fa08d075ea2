// A graph of operators on arrays, as it is built before a file format is chosen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// An array of the graph that does not depend on its input. Its numbers are of the graph's precision or,
/// where `is_whole`, 64-bit integers: axes, shapes and indices.
struct GraphConstant {
  std::string name;
  std::vector<std::int64_t> shape;  // empty: one number
  std::vector<double> numbers;      // row-major
  bool is_whole = false;
};

/// A whole number of an operator, or a list of them, that is fixed when the graph is made.
struct GraphAttribute {
  std::string name;
  std::vector<std::int64_t> numbers;
  bool is_list = false;
};

/// An operator with the names of the arrays that it reads and makes. The operators, their inputs and
/// attributes are those of ONNX, operator set 17.
struct GraphNode {
  std::string operation;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<GraphAttribute> attributes;
};

/// Operators in an order in which each reads what an earlier one made, a constant, or the input.
class Graph {
 public:
  /// Appends an operator with one output, and gives the output's name.
  std::string add(std::string_view operation, std::vector<std::string> inputs,
                  std::vector<GraphAttribute> attributes = {});
  /// The same with several outputs.
  std::vector<std::string> add_many(std::string_view operation, std::vector<std::string> inputs,
                                    int num_outputs, std::vector<GraphAttribute> attributes = {});
  /// Gives an array a name that is known outside.
  void give_out(const std::string& array, const std::string& name);
  /// Adds a constant, and gives its name. Equal ones share it.
  std::string constant(std::vector<std::int64_t> shape, std::vector<double> numbers);
  std::string number(double value) { return constant({}, {value}); }
  std::string whole_numbers(const std::vector<std::int64_t>& numbers);

  const std::vector<GraphNode>& nodes() const { return nodes_; }
  const std::vector<GraphConstant>& constants() const { return constants_; }

 private:
  std::string find_or_add(GraphConstant constant);

  std::vector<GraphNode> nodes_;
  std::vector<GraphConstant> constants_;
};

}  // namespace moest
