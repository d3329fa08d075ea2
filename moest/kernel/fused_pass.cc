#include "moest/kernel/fused_pass.h"

#include <algorithm>
#include <array>

#include "moest/base/error.h"
#include "moest/kernel/combiners.h"

namespace moest {
namespace {

// Eight partial sums: independent chains for the processor, and an order that does not depend on its width.
double dot(const double* a, const double* b) {
  constexpr int kChains = 8;
  std::array<double, kChains> sums{};
  for (int i = 0; i < kBlockSize; i += kChains) {
    for (int chain = 0; chain < kChains; ++chain) {
      sums[static_cast<std::size_t>(chain)] += a[i + chain] * b[i + chain];
    }
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

void multiply(const double* a, const double* b, double* product) {
  for (int i = 0; i < kBlockSize; ++i) {
    product[i] = a[i] * b[i];
  }
}

// Appends a run to `runs` and returns it.
double* grown(std::vector<double>& runs) {
  runs.resize(runs.size() + kBlockSize);
  return runs.data() + runs.size() - kBlockSize;
}

}  // namespace

FusedPass::FusedPass(MixtureLayout layout, const SampleBlocks& samples)
    : layout_(std::move(layout)), samples_(&samples) {
  MOEST_EXPECT(!layout_.experts.empty() && layout_.gates.size() + 1 == layout_.experts.size());
  for (const FeatureSet& set : layout_.feature_sets) {
    MOEST_EXPECT(set.first_column >= 0 && set.first_column + set.num_columns <= samples.num_features());
  }
  ones_ = new_run();
  std::fill_n(ones_, kBlockSize, 1.0);
  mean_ = new_run();
  residual_ = new_run();
  for (std::size_t i = 0; i < layout_.gates.size(); ++i) {
    gate_slopes_.push_back(new_run());
    gate_sensitivities_.push_back(new_run());
  }
  for (const ExpertUnits& expert : layout_.experts) {
    for (auto* runs : {&weights_, &experts_, &inner_values_, &inner_slopes_, &inner_sensitivities_}) {
      runs->push_back(new_run());
    }
    weight_sensitivities_.push_back(expert.weight >= 0 ? new_run() : nullptr);
    shift_sensitivities_.push_back(expert.shift >= 0 ? new_run() : nullptr);
  }
  values_ = {mean_, {weights_.begin(), weights_.end()}, {experts_.begin(), experts_.end()}};

  for (int set = 0; set < static_cast<int>(layout_.feature_sets.size()); ++set) {
    add_group(set);
  }
  for (int first = 0; first < static_cast<int>(groups_.size()); ++first) {
    for (int second = first; second < static_cast<int>(groups_.size()); ++second) {
      pairs_.push_back({first, second, {}});
    }
  }
}

double* FusedPass::new_run() { return runs_.emplace_back(kBlockSize, 0.0).data(); }

void FusedPass::add_group(int feature_set) {
  UnitGroup group{feature_set, {}, {}};
  const auto add = [&](int set, int offset, const double* run) {
    if (set == feature_set && offset >= 0) {
      group.offsets.push_back(offset);
      group.sensitivities.push_back(run);
    }
  };
  for (std::size_t i = 0; i < layout_.gates.size(); ++i) {
    add(layout_.gates[i].feature_set, layout_.gates[i].offset, gate_sensitivities_[i]);
  }
  for (std::size_t i = 0; i < layout_.experts.size(); ++i) {
    const ExpertUnits& expert = layout_.experts[i];
    add(expert.inner.feature_set, expert.inner.offset, inner_sensitivities_[i]);
    add(layout_.constant_set, expert.weight, weight_sensitivities_[i]);
    add(layout_.constant_set, expert.shift, shift_sensitivities_[i]);
  }
  if (!group.offsets.empty()) {
    groups_.push_back(std::move(group));
  }
}

const double* FusedPass::feature(int block, const FeatureSet& set, int index) const {
  return index < set.num_columns ? samples_->feature(block, set.first_column + index) : ones_;
}

void FusedPass::affine(std::span<const double> v, const RidgeUnit& unit, int block, double* t) const {
  const FeatureSet& set = layout_.feature_sets[static_cast<std::size_t>(unit.feature_set)];
  const double* coefficients = v.data() + unit.offset;
  std::fill_n(t, kBlockSize, set.constant ? coefficients[set.num_columns] : 0.0);
  for (int j = 0; j < set.num_columns; ++j) {
    const double* z = samples_->feature(block, set.first_column + j);
    const double coefficient = coefficients[j];
    for (int s = 0; s < kBlockSize; ++s) {
      t[s] += coefficient * z[s];
    }
  }
}

const BlockValues& FusedPass::evaluate(std::span<const double> v, int block) {
  MOEST_EXPECT(static_cast<int>(v.size()) == layout_.num_parameters);
  const auto apply_link = [](Link link, const double* t, double* value, double* slope) {
    visit_link(link, [&](auto function) {
      for (int s = 0; s < kBlockSize; ++s) {
        const LinkPoint<double> point = function(t[s]);
        value[s] = point.value;
        slope[s] = point.slope;
      }
    });
  };
  const std::size_t k = layout_.experts.size();
  for (std::size_t i = 0; i + 1 < k; ++i) {
    affine(v, layout_.gates[i], block, weights_[i]);
    apply_link(layout_.gates[i].link, weights_[i], weights_[i], gate_slopes_[i]);
  }
  std::fill_n(weights_[k - 1], kBlockSize, 0.0);
  for (std::size_t i = 0; i < k; ++i) {
    const ExpertUnits& expert = layout_.experts[i];
    affine(v, expert.inner, block, inner_values_[i]);
    apply_link(expert.inner.link, inner_values_[i], inner_values_[i], inner_slopes_[i]);
    const double weight = expert.weight >= 0 ? v[static_cast<std::size_t>(expert.weight)] : 1.0;
    const double shift = expert.shift >= 0 ? v[static_cast<std::size_t>(expert.shift)] : 0.0;
    for (int s = 0; s < kBlockSize; ++s) {
      experts_[i][s] = weight * inner_values_[i][s] + shift;
    }
  }
  std::vector<double> scores(k);
  for (int s = 0; s < kBlockSize; ++s) {
    for (std::size_t i = 0; i < k; ++i) {
      scores[i] = weights_[i][s];
    }
    softmax(std::span<double>(scores));
    double mean = 0;
    for (std::size_t i = 0; i < k; ++i) {
      weights_[i][s] = scores[i];
      mean += scores[i] * experts_[i][s];
    }
    mean_[s] = mean;
  }
  return values_;
}

// Everything is multiplied by the sample's weight: 1, or 0 for padding.
void FusedPass::compute_sensitivities(std::span<const double> v, int block) {
  evaluate(v, block);
  const double* target = samples_->target(block);
  const double* sample_weight = samples_->weight(block);
  for (int s = 0; s < kBlockSize; ++s) {
    residual_[s] = sample_weight[s] * (target[s] - mean_[s]);
  }
  for (std::size_t i = 0; i < layout_.gates.size(); ++i) {
    for (int s = 0; s < kBlockSize; ++s) {
      gate_sensitivities_[i][s] =
          sample_weight[s] * weights_[i][s] * (experts_[i][s] - mean_[s]) * gate_slopes_[i][s];
    }
  }
  for (std::size_t i = 0; i < layout_.experts.size(); ++i) {
    const ExpertUnits& expert = layout_.experts[i];
    const double weight = expert.weight >= 0 ? v[static_cast<std::size_t>(expert.weight)] : 1.0;
    for (int s = 0; s < kBlockSize; ++s) {
      inner_sensitivities_[i][s] = sample_weight[s] * weights_[i][s] * weight * inner_slopes_[i][s];
    }
    if (expert.weight >= 0) {
      for (int s = 0; s < kBlockSize; ++s) {
        weight_sensitivities_[i][s] = sample_weight[s] * weights_[i][s] * inner_values_[i][s];
      }
    }
    if (expert.shift >= 0) {
      multiply(sample_weight, weights_[i], shift_sensitivities_[i]);
    }
  }
}

double FusedPass::residual_sum_of_squares(std::span<const double> v) {
  MOEST_EXPECT(static_cast<int>(v.size()) == layout_.num_parameters);
  double rss = 0;
  for (int block = 0; block < samples_->num_blocks(); ++block) {
    evaluate(v, block);
    const double* target = samples_->target(block);
    const double* sample_weight = samples_->weight(block);
    for (int s = 0; s < kBlockSize; ++s) {
      residual_[s] = sample_weight[s] * (target[s] - mean_[s]);
    }
    rss += dot(residual_, residual_);
  }
  return rss;
}

void FusedPass::linearise(std::span<const double> v, NormalEquations& result) {
  MOEST_EXPECT(static_cast<int>(v.size()) == layout_.num_parameters);
  result.rss = 0;
  result.gradient.setZero(layout_.num_parameters);
  result.gram.setZero(layout_.num_parameters, layout_.num_parameters);
  for (GroupPair& pair : pairs_) {
    pair.moments.resize(0, 0);
  }
  for (int block = 0; block < samples_->num_blocks(); ++block) {
    compute_sensitivities(v, block);
    result.rss += dot(residual_, residual_);
    add_gradient(block, result.gradient);
    for (GroupPair& pair : pairs_) {
      add_moments(block, pair);
    }
  }
  for (const GroupPair& pair : pairs_) {
    scatter_moments(pair, result.gram);
  }
}

void FusedPass::add_gradient(int block, Eigen::VectorXd& gradient) const {
  std::array<double, kBlockSize> product{};
  for (const UnitGroup& group : groups_) {
    const FeatureSet& set = layout_.feature_sets[static_cast<std::size_t>(group.feature_set)];
    for (std::size_t a = 0; a < group.offsets.size(); ++a) {
      multiply(group.sensitivities[a], residual_, product.data());
      for (int i = 0; i < set.size(); ++i) {
        gradient[group.offsets[a] + i] += dot(product.data(), feature(block, set, i));
      }
    }
  }
}

void FusedPass::add_moments(int block, GroupPair& pair) {
  const UnitGroup& left = groups_[static_cast<std::size_t>(pair.first)];
  const UnitGroup& right = groups_[static_cast<std::size_t>(pair.second)];
  const FeatureSet& left_set = layout_.feature_sets[static_cast<std::size_t>(left.feature_set)];
  const FeatureSet& right_set = layout_.feature_sets[static_cast<std::size_t>(right.feature_set)];
  const bool symmetric = pair.first == pair.second;

  unit_products_.clear();
  for (std::size_t a = 0; a < left.offsets.size(); ++a) {
    for (std::size_t b = symmetric ? a : 0; b < right.offsets.size(); ++b) {
      multiply(left.sensitivities[a], right.sensitivities[b], grown(unit_products_));
    }
  }
  feature_products_.clear();
  for (int i = 0; i < left_set.size(); ++i) {
    for (int j = symmetric ? i : 0; j < right_set.size(); ++j) {
      multiply(feature(block, left_set, i), feature(block, right_set, j), grown(feature_products_));
    }
  }
  const auto num_unit_pairs = static_cast<Eigen::Index>(unit_products_.size() / kBlockSize);
  const auto num_feature_pairs = static_cast<Eigen::Index>(feature_products_.size() / kBlockSize);
  if (pair.moments.size() == 0) {
    pair.moments.setZero(num_unit_pairs, num_feature_pairs);
  }
  for (Eigen::Index column = 0; column < num_feature_pairs; ++column) {
    for (Eigen::Index row = 0; row < num_unit_pairs; ++row) {
      pair.moments(row, column) +=
          dot(unit_products_.data() + row * kBlockSize, feature_products_.data() + column * kBlockSize);
    }
  }
}

void FusedPass::scatter_moments(const GroupPair& pair, Eigen::MatrixXd& gram) const {
  const UnitGroup& left = groups_[static_cast<std::size_t>(pair.first)];
  const UnitGroup& right = groups_[static_cast<std::size_t>(pair.second)];
  const int left_size = layout_.feature_sets[static_cast<std::size_t>(left.feature_set)].size();
  const int right_size = layout_.feature_sets[static_cast<std::size_t>(right.feature_set)].size();
  const bool symmetric = pair.first == pair.second;
  Eigen::Index row = 0;
  for (std::size_t a = 0; a < left.offsets.size(); ++a) {
    for (std::size_t b = symmetric ? a : 0; b < right.offsets.size(); ++b, ++row) {
      Eigen::Index column = 0;
      for (int i = 0; i < left_size; ++i) {
        for (int j = symmetric ? i : 0; j < right_size; ++j, ++column) {
          const double moment = pair.moments(row, column);
          const auto put = [&](int p, int q) { gram(p, q) = gram(q, p) = moment; };
          put(left.offsets[a] + i, right.offsets[b] + j);
          if (symmetric) {
            put(left.offsets[a] + j, right.offsets[b] + i);
          }
        }
      }
    }
  }
}

}  // namespace moest
