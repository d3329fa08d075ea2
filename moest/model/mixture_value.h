// The mixture written plainly: one sample, raw parameters, any arithmetic type.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "moest/kernel/combiners.h"
#include "moest/kernel/links.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/model/model.h"
#include "moest/model/specification.h"

namespace moest {

/// An output of h(x; eta) of one expert whose neurons have the link `phi`.
template <class T, class Phi>
T expert_value(const MixtureSpec& spec, std::span<const T> expert, std::span<const T> x, int output,
               Phi&& phi) {
  const ExpertForm form = expert_form(spec.expert);
  const ExpertPlaces places = expert_places(spec);
  const auto parameter = [&](int place) { return expert[static_cast<std::size_t>(place)]; };
  T h = T(0);
  for (int m = 0; m < form.num_neurons; ++m) {
    int next = places.inner(output, m);
    T t = T(0);
    if (form.uses_inputs) {
      for (const T& value : x) {
        t = t + parameter(next++) * value;
      }
    }
    if (form.bias) {
      t = t + parameter(next);
    }
    const T value = phi(t);
    h = h + (form.weight ? parameter(places.weight(output, m)) * value : value);
  }
  return form.offset ? h + parameter(places.offset(output)) : h;
}

/// The same with the link of the specification.
template <class T>
T expert_value(const MixtureSpec& spec, std::span<const T> expert, std::span<const T> x, int output = 0) {
  const Link link = expert_form(spec.expert).shape.link;
  return expert_value<T>(spec, expert, x, output, [link](const T& t) {
    return visit_link(link, [&](auto phi) { return T(phi(t).value); });
  });
}

/// The score of an atom in the chart's coordinates; `factor` is 1 / temperature where that stands outside the
/// link.
template <class T>
T score_in_chart(const MixtureSpec& spec, const BasicAtom<T>& atom, std::span<const T> z, const T& factor) {
  const bool is_outside = gate_bias_is_outside(spec.gate);
  const std::vector<T> v = gate_slopes(spec, atom.gate);
  T t = is_outside ? T(0) : atom.bias;
  for (std::size_t j = 0; j < z.size(); ++j) {
    t = t + v[j] * z[j];
  }
  const T value = visit_link(gate_link(spec.gate), [&](auto link) { return link(t).value; });
  return is_outside ? factor * value + atom.bias : value;
}

/// w_1, .., w_k of the scores of the atoms and of the groups, if any.
template <class T>
std::vector<T> weights_of_scores(const MixtureSpec& spec, std::vector<T> scores, std::vector<T> of_groups) {
  std::vector<T> weights = std::move(scores);
  const Combiner combiner = gate_combiner(spec.gate);
  if (combiner == Combiner::softmax) {
    softmax(std::span<T>(weights), spec.gate.top_k);
  } else if (combiner == Combiner::hierarchical) {
    softmax(std::span<T>(of_groups));
    auto share = of_groups.begin();
    std::span<T> rest(weights);
    for (const int size : group_sizes(spec)) {
      const std::span<T> group = rest.first(static_cast<std::size_t>(size));
      softmax(group);
      for (T& weight : group) {
        weight = *share * weight;
      }
      ++share;
      rest = rest.subspan(group.size());
    }
  }
  return weights;
}

/// w_1, .., w_k of a measure in the chart's coordinates.
template <class T>
std::vector<T> weights_in_chart(const MixtureSpec& spec, const BasicMeasure<T>& measure, std::span<const T> z,
                                const T& factor) {
  const auto scores_of = [&](const std::vector<BasicAtom<T>>& atoms) {
    std::vector<T> scores;
    for (const BasicAtom<T>& atom : atoms) {
      scores.push_back(score_in_chart<T>(spec, atom, z, factor));
    }
    return scores;
  };
  return weights_of_scores<T>(spec, scores_of(measure.atoms), scores_of(measure.groups));
}

/// An output of f(x) = sum_i w_i(x) h(x; eta_i) with the gates of the measure in the chart's coordinates and
/// z = gate_features(spec, x). Built from the same features, links and combiners as the fit, without its
/// kernel: in a wide type the reference for its derivatives.
template <class T>
T mixture_value_in_chart(const MixtureSpec& spec, const BasicMeasure<T>& measure, std::span<const T> z,
                         std::span<const T> x, const T& factor, int output = 0) {
  const std::vector<T> weights = weights_in_chart(spec, measure, z, factor);
  T value = T(0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    value = value + weights[i] * expert_value<T>(spec, measure.atoms[i].expert, x, output);
  }
  return value;
}

/// The same for a raw measure, in scaled coordinates if the model has a scaling: the reference for the
/// kernel's values.
template <class T>
T mixture_value(const MixtureSpec& spec, const BasicMeasure<T>& measure, std::span<const T> x,
                int output = 0) {
  return mixture_value_in_chart<T>(spec, measure_in_chart(spec, measure), gate_features<T>(spec, x), x,
                                   T(1) / T(spec.gate.temperature.value), output);
}

}  // namespace moest
