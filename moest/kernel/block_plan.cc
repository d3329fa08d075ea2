#include "moest/kernel/block_plan.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "moest/base/error.h"
#include "moest/kernel/sample_blocks.h"

namespace moest {

// The units that see one feature set: where they lie in v, and the numbers of their sensitivities.
struct BlockPlan::UnitGroup {
  enum class Kind { factor, bias, gate, inner, weight, shift };
  struct Unit {
    Kind kind;
    std::size_t expert;
    int offset;
    int sensitivity;
    std::size_t neuron = 0;  // of an inner unit or a weight
  };
  FeatureSet set;
  std::vector<Unit> units;

  // The column of each feature, -1 for the constant.
  std::vector<int> features() const {
    std::vector<int> result;
    result.reserve(static_cast<std::size_t>(set.size()));
    for (int j = 0; j < set.num_columns; ++j) {
      result.push_back(set.first_column + j);
    }
    if (set.constant) {
      result.push_back(-1);
    }
    return result;
  }
};

BlockPlan::BlockPlan(MixtureLayout of_mixture) : layout(std::move(of_mixture)) {
  check_layout();
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    const int first = num_runs;
    gates.push_back({first, first + 1, first + 2, first + 3, first + 4});
    num_runs += 5;
  }
  if (layout.router) {
    number_router_runs();
  }
  const auto number_if = [&](bool needed) { return needed ? num_runs++ : -1; };
  for (const ExpertUnits& expert : layout.experts) {
    MOEST_EXPECT(!expert.neurons.empty());
    const std::size_t first = neurons.size();
    for (const NeuronUnits& neuron : expert.neurons) {
      const bool has_weight = neuron.weight >= 0;
      neurons.push_back({number_if(true), number_if(has_weight),
                         number_if(neuron.inner.link != Link::identity), number_if(has_weight)});
    }
    experts.push_back({first, neurons.size(), number_if(expert.shift >= 0)});
  }
  const std::vector<UnitGroup> all = groups();
  for (const UnitGroup& group : all) {
    plan_gradient(group);
  }
  num_gradient_sums = num_sums;
  for (std::size_t first = 0; first < all.size(); ++first) {
    for (std::size_t second = first; second < all.size(); ++second) {
      plan_moments(all[first], all[second], first == second);
    }
  }
  num_gauss_newton_sums = num_sums;
  for (const UnitGroup& group : all) {
    plan_diagonal(group);
  }
}

void BlockPlan::check_layout() const {
  MOEST_EXPECT(!layout.experts.empty() && (layout.gates.size() + 1 == layout.experts.size() ||
                                           layout.gates.size() == layout.experts.size()));
  MOEST_EXPECT(layout.kept >= 0 && layout.kept <= layout.num_experts());
  const auto all_gates_have = [&](Link link) {
    return std::all_of(layout.gates.begin(), layout.gates.end(),
                       [&](const RidgeUnit& gate) { return gate.link == link; });
  };
  if (layout.combiner == Combiner::separate) {
    MOEST_EXPECT(layout.gates.size() == layout.experts.size() && all_gates_have(Link::sigmoid));
  }
  if (layout.combiner == Combiner::hierarchical) {
    MOEST_EXPECT(layout.gates.size() < layout.experts.size() && all_gates_have(Link::identity));
    MOEST_EXPECT(layout.kept == 0 && !layout.router);
    MOEST_EXPECT(!layout.group_ends.empty() && layout.group_ends.front() > 0 &&
                 layout.group_ends.back() == layout.num_experts());
    MOEST_EXPECT(std::adjacent_find(layout.group_ends.begin(), layout.group_ends.end(),
                                    std::greater_equal<>()) == layout.group_ends.end());
  }
}

void BlockPlan::number_router_runs() {
  const RouterUnits& router = *layout.router;
  MOEST_EXPECT(layout.combiner == Combiner::softmax && layout.gates.size() == layout.experts.size() &&
               router.biases.size() + 1 == layout.experts.size());
  for (std::size_t i = 0; i < router.biases.size(); ++i) {
    const int first = num_runs;
    biases.push_back({first, first + 1, first + 2, first + 3, first + 4, first + 5});
    num_runs += 6;
  }
  if (router.factor < 0) {
    return;
  }
  factor = FactorRuns{num_runs, num_runs + 1, {}, {}, {}};
  num_runs += 2;
  for (auto* runs : {&factor->with_gates, &factor->with_biases, &factor->with_experts}) {
    for (std::size_t i = 0; i < layout.experts.size(); ++i) {
      runs->push_back(num_runs++);
    }
  }
}

