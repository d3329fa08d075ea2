#include "moest/model/symmetries.h"

#include <algorithm>
#include <limits>

#include "moest/base/error.h"
#include "moest/model/assignment.h"
#include "moest/model/catalogue.h"

namespace moest {
namespace {

/// Where the parameters of one neuron are in an atom's list, and the offsets that its weights are added to.
struct Neuron {
  int inner = 0;
  int inner_size = 0;
  std::vector<int> weights, offsets;  // of each output that sees it; -1 where there is none
};

enum class Symmetry { none, even, odd, sigmoid };

Symmetry symmetry_of(const ExpertForm& form) {
  switch (form.shape.link) {
    case Link::square:
    case Link::fourth_power:
    case Link::sixth_power:
      return Symmetry::even;
    case Link::identity:
    case Link::cube:
    case Link::fifth_power:
    case Link::tanh:
      return form.weight ? Symmetry::odd : Symmetry::none;
    case Link::sigmoid:
      return form.weight && form.offset ? Symmetry::sigmoid : Symmetry::none;
    default:
      return Symmetry::none;
  }
}

void reflect(Symmetry symmetry, const Neuron& neuron, std::vector<double>& expert) {
  const auto at = [&](int place) -> double& { return expert[static_cast<std::size_t>(place)]; };
  for (int j = 0; j < neuron.inner_size; ++j) {
    at(neuron.inner + j) = -at(neuron.inner + j);
  }
  for (std::size_t output = 0; symmetry != Symmetry::even && output < neuron.weights.size(); ++output) {
    double& weight = at(neuron.weights[output]);
    if (symmetry == Symmetry::sigmoid) {
      at(neuron.offsets[output]) += weight;
    }
    weight = -weight;
  }
}

/// The numbers of one neuron, one after the other.
std::vector<double> numbers_of(const Neuron& neuron, std::span<const double> expert) {
  std::vector<double> numbers(expert.begin() + neuron.inner,
                              expert.begin() + neuron.inner + neuron.inner_size);
  for (const int place : neuron.weights) {
    if (place >= 0) {
      numbers.push_back(expert[static_cast<std::size_t>(place)]);
    }
  }
  return numbers;
}

void set_numbers(const Neuron& neuron, std::span<const double> numbers, std::vector<double>& expert) {
  std::copy_n(numbers.begin(), neuron.inner_size, expert.begin() + neuron.inner);
  auto weight = numbers.begin() + neuron.inner_size;
  for (const int place : neuron.weights) {
    if (place >= 0) {
      expert[static_cast<std::size_t>(place)] = *weight++;
    }
  }
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sum;
}

/// Neurons that may change places: those of all outputs together where they share them, else of each.
std::vector<std::vector<Neuron>> layers_of(const MixtureSpec& spec, int num_neurons) {
  const ExpertPlaces places = expert_places(spec);
  std::vector<std::vector<Neuron>> layers;
  const int num_layers = places.shares_neurons() ? 1 : spec.num_outputs;
  for (int layer = 0; layer < num_layers; ++layer) {
    std::vector<Neuron>& neurons = layers.emplace_back();
    const int last = places.shares_neurons() ? spec.num_outputs : layer + 1;
    for (int m = 0; m < num_neurons; ++m) {
      Neuron& neuron = neurons.emplace_back(Neuron{places.inner(layer, m), places.inner_size(), {}, {}});
      for (int output = layer; output < last; ++output) {
        neuron.weights.push_back(places.weight(output, m));
        neuron.offsets.push_back(places.offset(output));
      }
    }
  }
  return layers;
}

/// Squared distances, without offsets, of the neurons of `expert` (columns) from those of `reference` (rows).
struct NeuronCosts {
  Eigen::MatrixXd as_they_are, reflected;
};

NeuronCosts neuron_costs(Symmetry symmetry, const std::vector<Neuron>& neurons,
                         std::span<const double> expert, std::span<const double> reference) {
  const auto size = static_cast<Eigen::Index>(neurons.size());
  NeuronCosts costs{Eigen::MatrixXd(size, size), Eigen::MatrixXd(size, size)};
  std::vector<double> others(expert.begin(), expert.end());
  for (const Neuron& neuron : neurons) {
    if (symmetry != Symmetry::none) {
      reflect(symmetry, neuron, others);
    }
  }
  for (Eigen::Index i = 0; i < size; ++i) {
    const std::vector<double> wanted = numbers_of(neurons[static_cast<std::size_t>(i)], reference);
    for (Eigen::Index j = 0; j < size; ++j) {
      const Neuron& neuron = neurons[static_cast<std::size_t>(j)];
      costs.as_they_are(i, j) = squared_distance(wanted, numbers_of(neuron, expert));
      costs.reflected(i, j) = squared_distance(wanted, numbers_of(neuron, others));
    }
  }
  return costs;
}

double total(const Eigen::MatrixXd& cost) {
  double sum = 0;
  Eigen::Index row = 0;
  for (const int column : assign(cost)) {
    sum += cost(row++, column);
  }
  return sum;
}

/// Of the offsets of the outputs that see these neurons, with the weights of the reflected ones added.
double offset_distance(const std::vector<Neuron>& neurons, unsigned reflected, std::span<const double> expert,
                       std::span<const double> reference) {
  double sum = 0;
  for (std::size_t output = 0; output < neurons.front().offsets.size(); ++output) {
    const int place = neurons.front().offsets[output];
    if (place < 0) {
      continue;
    }
    double difference = expert[static_cast<std::size_t>(place)] - reference[static_cast<std::size_t>(place)];
    for (std::size_t m = 0; m < neurons.size(); ++m) {
      if ((reflected >> m & 1U) != 0) {
        difference += expert[static_cast<std::size_t>(neurons[m].weights[output])];
      }
    }
    sum += difference * difference;
  }
  return sum;
}

/// The least distance over all choices of reflected sigmoids, each of which adds its weight to the offset.
double coupled_distance(const std::vector<Neuron>& neurons, const NeuronCosts& costs,
                        std::span<const double> expert, std::span<const double> reference) {
  double least = std::numeric_limits<double>::infinity();
  Eigen::MatrixXd cost = costs.as_they_are;
  for (unsigned reflected = 0; reflected < 1U << neurons.size(); ++reflected) {
    const double of_offsets = offset_distance(neurons, reflected, expert, reference);
    if (of_offsets >= least) {
      continue;
    }
    for (Eigen::Index j = 0; j < cost.cols(); ++j) {
      cost.col(j) = (reflected >> static_cast<unsigned>(j) & 1U) != 0 ? costs.reflected.col(j)
                                                                      : costs.as_they_are.col(j);
    }
    least = std::min(least, of_offsets + total(cost));
  }
  return least;
}

}  // namespace

struct ExpertDistance::Parts {
  MixtureSpec spec;
  Symmetry symmetry;
  std::vector<std::vector<Neuron>> layers;
};

ExpertDistance::ExpertDistance(const MixtureSpec& spec)
    : parts_(std::make_unique<Parts>(Parts{spec, symmetry_of(expert_form(spec.expert)), {}})) {
  const int num_neurons = expert_form(spec.expert).num_neurons;
  if (parts_->symmetry != Symmetry::none || num_neurons > 1) {
    parts_->layers = layers_of(spec, num_neurons);
  }
}

ExpertDistance::~ExpertDistance() = default;

double ExpertDistance::squared(std::span<const double> expert, std::span<const double> reference) const {
  MOEST_EXPECT(expert.size() == reference.size());
  if (parts_->layers.empty()) {
    return squared_distance(expert, reference);
  }
  double sum = 0;
  for (const std::vector<Neuron>& neurons : parts_->layers) {
    const NeuronCosts costs = neuron_costs(parts_->symmetry, neurons, expert, reference);
    if (parts_->symmetry != Symmetry::sigmoid) {
      sum +=
          total(costs.reflected.cwiseMin(costs.as_they_are)) + offset_distance(neurons, 0, expert, reference);
    } else if (neurons.size() <= kMostCoupled) {
      sum += coupled_distance(neurons, costs, expert, reference);
    } else {
      return squared_distance(nearest_equivalent(parts_->spec, {expert.begin(), expert.end()}, reference),
                              reference);
    }
  }
  return sum;
}

std::vector<double> nearest_equivalent(const MixtureSpec& spec, std::vector<double> expert,
                                       std::span<const double> reference) {
  MOEST_EXPECT(expert.size() == reference.size());
  const ExpertForm form = expert_form(spec.expert);
  const Symmetry symmetry = symmetry_of(form);
  for (const std::vector<Neuron>& neurons : layers_of(spec, form.num_neurons)) {
    const auto size = static_cast<Eigen::Index>(neurons.size());
    const NeuronCosts costs = neuron_costs(symmetry, neurons, expert, reference);
    const auto reflects = costs.reflected.array() < costs.as_they_are.array();
    const Eigen::MatrixXd cost = costs.reflected.cwiseMin(costs.as_they_are);
    const std::vector<int> order = assign(cost);
    for (Eigen::Index i = 0; i < size; ++i) {
      const int j = order[static_cast<std::size_t>(i)];
      if (reflects(i, j)) {
        reflect(symmetry, neurons[static_cast<std::size_t>(j)], expert);
      }
    }
    const std::vector<double> before = expert;
    for (Eigen::Index i = 0; i < size; ++i) {
      const int j = order[static_cast<std::size_t>(i)];
      set_numbers(neurons[static_cast<std::size_t>(i)],
                  numbers_of(neurons[static_cast<std::size_t>(j)], before), expert);
    }
  }
  return expert;
}

}  // namespace moest
