#include "moest/fit/starts.h"

#include <cmath>
#include <numbers>
#include <tuple>
#include <utility>

#include "moest/model/catalogue.h"

namespace moest {
namespace {

// The standard deviation over the data of a random gate's score: gates neither flat nor hard.
constexpr double kScoreSd = 2.0;
// The two halves of a split differ by a score of this standard deviation, log-uniform between the two.
constexpr double kLogSplitSdLow = -0.3;
constexpr double kLogSplitSdHigh = 2.4;

double feature_value(const SampleBlocks& samples, int row, int column) {
  return samples.feature(row / kBlockSize, column)[row % kBlockSize];
}

// A gate (v, b) whose score is 0 at sample `row` (with temperature 1) and varies with standard deviation
// score_sd if the features are uncorrelated, or as much as kShareOfBall of its ball allows.
Eigen::VectorXd random_hyperplane(const Problem& problem, const SampleStatistics& statistics, int row,
                                  double score_sd, Stream& stream) {
  constexpr double kShareOfBall = 0.7;
  const FeatureSet& set = problem.chart().layout().feature_sets[0];
  const Region& region = problem.chart().regions()[0].region;
  Eigen::VectorXd gate(set.num_columns + 1);
  auto direction = gate.head(set.num_columns);
  for (double& value : direction) {
    value = stream.normal();
  }
  direction.normalize();
  for (int j = 0; j < set.num_columns; ++j) {
    direction[j] *= score_sd / statistics.feature_sd[set.first_column + j];
  }
  if (region.shape != Region::Shape::box) {
    project({region.shape, (region.shape == Region::Shape::ball ? kShareOfBall : 1.0) * region.size},
            direction);
  }
  double t = 0;
  for (int j = 0; j < set.num_columns; ++j) {
    t += direction[j] * feature_value(problem.samples(), row, set.first_column + j);
  }
  const MixtureLayout& layout = problem.chart().layout();
  gate[set.num_columns] =
      layout.router ? -visit_link(layout.gates[0].link, [&](auto link) { return link(t).value; }) : -t;
  return gate;
}

// A gate (omega, 0) with its centre beside sample `row`.
Eigen::VectorXd random_centre(const Problem& problem, const SampleStatistics& statistics, int row,
                              Stream& stream) {
  constexpr double kJitter = 0.5;  // of the features' standard deviations
  const int size = problem.chart().num_gate_coordinates();
  Eigen::VectorXd gate = Eigen::VectorXd::Zero(size + 1);
  for (int j = 0; j < size; ++j) {
    gate[j] = feature_value(problem.samples(), row, j) + kJitter * statistics.feature_sd[j] * stream.normal();
  }
  return gate;
}

// The difference (omega, 0) of two centres, so many standard deviations of the features long.
Eigen::VectorXd random_displacement(const Problem& problem, const SampleStatistics& statistics, double length,
                                    Stream& stream) {
  const int size = problem.chart().num_gate_coordinates();
  Eigen::VectorXd gate = Eigen::VectorXd::Zero(size + 1);
  for (int j = 0; j < size; ++j) {
    gate[j] = stream.normal();
  }
  gate *= length / gate.norm();
  gate.head(size).array() *= statistics.feature_sd.head(size).array();
  return gate;
}

void randomise_expert(const Problem& problem, const SampleStatistics& statistics, Stream& stream,
                      Eigen::Ref<Eigen::VectorXd> expert) {
  const ExpertPlaces places = expert_places(problem.chart().spec());
  for (const MixtureLayout& layout : problem.chart().layouts()) {
    const ExpertUnits& units = layout.experts[0];
    const RidgeUnit& inner = units.neurons.front().inner;
    const FeatureSet& set = layout.feature_sets[static_cast<std::size_t>(inner.feature_set)];
    const bool identity = inner.link == Link::identity;
    const double mean = statistics.target_mean[layout.target];
    const double sd = statistics.target_sd[layout.target];
    const double height = identity ? sd : 1.0;
    const auto num_neurons = static_cast<int>(units.neurons.size());
    for (int m = 0; m < num_neurons; ++m) {
      if (layout.target == 0 || !places.shares_neurons()) {
        int next = places.inner(layout.target, m);
        for (int j = 0; j < set.num_columns; ++j) {
          expert[next++] =
              height * stream.normal() /
              (statistics.feature_sd[set.first_column + j] * std::sqrt(static_cast<double>(set.num_columns)));
        }
        if (set.constant) {
          expert[next] = height * stream.normal() + (identity ? mean : 0.0);
        }
      }
      if (const int weight = places.weight(layout.target, m); weight >= 0) {
        expert[weight] = sd * stream.normal() / std::sqrt(static_cast<double>(num_neurons));
      }
    }
    if (const int offset = places.offset(layout.target); offset >= 0) {
      expert[offset] = mean;
    }
  }
}

int random_row(const Problem& problem, Stream& stream) {
  return stream.below(static_cast<int>(problem.samples().num_samples()));
}

// A row drawn with probability proportional to the expert's weight, among those of a random row's block.
int row_of_expert(Problem& problem, const Eigen::VectorXd& theta, int expert, Stream& stream) {
  const int block = random_row(problem, stream) / kBlockSize;
  const double* weights = problem.evaluate(theta, block).weights[static_cast<std::size_t>(expert)];
  const int count = problem.samples().block_samples(block);
  double remaining = stream.uniform() * Eigen::Map<const Eigen::VectorXd>(weights, count).sum();
  int row = 0;
  while (row + 1 < count && remaining >= weights[row]) {
    remaining -= weights[row++];
  }
  return block * kBlockSize + row;
}

}  // namespace

SampleStatistics::SampleStatistics(const SampleBlocks& samples)
    : feature_sd(Eigen::VectorXd::Ones(samples.num_features())),
      target_mean(samples.num_targets()),
      target_sd(samples.num_targets()) {
  const auto n = static_cast<double>(samples.num_samples());
  const auto moments = [&](auto&& run) {
    double sum = 0;
    for (int block = 0; block < samples.num_blocks(); ++block) {
      sum += Eigen::Map<const Eigen::VectorXd>(run(block), samples.block_samples(block)).sum();
    }
    const double mean = sum / n;
    double sum_sq = 0;
    for (int block = 0; block < samples.num_blocks(); ++block) {
      const Eigen::Map<const Eigen::VectorXd> values(run(block), samples.block_samples(block));
      sum_sq += (values.array() - mean).square().sum();
    }
    return std::pair(mean, sum_sq > 0 ? std::sqrt(sum_sq / n) : 1.0);
  };
  for (int column = 0; column < samples.num_features(); ++column) {
    feature_sd[column] = moments([&](int block) { return samples.feature(block, column); }).second;
  }
  for (int target = 0; target < samples.num_targets(); ++target) {
    std::tie(target_mean[target], target_sd[target]) =
        moments([&](int block) { return samples.target(block, target); });
  }
}

Eigen::VectorXd random_start(const Problem& problem, const SampleStatistics& statistics, Stream& stream) {
  const MixtureChart& chart = problem.chart();
  Eigen::VectorXd theta(chart.num_coordinates());
  for (int i = 0; i < chart.num_gates(); ++i) {
    theta.segment(chart.gate_offset(i), chart.num_gate_coordinates() + 1) =
        chart.is_curved()
            ? random_centre(problem, statistics, random_row(problem, stream), stream)
            : random_hyperplane(problem, statistics, random_row(problem, stream), kScoreSd, stream);
    if (i >= chart.num_experts()) {
      continue;
    }
    randomise_expert(problem, statistics, stream,
                     theta.segment(chart.expert_offset(i), chart.num_expert_parameters()));
  }
  if (chart.factor_offset() >= 0) {
    theta[chart.factor_offset()] = 1;
  }
  chart.make_feasible(theta);
  return theta;
}

Eigen::VectorXd split_expert(Problem& smaller, const Problem& larger, const Eigen::VectorXd& theta,
                             const Growth& growth, const SampleStatistics& statistics, Stream& stream) {
  const MixtureChart& to = larger.chart();
  Eigen::VectorXd result = to.rearranged(smaller.chart(), theta, growth.from);
  const double score_sd = std::exp(stream.uniform(kLogSplitSdLow, kLogSplitSdHigh));
  const int expert = growth.from.atoms[static_cast<std::size_t>(growth.new_atom)];
  const int row = row_of_expert(smaller, theta, expert, stream);
  const Eigen::VectorXd difference = to.is_curved()
                                         ? random_displacement(larger, statistics, score_sd, stream)
                                         : random_hyperplane(larger, statistics, row, score_sd, stream);
  const auto gate_size = to.num_gate_coordinates() + 1;
  result.segment(to.gate_offset(growth.kept_gate), gate_size) += 0.5 * difference;
  result.segment(to.gate_offset(growth.new_gate), gate_size) -= 0.5 * difference;
  randomise_expert(larger, statistics, stream,
                   result.segment(to.expert_offset(growth.new_atom), to.num_expert_parameters()));
  to.make_feasible(result);
  return result;
}

Eigen::VectorXd copy_expert(Problem& smaller, const Problem& larger, const Eigen::VectorXd& theta,
                            const Growth& growth) {
  const MixtureChart& to = larger.chart();
  Eigen::VectorXd result = to.rearranged(smaller.chart(), theta, growth.from);
  for (const int gate : {growth.kept_gate, growth.new_gate}) {
    result[to.gate_offset(gate) + to.num_gate_coordinates()] -= std::numbers::ln2;
  }
  to.make_feasible(result);
  return result;
}

}  // namespace moest
