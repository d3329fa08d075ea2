// One sample drawn, fitted and compared to its truth.
#pragma once

#include <Eigen/Core>
#include <atomic>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "moest/study/specification.h"

namespace moest {

/// What a trial is called, whatever the order in which trials are run. Its hash names its random streams.
struct TrialKey {
  std::string arm;
  std::int64_t size = 0;
  int replicate = 0;  // from 0

  auto operator<=>(const TrialKey&) const = default;
  std::uint64_t hash() const;
  /// The hash as 16 hexadecimal digits.
  std::string text() const;
};

/// All keys of a study: replicate by replicate, in each one size after the other, in each the arms.
std::vector<TrialKey> trial_keys(const Study& study);

/// Who ran a trial.
struct Provenance {
  std::string version;  // of the program, with its revision
  std::string host;
  int threads = 1;
  int rank = 0;
};

/// What became of a trial.
struct TrialRow {
  using Values = std::vector<std::optional<double>>;

  TrialKey key;
  std::uint64_t seed = 0;  // of the study
  std::string status;      // of the fit, or `failed` where there is none
  std::string message;     // why it failed
  /// By metric, in the order of metrics(): one value, or one for each true atom; none where it has no
  /// meaning.
  std::vector<Values> values;
  std::optional<double> regression_l2_se;  // of its estimate from a sample of inputs; none of a quadrature
  double rss = 0;
  std::int64_t iterations = 0;
  int num_starts = 0, agreeing_starts = 0, active_bounds = 0;
  nlohmann::ordered_json estimates;  // atoms, groups, temperature: as a model file has them
  nlohmann::ordered_json truth;      // the same of a truth that was drawn, else null
  double simulate_seconds = 0, fit_seconds = 0, measure_seconds = 0;
  Provenance by;
};

/// Runs any trial of a study; for several threads at once. The regression functions are compared over the law
/// of the inputs: for one input by the midpoint rule over 4,096 slices of equal probability, for more over
/// 8,192 inputs drawn once for the whole study.
class Laboratory {
 public:
  explicit Laboratory(const Study& study);

  /// The same row, but for its times, whenever and wherever it is run on one instruction set. Whatever goes
  /// wrong makes a row of status `failed`. None if it was interrupted.
  std::optional<TrialRow> run(const TrialKey& key, const std::atomic<bool>* interrupt = nullptr) const;

 private:
  void simulate_and_fit(const Arm& arm, const std::atomic<bool>* interrupt, TrialRow& row) const;
  void measure(const Arm& arm, const Model& truth, const Model& fitted, double noise_sq, TrialRow& row) const;

  const Study& study_;
  Eigen::MatrixXd points_;  // where regression functions are compared
};

}  // namespace moest
