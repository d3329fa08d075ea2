#include "moest/study/truth.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/theory/mixture_family.h"
#include "moest/theory/random_truth.h"
#include "moest/theory/voronoi.h"

namespace moest {
namespace {

void move_towards(std::vector<double>& from, const std::vector<double>& to, double factor) {
  for (std::size_t p = 0; p < from.size(); ++p) {
    from[p] = to[p] + factor * (from[p] - to[p]);
  }
}

void move_along(const TruthSequence& sequence, std::int64_t size, Model& truth) {
  const double factor = std::pow(static_cast<double>(size) / sequence.from, -sequence.exponent);
  Atom& moving = truth.atoms[static_cast<std::size_t>(sequence.move)];
  const Atom& fixed = truth.atoms[static_cast<std::size_t>(sequence.towards)];
  move_towards(moving.gate, fixed.gate, factor);
  if (sequence.what == TruthSequence::What::atom) {
    move_towards(moving.expert, fixed.expert, factor);
  }
}

void disturb(Atom& atom, Stream& stream) {
  constexpr double kSize = 0.1;
  atom.bias += kSize * stream.normal();
  for (std::vector<double>* part : {&atom.gate, &atom.expert}) {
    for (double& value : *part) {
      value += kSize * stream.normal();
    }
  }
}

}  // namespace

Model unnamed_model(const MixtureSpec& spec) {
  Model model;
  model.spec = spec;
  for (int j = 1; j <= spec.num_inputs; ++j) {
    model.inputs.push_back(fmt::format("x{}", j));
  }
  model.targets = {"y"};
  return model;
}

Model truth_at(const TruthSource& source, std::int64_t size, Stream& stream) {
  constexpr double kHalfWidth = 2.5;
  Model truth = source.model;
  if (source.is_random) {
    const Truth drawn = random_truth({source.model.spec}, kHalfWidth, stream);
    truth.spec = drawn.family.spec;
    truth.spec.gate.groups = {0, group_sizes(truth.spec)};
    truth.atoms = drawn.measure.atoms;
    truth.groups = drawn.measure.groups;
  }
  if (source.sequence) {
    move_along(*source.sequence, size, truth);
  }
  return truth;
}

Model near_start(const MixtureSpec& spec, const Model& truth, Stream& stream) {
  const std::size_t k_true = truth.atoms.size();
  const auto k = static_cast<std::size_t>(spec.num_experts);
  MOEST_EXPECT(k >= k_true && (truth.groups.empty() || k == k_true));
  Model start = truth;
  start.spec = spec;
  start.spec.gate.temperature.value = truth.spec.gate.temperature.value;
  start.noise_variance.clear();
  const double unit = bias_is_divided(spec) ? truth.spec.gate.temperature.value : 1;
  start.atoms.clear();
  for (std::size_t i = 0; i < k; ++i) {
    const std::size_t j = i % k_true;
    const std::size_t sharing = k / k_true + (j < k % k_true ? 1 : 0);
    start.atoms.push_back(truth.atoms[j]);
    start.atoms.back().bias -= unit * std::log(static_cast<double>(sharing));
  }
  for (std::vector<Atom>* level : {&start.atoms, &start.groups}) {
    for (Atom& atom : *level) {
      disturb(atom, stream);
    }
  }
  return start;
}

std::optional<std::string> why_not_comparable(const Arm& arm) {
  Stream stream(0, 0, "any truth");
  const Model truth = truth_at(arm.truth, 1, stream);
  Model fitted = unnamed_model(arm.fitted);
  fitted.inputs = truth.inputs;
  fitted.targets = truth.targets;
  const std::size_t num_groups = group_sizes(arm.fitted).size();
  const std::vector<double> gate(static_cast<std::size_t>(num_gate_parameters(arm.fitted)), 1.0);
  const std::vector<double> expert(static_cast<std::size_t>(num_expert_parameters(arm.fitted)), 1.0);
  fitted.atoms.assign(static_cast<std::size_t>(arm.fitted.num_experts), Atom{0, gate, expert});
  fitted.groups.assign(num_groups, Atom{0, gate, {}});
  try {
    voronoi_loss(fitted, truth);
  } catch (const InputError& error) {
    return error.what();
  }
  return std::nullopt;
}

}  // namespace moest
