#include "moest/data/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>

namespace moest {
namespace {

class Fnv {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    }
  }
  std::string text() const { return fmt::format("{:016x}", value_); }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

Indices complement(const Indices& left_out, Eigen::Index n) {
  Indices all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), Eigen::Index{0});
  Indices rest;
  std::set_difference(all.begin(), all.end(), left_out.begin(), left_out.end(), std::back_inserter(rest));
  return rest;
}

Dataset subset(const Dataset& data, const Indices& samples) {
  Dataset part;
  part.input_names = data.input_names;
  part.target_names = data.target_names;
  part.categories = data.categories;
  part.inputs = data.inputs(samples, Eigen::all);
  part.target = data.target(samples, Eigen::all);
  if (data.weights.size() > 0) {
    part.weights = data.weights(samples);
  }
  for (const Eigen::Index sample : data.rows.empty() ? Indices{} : samples) {
    part.rows.push_back(data.rows[static_cast<std::size_t>(sample)]);
  }
  return part;
}

Eigen::ArrayXd sample_weights(const Dataset& data) {
  if (data.weights.size() == 0) {
    return Eigen::ArrayXd::Ones(data.target.rows());
  }
  return data.weights;
}

std::string fingerprint(const Dataset& data) {
  const auto bytes = [](const auto& values) {
    return std::string_view(reinterpret_cast<const char*>(values.data()),
                            static_cast<std::size_t>(values.size()) * sizeof(double));
  };
  Fnv hash;
  const auto add = [&](const auto& values) {
    hash.add(fmt::format("{} x {}:", values.rows(), values.cols()));
    hash.add(bytes(values));
  };
  for (const auto& names : {data.input_names, data.target_names}) {
    for (const std::string& name : names) {
      hash.add(name);
      hash.add("\n");
    }
  }
  add(data.inputs);
  add(data.target);
  add(data.weights);
  return hash.text();
}

std::string fingerprint(std::string_view text) {
  Fnv hash;
  hash.add(text);
  return hash.text();
}

}  // namespace moest