std::vector<BlockPlan::UnitGroup> BlockPlan::groups() const {
  using Kind = UnitGroup::Kind;
  std::vector<UnitGroup> result;
  for (int set = 0; set < static_cast<int>(layout.feature_sets.size()); ++set) {
    UnitGroup group{layout.feature_sets[static_cast<std::size_t>(set)], {}};
    const auto add = [&](int of_set, const UnitGroup::Unit& unit) {
      if (of_set == set && unit.offset >= 0) {
        group.units.push_back(unit);
      }
    };
    for (std::size_t i = 0; i < gates.size(); ++i) {
      add(layout.gates[i].feature_set, {Kind::gate, i, layout.gates[i].offset, gates[i].sensitivity});
    }
    if (factor) {
      add(layout.constant_set, {Kind::factor, 0, layout.router->factor, factor->sensitivity});
    }
    for (std::size_t i = 0; i < biases.size(); ++i) {
      add(layout.constant_set, {Kind::bias, i, layout.router->biases[i], biases[i].sensitivity});
    }
    for (std::size_t i = 0; i < experts.size(); ++i) {
      const ExpertUnits& expert = layout.experts[i];
      std::size_t number = experts[i].first_neuron;
      for (const NeuronUnits& neuron : expert.neurons) {
        const NeuronRuns& runs = neurons[number];
        add(neuron.inner.feature_set, {Kind::inner, i, neuron.inner.offset, runs.inner, number});
        add(layout.constant_set, {Kind::weight, i, neuron.weight, runs.weight, number});
        ++number;
      }
      add(layout.constant_set, {Kind::shift, i, expert.shift, experts[i].shift});
    }
    if (!group.units.empty() && group.set.size() > 0) {
      result.push_back(std::move(group));
    }
  }
  return result;
}

void BlockPlan::place_tiles(MomentPlan& plan) {
  const auto up_to_multiple = [](std::size_t count, int multiple) {
    return (static_cast<int>(count) + multiple - 1) / multiple * multiple;
  };
  plan.first_place = num_places;
  num_places +=
      up_to_multiple(plan.rows.size(), kMostTileRows) * up_to_multiple(plan.columns.size(), kMostTileColumns);
}

void BlockPlan::plan_gradient(const UnitGroup& group) {
  MomentPlan& plan = gradients.emplace_back();
  plan.first_sum = num_sums;
  for (const int feature : group.features()) {
    plan.columns.emplace_back(feature, -1);
  }
  for (const UnitGroup::Unit& unit : group.units) {
    plan.rows.push_back({unit.sensitivity, kResidual});
    for (int i = 0; i < group.set.size(); ++i) {
      gradient_places.push_back({num_sums++, unit.offset + i, unit.offset + i});
    }
  }
  place_tiles(plan);
}

void BlockPlan::plan_diagonal(const UnitGroup& group) {
  MomentPlan& plan = diagonals.emplace_back();
  plan.first_sum = num_sums;
  for (const int feature : group.features()) {
    plan.columns.emplace_back(feature, feature);
  }
  for (const UnitGroup::Unit& unit : group.units) {
    plan.rows.push_back({unit.sensitivity, unit.sensitivity});
    for (int i = 0; i < group.set.size(); ++i) {
      diagonal_places.push_back({num_sums++, unit.offset + i, unit.offset + i});
    }
  }
  place_tiles(plan);
}

/// Whether the unit is that of a group: the last expert of one has none of its own.
bool BlockPlan::is_of_group(std::size_t gate) const {
  return std::find(layout.group_ends.begin(), layout.group_ends.end(), static_cast<int>(gate) + 1) !=
         layout.group_ends.end();
}

bool BlockPlan::share_group(std::size_t expert, std::size_t other) const {
  const auto group_of = [&](std::size_t i) {
    return std::upper_bound(layout.group_ends.begin(), layout.group_ends.end(), static_cast<int>(i));
  };
  return group_of(expert) == group_of(other);
}

bool BlockPlan::share_softmax(std::size_t gate, std::size_t other) const {
  return layout.combiner != Combiner::hierarchical ||
         (is_of_group(gate) ? is_of_group(other) : !is_of_group(other) && share_group(gate, other));
}

