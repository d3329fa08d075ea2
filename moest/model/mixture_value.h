// The mixture written plainly: one sample, raw parameters, any arithmetic type.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "moest/kernel/combiners.h"
#include "moest/kernel/links.h"
#include "moest/model/catalogue.h"
#include "moest/model/model.h"
#include "moest/model/specification.h"

namespace moest {

/// h(x; eta) of one expert.
template <class T>
T expert_value(const MixtureSpec& spec, std::span<const T> expert, std::span<const T> x) {
  const ExpertKind& kind = expert_kind(spec.expert.kind);
  std::size_t next = 0;
  T t = T(0);
  if (kind.uses_inputs) {
    for (const T& value : x) {
      t = t + expert[next++] * value;
    }
  }
  if (spec.expert.bias) {
    t = t + expert[next++];
  }
  T h = visit_link(expert_shape(spec.expert).link, [&](auto link) { return link(t).value; });
  if (spec.expert.output_weight) {
    h = expert[next++] * h;
  }
  return spec.expert.output_offset ? h + expert[next] : h;
}

/// f(x) = sum_i w_i(x) h(x; eta_i), in scaled coordinates if the model has a scaling. Built from the same
/// features, links, charts and combiners as the fit, without its kernel: the reference for the kernel's
/// values and, in a wider type, for its derivatives.
template <class T>
T mixture_value(const MixtureSpec& spec, std::span<const BasicAtom<T>> atoms, std::span<const T> x) {
  std::vector<T> weights;
  visit_gate(spec.gate.kind, [&](auto gate) {
    std::vector<T> z(static_cast<std::size_t>(gate.num_features(spec.num_inputs)));
    std::vector<T> v(z.size());
    gate.template features<T>(spec.gate, x, z);
    for (const BasicAtom<T>& atom : atoms) {
      gate.template to_chart<T>(spec.gate, atom.gate, v);
      T t = atom.bias;
      for (std::size_t j = 0; j < z.size(); ++j) {
        t = t + v[j] * z[j];
      }
      weights.push_back(visit_link(decltype(gate)::kLink, [&](auto link) { return link(t).value; }));
    }
  });
  softmax(std::span<T>(weights));
  T value = T(0);
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    value = value + weights[i] * expert_value<T>(spec, atoms[i].expert, x);
  }
  return value;
}

}  // namespace moest
