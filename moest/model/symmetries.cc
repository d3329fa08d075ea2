#include "moest/model/symmetries.h"

#include <algorithm>

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

}  // namespace

std::vector<double> nearest_equivalent(const MixtureSpec& spec, std::vector<double> expert,
                                       std::span<const double> reference) {
  MOEST_EXPECT(expert.size() == reference.size());
  const ExpertForm form = expert_form(spec.expert);
  const Symmetry symmetry = symmetry_of(form);
  for (const std::vector<Neuron>& neurons : layers_of(spec, form.num_neurons)) {
    const auto size = static_cast<Eigen::Index>(neurons.size());
    Eigen::MatrixXd cost(size, size);
    Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic> reflects(size, size);
    std::vector<double> reflected = expert;
    for (const Neuron& neuron : neurons) {
      if (symmetry != Symmetry::none) {
        reflect(symmetry, neuron, reflected);
      }
    }
    for (Eigen::Index i = 0; i < size; ++i) {
      const std::vector<double> wanted = numbers_of(neurons[static_cast<std::size_t>(i)], reference);
      for (Eigen::Index j = 0; j < size; ++j) {
        const Neuron& neuron = neurons[static_cast<std::size_t>(j)];
        const double as_it_is = squared_distance(wanted, numbers_of(neuron, expert));
        const double other = squared_distance(wanted, numbers_of(neuron, reflected));
        reflects(i, j) = other < as_it_is;
        cost(i, j) = std::min(other, as_it_is);
      }
    }
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
