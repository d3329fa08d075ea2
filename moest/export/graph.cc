#include "moest/export/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "moest/base/error.h"

namespace moest {
namespace {

// Bit by bit: 0 and -0 are two numbers.
bool are_equal(const GraphConstant& a, const GraphConstant& b) {
  return a.is_whole == b.is_whole && a.shape == b.shape &&
         std::equal(a.numbers.begin(), a.numbers.end(), b.numbers.begin(), b.numbers.end(),
                    [](double p, double q) {
                      return std::bit_cast<std::uint64_t>(p) == std::bit_cast<std::uint64_t>(q);
                    });
}

}  // namespace

std::string Graph::add(std::string_view operation, std::vector<std::string> inputs,
                       std::vector<GraphAttribute> attributes) {
  return add_many(operation, std::move(inputs), 1, std::move(attributes)).front();
}

std::vector<std::string> Graph::add_many(std::string_view operation, std::vector<std::string> inputs,
                                         int num_outputs, std::vector<GraphAttribute> attributes) {
  MOEST_EXPECT(num_outputs >= 1);
  std::vector<std::string> outputs;
  outputs.reserve(static_cast<std::size_t>(num_outputs));
  for (int i = 0; i < num_outputs; ++i) {
    outputs.push_back(i == 0 ? fmt::format("{}_{}", operation, nodes_.size())
                             : fmt::format("{}_{}_{}", operation, nodes_.size(), i));
  }
  nodes_.push_back({std::string(operation), std::move(inputs), outputs, std::move(attributes)});
  return outputs;
}

void Graph::give_out(const std::string& array, const std::string& name) {
  nodes_.push_back({"Identity", {array}, {name}, {}});
}

std::string Graph::constant(std::vector<std::int64_t> shape, std::vector<double> numbers) {
  return find_or_add({"", std::move(shape), std::move(numbers)});
}

std::string Graph::whole_numbers(const std::vector<std::int64_t>& numbers) {
  GraphConstant constant{"", {static_cast<std::int64_t>(numbers.size())}, {}, true};
  for (const std::int64_t number : numbers) {
    constant.numbers.push_back(static_cast<double>(number));
  }
  return find_or_add(std::move(constant));
}

std::string Graph::find_or_add(GraphConstant constant) {
  const auto found = std::find_if(constants_.begin(), constants_.end(),
                                  [&](const GraphConstant& known) { return are_equal(known, constant); });
  if (found != constants_.end()) {
    return found->name;
  }
  constant.name = fmt::format("c{}", constants_.size());
  constants_.push_back(std::move(constant));
  return constants_.back().name;
}

}  // namespace moest
