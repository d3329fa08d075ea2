#include "moest/study/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <chrono>
#include <cmath>
#include <exception>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "moest/fit/fit.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/study/truth.h"
#include "moest/theory/voronoi.h"

namespace moest {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds since `since`, which becomes now.
double lap(Clock::time_point& since) {
  const Clock::time_point now = Clock::now();
  return std::chrono::duration<double>(now - std::exchange(since, now)).count();
}

/// The middles of slices of equal probability.
Eigen::MatrixXd slice_middles(const InputDistribution& law, Eigen::Index number) {
  Eigen::MatrixXd points(number, 1);
  const boost::math::normal standard;
  for (Eigen::Index i = 0; i < number; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(number);
    points(i, 0) = law.kind == InputDistribution::Kind::uniform
                       ? law.first + (law.second - law.first) * share
                       : law.first + law.second * boost::math::quantile(standard, share);
  }
  return points;
}

Eigen::MatrixXd comparison_points(const Study& study) {
  constexpr Eigen::Index kSlices = 4096;
  constexpr Eigen::Index kDraws = 8192;
  int num_inputs = 1;
  for (const Arm& arm : study.arms) {
    num_inputs = std::max(num_inputs, arm.truth.model.spec.num_inputs);
  }
  if (num_inputs == 1) {
    return slice_middles(study.inputs, kSlices);
  }
  Stream stream(study.seed, 0, "comparison");
  return draw_inputs(study.inputs, kDraws, num_inputs, stream);
}

nlohmann::ordered_json parameters_of(const Model& model) {
  const nlohmann::ordered_json whole = to_json(model);
  nlohmann::ordered_json parameters;
  for (const char* field : {"atoms", "groups", "shared"}) {
    if (whole.contains(field)) {
      parameters[field] = whole[field];
    }
  }
  return parameters;
}

const Arm& arm_named(const Study& study, const std::string& name) {
  const auto found = std::ranges::find(study.arms, name, &Arm::name);
  MOEST_EXPECT(found != study.arms.end());
  return *found;
}

/// The place of a metric among those of a row.
TrialRow::Values& values_of(TrialRow& row, const std::string& name) {
  return row.values[static_cast<std::size_t>(&metric(name) - metrics().data())];
}

/// Of mean (f - f*)^2 over points, its root; and the standard error of that where the points are a sample.
void compare_functions(const Model& truth, const Model& fitted, const Eigen::MatrixXd& points,
                       TrialRow& row) {
  const int d = truth.spec.num_inputs;
  const Eigen::MatrixXd inputs = points.leftCols(d);
  const Eigen::ArrayXd squares =
      (predict_mean(fitted, inputs, 1) - predict_mean(truth, inputs, 1)).array().square().rowwise().sum();
  const double distance = std::sqrt(squares.mean());
  values_of(row, "regression_l2") = {distance};
  const auto n = static_cast<double>(squares.size());
  if (points.cols() > 1 && distance > 0) {
    const double variance = (squares - squares.mean()).square().sum() / (n - 1);
    row.regression_l2_se = std::sqrt(variance / n) / (2 * distance);
  }
}

void compare_atoms(const Arm& arm, const Model& truth, const Model& fitted, TrialRow& row) {
  const VoronoiLoss raw = voronoi_loss(fitted, truth, {Coordinates::raw, {}});
  const VoronoiLoss reduced = voronoi_loss(fitted, truth, {Coordinates::reduced, arm.power});
  values_of(row, "voronoi_raw") = {raw.l1};
  values_of(row, "voronoi_reduced") = {reduced.l1};
  values_of(row, "l2r") = {reduced.l2r};
  for (const VoronoiCell& cell : reduced.cells) {
    values_of(row, "split_rms").push_back(cell.split_rms);
    values_of(row, "largest_error").push_back(cell.largest_error);
    values_of(row, "mass_error").emplace_back(cell.mass_error);
  }
}

}  // namespace

std::uint64_t TrialKey::hash() const {
  return text_hash(fmt::format("moest trial {}\n{}\n{}\n{}", kStudyFormat, size, replicate, arm));
}

std::string TrialKey::text() const { return fmt::format("{:016x}", hash()); }

std::vector<TrialKey> trial_keys(const Study& study) {
  std::vector<TrialKey> keys;
  for (int replicate = 0; replicate < study.replicates; ++replicate) {
    for (const std::int64_t size : study.sizes) {
      for (const Arm& arm : study.arms) {
        keys.push_back({arm.name, size, replicate});
      }
    }
  }
  return keys;
}

Laboratory::Laboratory(const Study& study) : study_(study), points_(comparison_points(study)) {}

std::optional<TrialRow> Laboratory::run(const TrialKey& key, const std::atomic<bool>* interrupt) const {
  TrialRow row;
  row.key = key;
  row.seed = study_.seed;
  row.values.resize(metrics().size());
  const TrialRow empty = row;
  try {
    simulate_and_fit(arm_named(study_, key.arm), interrupt, row);
  } catch (const std::exception& error) {
    TrialRow failed = empty;
    failed.status = name_of(FitStatus::failed);
    failed.message = error.what();
    return failed;
  }
  return row.status == name_of(FitStatus::interrupted) ? std::nullopt : std::optional(row);
}

void Laboratory::simulate_and_fit(const Arm& arm, const std::atomic<bool>* interrupt, TrialRow& row) const {
  Clock::time_point clock = Clock::now();
  Stream truth_stream(study_.seed, TrialKey{arm.name, 0, row.key.replicate}.hash(), "truth");
  const Model truth = truth_at(arm.truth, row.key.size, truth_stream);
  if (arm.truth.is_random) {
    row.truth = parameters_of(truth);
  }
  Stream seeds(study_.seed, row.key.hash(), "seeds");
  const std::uint64_t data_seed = seeds();
  SimulatedData sample = simulate(truth, row.key.size, study_.inputs, {study_.noise}, data_seed, 1);
  Dataset data;
  data.input_names = truth.inputs;
  data.target_names = truth.targets;
  data.inputs = std::move(sample.inputs);
  data.target = std::move(sample.target);
  row.simulate_seconds = lap(clock);

  FitOptions options = arm.fit;
  options.seed = seeds();
  options.threads = 1;
  std::optional<Model> start;
  if (arm.start == Arm::Start::near) {
    start = near_start(arm.fitted, truth, seeds);
  }
  const Optimum found = find_optimum(arm.fitted, data, options, {interrupt, {}}, start);
  row.status = name_of(found.status);
  row.rss = found.rss;
  row.iterations = found.iterations;
  row.num_starts = found.num_starts;
  row.agreeing_starts = found.agreeing_starts;
  row.active_bounds = found.active_bounds;
  row.estimates = parameters_of(found.model);
  row.fit_seconds = lap(clock);
  measure(arm, truth, found.model, sample.noise_sq[0], row);
  row.measure_seconds = lap(clock);
}

void Laboratory::measure(const Arm& arm, const Model& truth, const Model& fitted, double noise_sq,
                         TrialRow& row) const {
  compare_functions(truth, fitted, points_, row);
  if (arm.has_losses) {
    compare_atoms(arm, truth, fitted, row);
  }
  if (study_.noise > 0) {
    values_of(row, kChiSquare) = {(noise_sq - row.rss) / (study_.noise * study_.noise)};
  }
}

}  // namespace moest
