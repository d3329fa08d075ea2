// Arithmetic that takes several operators of a graph.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moest/data/scaling.h"
#include "moest/export/graph.h"
#include "moest/kernel/links.h"

namespace moest {

/// Of the numbers in an exported graph. The operators of float64 are those that runtimes have for it; in
/// particular it is done without Erf and Softplus.
enum class OnnxPrecision { float32, float64 };

/// A graph with the arithmetic that is made of several operators.
class GraphWriter {
 public:
  GraphWriter(Graph& graph, OnnxPrecision precision) : graph_(graph), precision_(precision) {}

  std::string add(std::string_view operation, std::vector<std::string> inputs,
                  std::vector<GraphAttribute> attributes = {}) {
    return graph_.add(operation, std::move(inputs), std::move(attributes));
  }
  Graph& graph() { return graph_; }

  /// One number for each column, or an array of any shape.
  std::string row(std::vector<double> numbers) {
    const auto size = static_cast<std::int64_t>(numbers.size());
    return graph_.constant({size}, std::move(numbers));
  }

  /// phi(t), element by element.
  std::string link(Link link, const std::string& t);

  /// x / unit and |x| / unit along the last axis, which is kept; unit is the largest magnitude there or, if
  /// that is smaller, the smallest normal number.
  struct Length {
    std::string direction, relative, unit;
  };
  Length length(const std::string& x);

  /// (x - offset) / scale, column by column.
  std::string scaled(const std::string& x, const std::vector<Affine>& maps);

  std::string sum_over(int axis, const std::string& x) {
    return add("ReduceSum", {x, graph_.whole_numbers({axis})}, {{"keepdims", {0}}});
  }

 private:
  bool is_float() const { return precision_ == OnnxPrecision::float32; }
  std::string power(const std::string& t, int degree);
  std::string normal_cdf(const std::string& t);
  std::string softplus(const std::string& t);
  std::string silu(const std::string& t);

  Graph& graph_;
  OnnxPrecision precision_;
};

}  // namespace moest
