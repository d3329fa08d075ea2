#include "moest/selection/dendrogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "moest/base/error.h"
#include "moest/fit/problem.h"
#include "moest/fit/scaled_samples.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// Weights and experts at all samples, and what is made of them.
struct Values {
  Eigen::MatrixXd weights;               // n x k
  std::vector<Eigen::MatrixXd> experts;  // of each output, n x k
};

Values values_of(Problem& problem, const Eigen::VectorXd& theta) {
  const SampleBlocks& samples = problem.samples();
  const int k = problem.chart().num_experts();
  Values values{Eigen::MatrixXd(samples.num_samples(), k), {}};
  for (int output = 0; output < samples.num_targets(); ++output) {
    Eigen::MatrixXd& experts = values.experts.emplace_back(samples.num_samples(), k);
    for (int block = 0; block < samples.num_blocks(); ++block) {
      const BlockValues& at = problem.evaluate(theta, block, output);
      const Eigen::Index row = Eigen::Index{block} * kBlockSize;
      const int count = samples.block_samples(block);
      for (int i = 0; i < k; ++i) {
        const auto index = static_cast<std::size_t>(i);
        experts.col(i).segment(row, count) = Eigen::Map<const Eigen::VectorXd>(at.experts[index], count);
        values.weights.col(i).segment(row, count) =
            Eigen::Map<const Eigen::VectorXd>(at.weights[index], count);
      }
    }
  }
  return values;
}

double weighted_mean(const Eigen::ArrayXd& weights, const Eigen::ArrayXd& values) {
  return (weights * values).sum() / weights.sum();
}

/// From one mixture to the next smaller one, on one data set.
class Merging {
 public:
  Merging(const Model& model, const Dataset& data)
      : spec_(spec_of(model)),
        scaling_(model.scaling),
        template_(model),
        chart_(spec_, kUnbounded),
        samples_(chart_, data, scaling_) {
    for (int j = 0; j < spec_.num_outputs; ++j) {
      const Eigen::ArrayXd target = data.target.col(j).array();
      const double scale = scaling_ ? scaling_->targets[static_cast<std::size_t>(j)].scale : 1;
      variances_.push_back((target - target.mean()).square().mean() / (scale * scale));
    }
  }

  std::vector<DendrogramLevel> run() {
    Eigen::VectorXd theta = chart_.coordinates(template_.measure());
    std::vector<int> nodes(static_cast<std::size_t>(spec_.num_experts));
    std::iota(nodes.begin(), nodes.end(), 0);
    const int num_atoms = spec_.num_experts;
    std::vector<DendrogramLevel> levels;
    for (int k = num_atoms; k >= 1; --k) {
      MixtureSpec spec = spec_;
      spec.num_experts = k;
      spec.gate.top_k = std::min(spec.gate.top_k, k);
      Problem problem(spec, kUnbounded, samples_.blocks());
      DendrogramLevel& level = levels.emplace_back();
      level.model = model_at(problem.chart(), theta);
      if (k == 1) {
        break;
      }
      const Pair pair = cheapest(problem, theta);
      level.merge = {nodes[static_cast<std::size_t>(pair.heavy)], nodes[static_cast<std::size_t>(pair.light)],
                     std::sqrt(pair.dissimilarity)};
      theta = merged(problem, theta, pair);
      nodes[static_cast<std::size_t>(pair.heavy)] = 2 * num_atoms - k;
      nodes.erase(nodes.begin() + pair.light);
    }
    return levels;
  }

 private:
  static constexpr double kUnbounded = std::numeric_limits<double>::max();

  struct Pair {
    int heavy = 0, light = 0;
    double dissimilarity = std::numeric_limits<double>::infinity();
    double heavy_share = 0, light_share = 0;
  };

  static MixtureSpec spec_of(const Model& model) {
    if (has_groups(model.spec.gate)) {
      throw InputError(
          fmt::format("a {} gate has no dendrogram", model.spec.gate.kind),
          "atoms of different groups cannot become one",
          "Fit a softmax gate, which describes the same functions where the groups are of one expert.");
    }
    MixtureSpec spec = model.spec;
    spec.gate.temperature.learned = false;  // it is known now
    return spec;
  }

  Model model_at(const MixtureChart& chart, const Eigen::VectorXd& theta) const {
    Model model = template_;
    Measure measure = chart.measure(theta);
    model.spec.num_experts = chart.num_experts();
    model.spec.gate.top_k = chart.spec().gate.top_k;
    model.atoms = std::move(measure.atoms);
    model.noise_variance.clear();
    model.covariance.reset();
    model.fit.reset();
    return model;
  }

