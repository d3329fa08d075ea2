#include "moest/fit/ridge.h"

#include <set>
#include <utility>

#include "moest/base/error.h"

namespace moest {
namespace {

/// What is penalised of the experts, as coordinates of theta; outputs may share neurons.
std::set<int> penalised_of_experts(const MixtureChart& chart) {
  const auto first = static_cast<std::ptrdiff_t>(chart.layout().num_parameters) -
                     static_cast<std::ptrdiff_t>(chart.kernel_sources().size());
  const auto coordinate = [&](int parameter) {
    return chart.kernel_sources()[static_cast<std::size_t>(parameter - first)].plus;
  };
  std::set<int> penalised;
  for (const MixtureLayout& layout : chart.layouts()) {
    for (const ExpertUnits& expert : layout.experts) {
      for (const NeuronUnits& neuron : expert.neurons) {
        const FeatureSet& set = layout.feature_sets[static_cast<std::size_t>(neuron.inner.feature_set)];
        // The constant of a linear expert is added to it.
        const int size = neuron.inner.link == Link::identity ? set.num_columns : set.size();
        for (int j = 0; j < size; ++j) {
          penalised.insert(coordinate(neuron.inner.offset + j));
        }
        if (neuron.weight >= 0) {
          penalised.insert(coordinate(neuron.weight));
        }
      }
    }
  }
  return penalised;
}

}  // namespace

Ridge::Ridge(const MixtureChart& chart, double lambda)
    : lambda_(lambda), num_coordinates_(chart.num_coordinates()) {
  MOEST_EXPECT(lambda >= 0);
  const std::set<int> of_experts = penalised_of_experts(chart);
  single_.assign(of_experts.begin(), of_experts.end());
  const bool has_fixed_length = chart.regions().front().region.shape == Region::Shape::sphere;
  const int bias = chart.num_gate_coordinates();
  for (const MixtureChart::Softmax& softmax : chart.softmaxes()) {
    for (int j = has_fixed_length ? bias : 0; j <= bias; ++j) {
      std::vector<int> places;
      for (int i = softmax.first; i < softmax.last; ++i) {
        places.push_back(chart.gate_offset(i) + j);
      }
      if (j == bias ? chart.biases_are_relative() : chart.slopes_are_relative()) {
        relative_.push_back(std::move(places));
      } else {
        single_.insert(single_.end(), places.begin(), places.end());
      }
    }
  }
}

double Ridge::value(const Eigen::VectorXd& theta) const {
  double sum = theta(single_).squaredNorm();
  for (const std::vector<int>& places : relative_) {
    const Eigen::VectorXd values = theta(places);
    sum += (values.array() - values.mean()).matrix().squaredNorm();
  }
  return lambda_ * sum;
}

void Ridge::add(const Eigen::VectorXd& theta, NormalEquations& equations) const {
  if (lambda_ == 0) {
    return;
  }
  equations.objective += value(theta);
  const auto add_to_diagonal = [&](int p, double share) {
    equations.gram(p, p) += lambda_;
    equations.diagonal[p] += lambda_ * share;
  };
  for (const int p : single_) {
    equations.gradient[p] -= lambda_ * theta[p];
    add_to_diagonal(p, 1);
  }
  for (const std::vector<int>& places : relative_) {
    const double mean = theta(places).mean();
    const double share = 1.0 / static_cast<double>(places.size());
    for (const int p : places) {
      equations.gradient[p] -= lambda_ * (theta[p] - mean);
      add_to_diagonal(p, 1 - share);
      for (const int q : places) {
        equations.gram(p, q) -= lambda_ * share;
      }
    }
  }
}

Eigen::MatrixXd Ridge::half_hessian() const {
  NormalEquations only{0, Eigen::VectorXd::Zero(num_coordinates_),
                       Eigen::MatrixXd::Zero(num_coordinates_, num_coordinates_),
                       Eigen::VectorXd::Zero(num_coordinates_)};
  add(Eigen::VectorXd::Zero(num_coordinates_), only);
  return std::move(only.gram);
}

}  // namespace moest
