#include <utility>

#include "moest/base/error.h"
#include "moest/kernel/block_pass.h"

namespace moest {

// The units that see one feature set: where they lie in v, and the numbers of their sensitivities.
struct BlockPlan::UnitGroup {
  FeatureSet set;
  std::vector<int> offsets;
  std::vector<int> sensitivities;

  // The column of each feature, -1 for the constant.
  std::vector<int> features() const {
    std::vector<int> result;
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
  MOEST_EXPECT(!layout.experts.empty() && layout.gates.size() + 1 == layout.experts.size());
  const auto number = [&](Role::Kind kind, std::size_t expert) {
    roles.push_back({kind, static_cast<int>(expert)});
    return num_sensitivities() - 1;
  };
  number(Role::Kind::residual, 0);
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    gate_sensitivities.push_back(number(Role::Kind::gate, i));
  }
  for (std::size_t i = 0; i < layout.experts.size(); ++i) {
    const ExpertUnits& expert = layout.experts[i];
    inner_sensitivities.push_back(number(Role::Kind::inner, i));
    weight_sensitivities.push_back(expert.weight >= 0 ? number(Role::Kind::weight, i) : -1);
    shift_sensitivities.push_back(expert.shift >= 0 ? number(Role::Kind::shift, i) : -1);
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
}

std::vector<BlockPlan::UnitGroup> BlockPlan::groups() const {
  std::vector<UnitGroup> result;
  for (int set = 0; set < static_cast<int>(layout.feature_sets.size()); ++set) {
    UnitGroup group{layout.feature_sets[static_cast<std::size_t>(set)], {}, {}};
    const auto add = [&](int of_set, int offset, int sensitivity) {
      if (of_set == set && offset >= 0) {
        group.offsets.push_back(offset);
        group.sensitivities.push_back(sensitivity);
      }
    };
    for (std::size_t i = 0; i < layout.gates.size(); ++i) {
      add(layout.gates[i].feature_set, layout.gates[i].offset, gate_sensitivities[i]);
    }
    for (std::size_t i = 0; i < layout.experts.size(); ++i) {
      const ExpertUnits& expert = layout.experts[i];
      add(expert.inner.feature_set, expert.inner.offset, inner_sensitivities[i]);
      add(layout.constant_set, expert.weight, weight_sensitivities[i]);
      add(layout.constant_set, expert.shift, shift_sensitivities[i]);
    }
    if (!group.offsets.empty() && group.set.size() > 0) {
      result.push_back(std::move(group));
    }
  }
  return result;
}

void BlockPlan::plan_gradient(const UnitGroup& group) {
  MomentPlan& plan = gradients.emplace_back();
  plan.first_sum = num_sums;
  for (const int feature : group.features()) {
    plan.columns.emplace_back(feature, -1);
  }
  for (std::size_t a = 0; a < group.offsets.size(); ++a) {
    plan.rows.emplace_back(group.sensitivities[a], 0);
    for (int i = 0; i < group.set.size(); ++i) {
      gradient_places.push_back({num_sums++, group.offsets[a] + i, -1});
    }
  }
}

// Within one group the moments are symmetric in (a, b) and in (i, j): each is summed once.
void BlockPlan::plan_moments(const UnitGroup& left, const UnitGroup& right, bool same) {
  MomentPlan& plan = moments.emplace_back();
  plan.first_sum = num_sums;
  const std::vector<int> left_features = left.features();
  const std::vector<int> right_features = right.features();
  std::vector<std::pair<int, int>> pairs;  // of indices into the features, per column
  for (std::size_t i = 0; i < left_features.size(); ++i) {
    for (std::size_t j = same ? i : 0; j < right_features.size(); ++j) {
      plan.columns.emplace_back(left_features[i], right_features[j]);
      pairs.emplace_back(static_cast<int>(i), static_cast<int>(j));
    }
  }
  for (std::size_t a = 0; a < left.offsets.size(); ++a) {
    for (std::size_t b = same ? a : 0; b < right.offsets.size(); ++b) {
      plan.rows.emplace_back(left.sensitivities[a], right.sensitivities[b]);
      for (const auto& [i, j] : pairs) {
        const int sum = num_sums++;
        gram_places.push_back({sum, left.offsets[a] + i, right.offsets[b] + j});
        if (same && i != j && a != b) {
          gram_places.push_back({sum, left.offsets[a] + j, right.offsets[b] + i});
        }
      }
    }
  }
}

BlockWorkspace::BlockWorkspace(const BlockPlan& plan) {
  const MixtureLayout& layout = plan.layout;
  const auto run_unless_identity = [&](Link link) { return link == Link::identity ? nullptr : new_run(); };
  for (const RidgeUnit& gate : layout.gates) {
    gate_slopes.push_back(run_unless_identity(gate.link));
    gate_curvatures.push_back(run_unless_identity(gate.link));
    gate_rates.push_back(new_run());
  }
  for (const ExpertUnits& expert : layout.experts) {
    weights.push_back(new_run());
    inner_values.push_back(new_run());
    inner_slopes.push_back(run_unless_identity(expert.inner.link));
    inner_curvatures.push_back(run_unless_identity(expert.inner.link));
    inner_rates.push_back(new_run());
    experts.push_back(expert.weight < 0 && expert.shift < 0 ? inner_values.back() : new_run());
  }
  for (int i = 0; i < plan.num_sensitivities(); ++i) {
    sensitivities.push_back(new_run());
  }
  mean = new_run();
  ones = new_run();
  std::fill_n(ones, kBlockSize, 1.0);
  std::size_t num_rows = 0;
  std::size_t num_columns = 0;
  for (const auto* plans : {&plan.gradients, &plan.moments}) {
    for (const MomentPlan& moments : *plans) {
      num_rows = std::max(num_rows, moments.rows.size());
      num_columns = std::max(num_columns, moments.columns.size());
    }
  }
  for (std::size_t i = 0; i < num_rows; ++i) {
    row_products.push_back(new_run());
  }
  for (std::size_t i = 0; i < num_columns; ++i) {
    column_products.push_back(new_run());
  }
  rows.resize(num_rows);
  columns.resize(num_columns);
  rss = new_run(kMaxLanes);
  sums = new_run(static_cast<std::size_t>(plan.num_sums) * kMaxLanes);
}

double* BlockWorkspace::new_run(std::size_t size) { return memory_.emplace_back(size, 0.0).data(); }

}  // namespace moest
