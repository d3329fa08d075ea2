#include "moest/model/simulate.h"

#include <algorithm>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/model/predict.h"

namespace moest {

SimulatedData simulate(const Model& model, Eigen::Index num_samples, const InputDistribution& distribution,
                       const std::vector<double>& noise_sd, std::uint64_t seed, int num_threads) {
  MOEST_EXPECT(num_samples >= 1);
  MOEST_EXPECT(static_cast<int>(noise_sd.size()) == model.spec.num_outputs);
  MOEST_EXPECT(std::all_of(noise_sd.begin(), noise_sd.end(), [](double sd) { return sd >= 0; }));
  SimulatedData data{Eigen::MatrixXd(num_samples, model.spec.num_inputs), {}};
  Stream input_stream(seed, 0, "simulated inputs");
  Stream noise_stream(seed, 0, "simulated noise");
  for (Eigen::Index row = 0; row < num_samples; ++row) {
    for (Eigen::Index column = 0; column < data.inputs.cols(); ++column) {
      data.inputs(row, column) = distribution.kind == InputDistribution::Kind::uniform
                                     ? input_stream.uniform(distribution.first, distribution.second)
                                     : distribution.first + distribution.second * input_stream.normal();
    }
  }
  data.target = predict(model, data.inputs, num_threads).mean;
  for (auto row : data.target.rowwise()) {
    for (Eigen::Index j = 0; j < row.size(); ++j) {
      row[j] += noise_sd[static_cast<std::size_t>(j)] * noise_stream.normal();
    }
  }
  return data;
}

}  // namespace moest