/// What a gate multiplies the sensitivities of what belongs to an expert with.
int BlockPlan::run_with_expert(std::size_t gate, std::size_t expert) const {
  const GateRuns& runs = gates[gate];
  if (layout.combiner != Combiner::hierarchical) {
    return gate == expert ? runs.own : runs.g;
  }
  if (is_of_group(gate)) {
    return share_group(gate, expert) ? runs.own : runs.g;
  }
  return gate == expert ? runs.own : share_group(gate, expert) ? runs.g : runs.sensitivity;
}

RowPlan BlockPlan::bent_row(const UnitGroup& left, std::size_t a, const UnitGroup& right,
                            std::size_t b) const {
  using Kind = UnitGroup::Kind;
  // Of two units, the one whose kind comes first.
  const bool in_order = left.units[a].kind <= right.units[b].kind;
  const UnitGroup::Unit& first = in_order ? left.units[a] : right.units[b];
  const UnitGroup::Unit& second = in_order ? right.units[b] : left.units[a];
  const bool same_expert = first.expert == second.expert;
  if (first.kind == Kind::factor) {
    switch (second.kind) {
      case Kind::factor:
        return {factor->diagonal, kOnes};
      case Kind::bias:
        return {factor->with_biases[second.expert], kOnes};
      case Kind::gate:
        return {factor->with_gates[second.expert], kOnes};
      default:
        return {factor->with_experts[second.expert], second.sensitivity};
    }
  }
  if (first.kind == Kind::bias) {
    const BiasRuns& bias = biases[first.expert];
    if (second.kind == Kind::bias) {
      const BiasRuns& other = biases[second.expert];
      return same_expert ? RowPlan{bias.diagonal, kOnes}
                         : RowPlan{bias.sensitivity, other.g, bias.minus_q, other.sensitivity};
    }
    if (second.kind == Kind::gate) {
      const GateRuns& gate = gates[second.expert];
      return same_expert ? RowPlan{gate.sensitivity, bias.with_gate}
                         : RowPlan{gate.sensitivity, bias.g, gate.minus_q, bias.sensitivity};
    }
    return {same_expert ? bias.own : bias.g, second.sensitivity};
  }
  if (first.kind == Kind::gate) {
    const GateRuns& gate = gates[first.expert];
    if (second.kind != Kind::gate) {
      return {run_with_expert(first.expert, second.expert), second.sensitivity};
    }
    const GateRuns& other = gates[second.expert];
    if (same_expert) {
      return {gate.diagonal, kOnes};
    }
    if (share_softmax(first.expert, second.expert)) {
      return {gate.sensitivity, other.g, gate.minus_q, other.sensitivity};
    }
    return is_of_group(second.expert)
               ? RowPlan{run_with_expert(second.expert, first.expert), first.sensitivity}
               : RowPlan{run_with_expert(first.expert, second.expert), second.sensitivity};
  }
  RowPlan row{first.sensitivity, second.sensitivity};
  if (first.kind == Kind::inner && second.kind != Kind::shift && first.neuron == second.neuron) {
    const NeuronRuns& neuron = neurons[first.neuron];
    row.c = second.kind == Kind::inner ? neuron.inner_bend : neuron.weight_bend;
    row.d = kOnes;
  }
  return row;
}

// Within one group the moments are symmetric in (a, b) and in (i, j): each is summed once.
void BlockPlan::plan_moments(const UnitGroup& left, const UnitGroup& right, bool same) {
  MomentPlan plan;
  plan.first_sum = num_sums;
  MomentPlan bent = plan;
  const std::vector<int> left_features = left.features();
  const std::vector<int> right_features = right.features();
  std::vector<std::pair<int, int>> pairs;  // of indices into the features, per column
  for (std::size_t i = 0; i < left_features.size(); ++i) {
    for (std::size_t j = same ? i : 0; j < right_features.size(); ++j) {
      plan.columns.emplace_back(left_features[i], right_features[j]);
      pairs.emplace_back(static_cast<int>(i), static_cast<int>(j));
    }
  }
  bent.columns = plan.columns;
  for (std::size_t a = 0; a < left.units.size(); ++a) {
    for (std::size_t b = same ? a : 0; b < right.units.size(); ++b) {
      plan.rows.push_back({left.units[a].sensitivity, right.units[b].sensitivity});
      bent.rows.push_back(bent_row(left, a, right, b));
      for (const auto& [i, j] : pairs) {
        const int sum = num_sums++;
        gram_places.push_back({sum, left.units[a].offset + i, right.units[b].offset + j});
        if (same && i != j && a != b) {
          gram_places.push_back({sum, left.units[a].offset + j, right.units[b].offset + i});
        }
      }
    }
  }
  place_tiles(plan);
  bent.first_place = plan.first_place;
  moments.push_back(std::move(plan));
  bent_moments.push_back(std::move(bent));
}

