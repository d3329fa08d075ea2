#include "moest/model/simulate.h"

#include <fmt/format.h>

#include <algorithm>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/model/predict.h"

namespace moest {

InputDistribution parse_distribution(const std::string& text) {
  const auto colon = text.find(':');
  const auto comma = text.find(',');
  const std::string kind = text.substr(0, colon);
  if ((kind == "uniform" || kind == "normal") && colon < comma && comma != std::string::npos) {
    const ParsedNumber first = parse_number(std::string_view(text).substr(colon + 1, comma - colon - 1));
    const ParsedNumber second = parse_number(std::string_view(text).substr(comma + 1));
    const bool numbers = first.status == NumberStatus::ok && second.status == NumberStatus::ok;
    if (numbers && kind == "uniform" && first.value < second.value) {
      return {InputDistribution::Kind::uniform, first.value, second.value};
    }
    if (numbers && kind == "normal" && second.value >= 0) {
      return {InputDistribution::Kind::normal, first.value, second.value};
    }
  }
  throw InputError(fmt::format("{} is no distribution of inputs", text),
                   "known: uniform:LOW,HIGH with LOW < HIGH and normal:MEAN,SD with SD >= 0",
                   "For example uniform:-1,1.");
}

Eigen::MatrixXd draw_inputs(const InputDistribution& distribution, Eigen::Index num_samples, int num_inputs,
                            Stream& stream) {
  Eigen::MatrixXd inputs(num_samples, num_inputs);
  for (auto row : inputs.rowwise()) {
    for (double& value : row) {
      value = distribution.kind == InputDistribution::Kind::uniform
                  ? stream.uniform(distribution.first, distribution.second)
                  : distribution.first + distribution.second * stream.normal();
    }
  }
  return inputs;
}

Eigen::VectorXd add_noise(Eigen::MatrixXd& target, std::span<const double> noise_sd, std::uint64_t seed) {
  MOEST_EXPECT(static_cast<Eigen::Index>(noise_sd.size()) == target.cols());
  MOEST_EXPECT(std::all_of(noise_sd.begin(), noise_sd.end(), [](double sd) { return sd >= 0; }));
  Stream stream(seed, 0, "simulated noise");
  Eigen::VectorXd noise_sq = Eigen::VectorXd::Zero(target.cols());
  for (auto row : target.rowwise()) {
    for (Eigen::Index j = 0; j < row.size(); ++j) {
      const double noise = noise_sd[static_cast<std::size_t>(j)] * stream.normal();
      row[j] += noise;
      noise_sq[j] += noise * noise;
    }
  }
  return noise_sq;
}

SimulatedData simulate(const Model& model, Eigen::Index num_samples, const InputDistribution& distribution,
                       const std::vector<double>& noise_sd, std::uint64_t seed, int num_threads) {
  MOEST_EXPECT(num_samples >= 1);
  MOEST_EXPECT(static_cast<int>(noise_sd.size()) == model.spec.num_outputs);
  Stream input_stream(seed, 0, "simulated inputs");
  SimulatedData data;
  data.inputs = draw_inputs(distribution, num_samples, model.spec.num_inputs, input_stream);
  data.target = predict_mean(model, data.inputs, num_threads);
  data.noise_sq = add_noise(data.target, noise_sd, seed);
  return data;
}

}  // namespace moest