  Pair cheapest(Problem& problem, const Eigen::VectorXd& theta) const {
    constexpr double kLeastWeight = 1e-300;
    const Values values = values_of(problem, theta);
    const Eigen::MatrixXd logs = values.weights.array().max(kLeastWeight).log();
    const Eigen::VectorXd shares = values.weights.colwise().mean();
    Pair best;
    for (int i = 0; i < problem.chart().num_experts(); ++i) {
      for (int j = 0; j < i; ++j) {
        const Eigen::ArrayXd both = (values.weights.col(i) + values.weights.col(j)).array().max(kLeastWeight);
        const Eigen::ArrayXd ratio = logs.col(i) - logs.col(j);
        double distance = weighted_mean(both, (ratio - weighted_mean(both, ratio)).square());
        for (std::size_t output = 0; output < values.experts.size(); ++output) {
          const Eigen::MatrixXd& experts = values.experts[output];
          distance +=
              weighted_mean(both, (experts.col(i) - experts.col(j)).array().square()) / variances_[output];
        }
        const double sum = std::max(shares[i] + shares[j], kLeastWeight);
        const double dissimilarity = shares[i] * shares[j] / sum * distance / (1 + distance);
        if (dissimilarity < best.dissimilarity) {
          const bool i_is_heavier = shares[i] > shares[j];
          best = {i_is_heavier ? i : j, i_is_heavier ? j : i, dissimilarity, std::max(shares[i], shares[j]),
                  std::min(shares[i], shares[j])};
        }
      }
    }
    return best;
  }

  /// Of a chart with one atom less.
  Eigen::VectorXd merged(Problem& problem, const Eigen::VectorXd& theta, const Pair& pair) const {
    const MixtureChart& chart = problem.chart();
    const double sum = pair.heavy_share + pair.light_share;
    const double share = sum > 0 ? pair.heavy_share / sum : 0.5;
    Eigen::VectorXd mean = theta;
    const auto average = [&](int heavy, int light, int size) {
      mean.segment(heavy, size) =
          share * theta.segment(heavy, size) + (1 - share) * theta.segment(light, size);
    };
    const int width = chart.num_gate_coordinates();
    average(chart.gate_offset(pair.heavy), chart.gate_offset(pair.light), width + 1);
    if (chart.biases_are_relative()) {
      const double a = theta[chart.gate_offset(pair.heavy) + width];
      const double b = theta[chart.gate_offset(pair.light) + width];
      mean[chart.gate_offset(pair.heavy) + width] = std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)));
    }
    average(chart.expert_offset(pair.heavy), chart.expert_offset(pair.light), chart.num_expert_parameters());
    if (!mean_is_nearer(problem, theta, mean, pair, share)) {
      const int offset = chart.expert_offset(pair.heavy);
      mean.segment(offset, chart.num_expert_parameters()) =
          theta.segment(offset, chart.num_expert_parameters());
    }
    for (const RegionBlock& block : chart.regions()) {
      project(block.region, mean.segment(block.offset, block.size));
    }
    Arrangement rest;
    for (int i = 0; i < chart.num_experts(); ++i) {
      if (i != pair.light) {
        rest.atoms.push_back(i);
      }
    }
    MixtureSpec smaller = chart.spec();
    --smaller.num_experts;
    smaller.gate.top_k = std::min(smaller.gate.top_k, smaller.num_experts);
    return MixtureChart(smaller, kUnbounded).rearranged(chart, mean, rest);
  }

  /// Whether the expert of the mean parameters is nearer to the mean of both experts than the heavier one is.
  bool mean_is_nearer(Problem& problem, const Eigen::VectorXd& theta, const Eigen::VectorXd& mean,
                      const Pair& pair, double share) const {
    const Values before = values_of(problem, theta);
    const Values after = values_of(problem, mean);
    const Eigen::ArrayXd both = before.weights.col(pair.heavy) + before.weights.col(pair.light);
    double of_mean = 0;
    double of_heavy = 0;
    for (std::size_t output = 0; output < before.experts.size(); ++output) {
      const Eigen::ArrayXd heavy = before.experts[output].col(pair.heavy);
      const Eigen::ArrayXd wanted =
          share * heavy + (1 - share) * before.experts[output].col(pair.light).array();
      of_mean += (both * (after.experts[output].col(pair.heavy).array() - wanted).square()).sum();
      of_heavy += (both * (heavy - wanted).square()).sum();
    }
    return of_mean <= of_heavy;
  }

  MixtureSpec spec_;
  std::optional<Scaling> scaling_;
  Model template_;
  MixtureChart chart_;
  ScaledSamples samples_;
  std::vector<double> variances_;  // of the scaled targets
};

}  // namespace

std::vector<DendrogramLevel> dendrogram(const Model& model, const Dataset& data) {
  return Merging(model, data).run();
}

}  // namespace moest