BlockWorkspace::BlockWorkspace(const BlockPlan& plan) {
  for (int i = 0; i < plan.num_runs; ++i) {
    runs_.push_back(new_run());
  }
  std::fill_n(run(BlockPlan::kOnes), kBlockSize, 1.0);
  const auto run_unless_identity = [&](Link link) { return link == Link::identity ? nullptr : new_run(); };
  // A router's factor is the slope of the identity.
  const auto run_unless_one = [&](Link link) {
    return link == Link::identity && !plan.layout.router ? nullptr : new_run();
  };
  for (std::size_t i = 0; i < plan.gates.size(); ++i) {
    const Link link = plan.layout.gates[i].link;
    const BlockPlan::GateRuns& numbers = plan.gates[i];
    gates.push_back({run_unless_one(link), run_unless_identity(link), new_run(), run(numbers.sensitivity),
                     run(numbers.minus_q), run(numbers.g), run(numbers.own), run(numbers.diagonal),
                     plan.factor ? new_run() : nullptr});
  }
  find_router_runs(plan);
  for (std::size_t i = 0; i < plan.experts.size(); ++i) {
    const ExpertUnits& expert = plan.layout.experts[i];
    const BlockPlan::ExpertRuns& numbers = plan.experts[i];
    for (const NeuronUnits& neuron : expert.neurons) {
      const BlockPlan::NeuronRuns& own = plan.neurons[neurons.size()];
      const Link link = neuron.inner.link;
      neurons.push_back({new_run(), run_unless_identity(link), run_unless_identity(link), new_run(),
                         run(own.inner), run(own.weight), run(own.inner_bend), run(own.weight_bend)});
    }
    const bool is_phi = expert.neurons.size() == 1 && expert.neurons.front().weight < 0 && expert.shift < 0;
    experts.push_back({numbers.first_neuron, numbers.last_neuron, new_run(),
                       is_phi ? neurons.back().value : new_run(), run(numbers.shift), nullptr, 0.0});
  }
  find_group_runs(plan);
  mean = new_run();
  std::size_t num_rows = 0;
  for (const auto* plans : {&plan.gradients, &plan.moments, &plan.diagonals}) {
    for (const MomentPlan& moments : *plans) {
      num_rows = std::max(num_rows, moments.rows.size());
    }
  }
  for (std::size_t i = 0; i < num_rows; ++i) {
    row_products.push_back(new_run());
  }
  rows.resize(num_rows);
  for (double*& product : column_products) {
    product = new_run();
  }
  rss = new_run(kMaxLanes);
  sums = new_run(static_cast<std::size_t>(plan.num_places));
}

void BlockWorkspace::find_router_runs(const BlockPlan& plan) {
  for (const BlockPlan::BiasRuns& numbers : plan.biases) {
    biases.push_back({run(numbers.sensitivity), run(numbers.minus_q), run(numbers.g), run(numbers.own),
                      run(numbers.diagonal), run(numbers.with_gate)});
  }
  if (!plan.factor) {
    return;
  }
  const auto find = [&](const std::vector<int>& numbers) {
    std::vector<double*> found;
    std::transform(numbers.begin(), numbers.end(), std::back_inserter(found),
                   [&](int number) { return run(number); });
    return found;
  };
  factor =
      FactorRuns{run(plan.factor->sensitivity), run(plan.factor->diagonal), find(plan.factor->with_gates),
                 find(plan.factor->with_biases), find(plan.factor->with_experts)};
}

void BlockWorkspace::find_group_runs(const BlockPlan& plan) {
  std::size_t i = 0;
  for (const int end : plan.layout.group_ends) {
    const GroupRuns& group = groups.emplace_back(GroupRuns{new_run(), new_run()});
    for (const auto last = static_cast<std::size_t>(end) - 1; i <= last; ++i) {
      ExpertRuns& expert = experts[i];
      expert.in_group = new_run();
      levels.push_back(i < last ? LevelRuns{expert.in_group, expert.weight, expert.value, group.mean}
                                : LevelRuns{group.share, group.share, group.mean, nullptr});
    }
  }
}

double* BlockWorkspace::new_run(std::size_t size) { return memory_.emplace_back(size, 0.0).data(); }

}  // namespace moest
