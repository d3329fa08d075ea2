#include "moest/kernel/block_pass.h"

#include <algorithm>

#include "moest/kernel/simd_config.h"

// The idiom of highway, and offsets inside one block, which an int holds.
// NOLINTBEGIN(readability-identifier-naming,modernize-concat-nested-namespaces,bugprone-implicit-widening-of-multiplication-result)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "moest/kernel/block_pass.cc"
#include <hwy/foreach_target.h>
// foreach_target.h must come first
#include <hwy/highway.h>

#include "moest/kernel/vector_math.h"

HWY_BEFORE_NAMESPACE();
namespace moest {
namespace HWY_NAMESPACE {

#include "moest/kernel/combiners-inl.h"
#include "moest/kernel/links-inl.h"
#include "moest/kernel/tiles-inl.h"

/// The samples of a block, rounded up to whole tiles of vectors: what lies beyond them is padding.
int padded_samples(const SampleBlocks& samples, int block) {
  constexpr int kStep = kVectorsPerTile * kLanes;
  return (samples.block_samples(block) + kStep - 1) / kStep * kStep;
}

/// Collects units of one feature set and computes their affine functions a tile at a time.
class AffineTiles {
 public:
  AffineTiles(const MixtureLayout& layout, const double* v, const SampleBlocks& samples, int block)
      : layout_(layout), v_(v), samples_(samples), block_(block) {}

  void add(const RidgeUnit& unit, double* t) {
    if (size_ == kUnitsPerTile || unit.feature_set != feature_set_) {
      flush();
    }
    feature_set_ = unit.feature_set;
    coefficients_[size_] = v_ + unit.offset;
    t_[size_++] = t;
  }

  void flush() {
    if (size_ > 0) {
      const FeatureSet& set = layout_.feature_sets[static_cast<std::size_t>(feature_set_)];
      affine_functions(size_, coefficients_, set, samples_.feature(block_, set.first_column),
                       padded_samples(samples_, block_), t_);
    }
    size_ = 0;
  }

 private:
  const MixtureLayout& layout_;
  const double* v_;
  const SampleBlocks& samples_;
  int block_;
  int feature_set_ = 0;
  int size_ = 0;
  const double* coefficients_[kUnitsPerTile] = {};
  double* t_[kUnitsPerTile] = {};
};

/// The affine functions of all gates and experts, with v for their coefficients.
void compute_affine(const MixtureLayout& layout, const double* v, const SampleBlocks& samples, int block,
                    const std::vector<double*>& of_gates, const std::vector<double*>& of_experts) {
  AffineTiles tiles(layout, v, samples, block);
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    tiles.add(layout.gates[i], of_gates[i]);
  }
  for (std::size_t i = 0; i < layout.experts.size(); ++i) {
    tiles.add(layout.experts[i].inner, of_experts[i]);
  }
  tiles.flush();
}

/// How many derivatives of a link are stored beside its value.
enum class Derivatives { none, first, second };

/// Replaces t by link(t) and stores the derivatives. The identity leaves t and has none: its runs are null.
template <Derivatives kDerivatives>
struct LinkRuns {
  int count;
  double* t;
  double* slope;
  double* curvature;

  void operator()(IdentityLink) const {}  // of this namespace, as visit_link must be: its calls are qualified
  template <class LinkFunction>
  void operator()(LinkFunction function) const {
    for (int s = 0; s < count; s += kLanes) {
      const LinkPoint<Lanes> point = function(Lanes::load(t + s));
      point.value.store(t + s);
      if constexpr (kDerivatives != Derivatives::none) {
        point.slope.store(slope + s);
      }
      if constexpr (kDerivatives == Derivatives::second) {
        point.curvature.store(curvature + s);
      }
    }
  }
};

/// Scores into the runs of the weights, and experts h = c phi + c_0.
template <Derivatives kDerivatives>
void compute_units(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                   BlockWorkspace& work) {
  const MixtureLayout& layout = plan.layout;
  const int count = padded_samples(samples, block);
  compute_affine(layout, v, samples, block, work.weights, work.inner_values);
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    HWY_NAMESPACE::visit_link(
        layout.gates[i].link,
        LinkRuns<kDerivatives>{count, work.weights[i], work.gate_slopes[i], work.gate_curvatures[i]});
  }
  for (std::size_t i = 0; i < layout.experts.size(); ++i) {
    const ExpertUnits& expert = layout.experts[i];
    HWY_NAMESPACE::visit_link(
        expert.inner.link,
        LinkRuns<kDerivatives>{count, work.inner_values[i], work.inner_slopes[i], work.inner_curvatures[i]});
    if (work.experts[i] != work.inner_values[i]) {
      const Lanes weight(expert.weight >= 0 ? v[expert.weight] : 1.0);
      const Lanes shift(expert.shift >= 0 ? v[expert.shift] : 0.0);
      for (int s = 0; s < count; s += kLanes) {
        fused(weight, Lanes::load(work.inner_values[i] + s), shift).store(work.experts[i] + s);
      }
    }
  }
}

/// The scores of kLanes samples as anchored_softmax sees them.
struct ScoresAt {
  double* const* runs;
  int s;
  HWY_INLINE Lanes get(int i) const { return Lanes::load(runs[i] + s); }
  HWY_INLINE void set(int i, Lanes value) const { value.store(runs[i] + s); }
};

/// Scores to weights, and the mean.
void combine(BlockWorkspace& work, int count) {
  const auto k = static_cast<int>(work.weights.size());
  for (int s = 0; s < count; s += kLanes) {
    ScoresAt scores{work.weights.data(), s};
    anchored_softmax<Lanes>(k, scores);
    Lanes mean(0.0);
    for (int i = 0; i < k; ++i) {
      mean = fused(scores.get(i), Lanes::load(work.experts[static_cast<std::size_t>(i)] + s), mean);
    }
    mean.store(work.mean + s);
  }
}

/// The residual, weight of the sample included; its squares are added to work.rss.
void add_residuals(const SampleBlocks& samples, int block, BlockWorkspace& work, int count) {
  const double* target = samples.target(block);
  const double* sample_weight = samples.weight(block);
  double* residual = work.run(BlockPlan::kResidual);
  Lanes rss = Lanes::load(work.rss);
  for (int s = 0; s < count; s += kLanes) {
    const Lanes e = Lanes::load(sample_weight + s) * (Lanes::load(target + s) - Lanes::load(work.mean + s));
    e.store(residual + s);
    rss = fused(e, e, rss);
  }
  rss.store(work.rss);
}

HWY_INLINE Lanes times_run(Lanes x, const double* run, int s) {
  return run == nullptr ? x : x * Lanes::load(run + s);
}

/// Sensitivities of f to every unit's affine function, each with the weight of the sample.
void compute_sensitivities(const BlockPlan& plan, const double* v, const double* sample_weight,
                           BlockWorkspace& work, int count) {
  for (std::size_t i = 0; i < plan.layout.experts.size(); ++i) {
    const ExpertUnits& expert = plan.layout.experts[i];
    double* const of_gate = i < plan.gates.size() ? work.run(plan.gates[i].sensitivity) : nullptr;
    double* const of_inner = work.run(plan.experts[i].inner);
    double* const of_weight = work.run(plan.experts[i].weight);
    double* const of_shift = work.run(plan.experts[i].shift);
    const Lanes c(expert.weight >= 0 ? v[expert.weight] : 1.0);
    for (int s = 0; s < count; s += kLanes) {
      const Lanes weight = Lanes::load(work.weights[i] + s) * Lanes::load(sample_weight + s);
      times_run(weight * c, work.inner_slopes[i], s).store(of_inner + s);
      if (of_gate != nullptr) {
        const Lanes excess = Lanes::load(work.experts[i] + s) - Lanes::load(work.mean + s);
        times_run(weight * excess, work.gate_slopes[i], s).store(of_gate + s);
      }
      if (of_weight != nullptr) {
        (weight * Lanes::load(work.inner_values[i] + s)).store(of_weight + s);
      }
      if (of_shift != nullptr) {
        weight.store(of_shift + s);
      }
    }
  }
}

void multiply(const double* a, const double* b, int count, double* product) {
  for (int s = 0; s < count; s += 2 * kLanes) {
    (Lanes::load(a + s) * Lanes::load(b + s)).store(product + s);
    (Lanes::load(a + s + kLanes) * Lanes::load(b + s + kLanes)).store(product + s + kLanes);
  }
}

void multiply_and_subtract(const double* a, const double* b, const double* c, const double* d, int count,
                           double* result) {
  for (int s = 0; s < count; s += kLanes) {
    fused(-Lanes::load(c + s), Lanes::load(d + s), Lanes::load(a + s) * Lanes::load(b + s)).store(result + s);
  }
}

/// The runs of which the rows of half the Hessian are made: see BlockPlan.
void compute_bent_runs(const BlockPlan& plan, const double* v, BlockWorkspace& work, int count) {
  const double* residual = work.run(BlockPlan::kResidual);
  for (std::size_t i = 0; i < plan.gates.size(); ++i) {
    const BlockPlan::GateRuns& gate = plan.gates[i];
    for (int s = 0; s < count; s += kLanes) {
      const Lanes e = Lanes::load(residual + s);
      const Lanes u = Lanes::load(work.run(gate.sensitivity) + s);
      const Lanes weight = Lanes::load(work.weights[i] + s);
      const Lanes e_slope = times_run(e, work.gate_slopes[i], s);
      const Lanes q = e_slope * weight;
      const Lanes g = u + q;
      const Lanes own = g - e_slope;
      Lanes diagonal = u * (own + q);
      if (work.gate_curvatures[i] != nullptr) {
        const Lanes excess = Lanes::load(work.experts[i] + s) - Lanes::load(work.mean + s);
        diagonal = fused(-(e * weight * excess), Lanes::load(work.gate_curvatures[i] + s), diagonal);
      }
      (-q).store(work.run(gate.minus_q) + s);
      g.store(work.run(gate.g) + s);
      own.store(work.run(gate.own) + s);
      diagonal.store(work.run(gate.diagonal) + s);
    }
  }
  for (std::size_t i = 0; i < plan.experts.size(); ++i) {
    const BlockPlan::ExpertRuns& expert = plan.experts[i];
    const int c = plan.layout.experts[i].weight;
    const Lanes scale(c >= 0 ? v[c] : 1.0);
    double* const inner_bend = work.run(expert.inner_bend);
    double* const weight_bend = work.run(expert.weight_bend);
    for (int s = 0; s < count; s += kLanes) {
      const Lanes e_weight = Lanes::load(residual + s) * Lanes::load(work.weights[i] + s);
      if (inner_bend != nullptr) {
        (e_weight * scale * Lanes::load(work.inner_curvatures[i] + s)).store(inner_bend + s);
      }
      if (weight_bend != nullptr) {
        times_run(e_weight, work.inner_slopes[i], s).store(weight_bend + s);
      }
    }
  }
}

void multiply_rows(const std::vector<RowPlan>& rows, BlockWorkspace& work, int count) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].c < 0) {
      multiply(work.run(rows[r].a), work.run(rows[r].b), count, work.rows[r]);
    } else {
      multiply_and_subtract(work.run(rows[r].a), work.run(rows[r].b), work.run(rows[r].c),
                            work.run(rows[r].d), count, work.rows[r]);
    }
  }
}

/// One matrix of sums, its rows multiplied out already. A column is a product of features, or a feature itself
/// where the other factor is 1. The columns of a tile are multiplied out just before their use, so that they
/// stay in the first cache.
void add_moments(const MomentPlan& plan, const SampleBlocks& samples, int block, BlockWorkspace& work,
                 int count) {
  const auto num_rows = static_cast<int>(plan.rows.size());
  const auto num_columns = static_cast<int>(plan.columns.size());
  double* sums = work.sums + plan.first_place;
  for (int first = 0; first < num_columns; first += kTileColumns) {
    const int size = std::min(kTileColumns, num_columns - first);
    const double* columns[kTileColumns];
    for (int c = 0; c < size; ++c) {
      const auto [i, j] = plan.columns[static_cast<std::size_t>(first + c)];
      if (i >= 0 && j >= 0) {
        double* const product = work.column_products[static_cast<std::size_t>(c)];
        multiply(samples.feature(block, i), samples.feature(block, j), count, product);
        columns[c] = product;
      } else {
        columns[c] = std::max(i, j) >= 0 ? samples.feature(block, std::max(i, j)) : work.run(BlockPlan::kOnes);
      }
    }
    sums = add_sums(work.rows.data(), num_rows, columns, size, count, sums);
  }
}

void add_products(const std::vector<MomentPlan>& plans, const SampleBlocks& samples, int block,
                  BlockWorkspace& work, int count) {
  for (const MomentPlan& plan : plans) {
    multiply_rows(plan.rows, work, count);
    add_moments(plan, samples, block, work, count);
  }
}

void evaluate(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
              BlockWorkspace& work) {
  compute_units<Derivatives::none>(plan, v, samples, block, work);
  combine(work, padded_samples(samples, block));
}

void cost(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
          BlockWorkspace& work) {
  evaluate(plan, v, samples, block, work);
  add_residuals(samples, block, work, padded_samples(samples, block));
}

void normal_equations(const BlockPlan& plan, Curvature curvature, const double* v,
                      const SampleBlocks& samples, int block, BlockWorkspace& work) {
  const int count = padded_samples(samples, block);
  const bool newton = curvature == Curvature::newton;
  if (newton) {
    compute_units<Derivatives::second>(plan, v, samples, block, work);
  } else {
    compute_units<Derivatives::first>(plan, v, samples, block, work);
  }
  combine(work, count);
  add_residuals(samples, block, work, count);
  compute_sensitivities(plan, v, samples.weight(block), work, count);
  add_products(plan.gradients, samples, block, work, count);
  if (newton) {
    compute_bent_runs(plan, v, work, count);
    add_products(plan.bent_moments, samples, block, work, count);
    add_products(plan.diagonals, samples, block, work, count);
  } else {
    add_products(plan.moments, samples, block, work, count);
  }
}

/// First and second derivative along the direction.
struct Motion {
  Lanes rate, bend;
};

/// Of link(t), t having the rate t_rate and no bend.
HWY_INLINE Motion link_motion(const double* t_rate, const double* slope, const double* curvature, int s) {
  const Lanes rate = Lanes::load(t_rate + s);
  return {times_run(rate, slope, s),
          curvature == nullptr ? Lanes(0.0) : rate * rate * Lanes::load(curvature + s)};
}

/// Of the score of gate i.
HWY_INLINE Motion gate_motion(const BlockWorkspace& work, std::size_t i, int s) {
  return link_motion(work.gate_rates[i], work.gate_slopes[i], work.gate_curvatures[i], s);
}

/// Of the expert h = c phi(t) + c_0.
HWY_INLINE Motion expert_motion(const ExpertUnits& expert, const double* v, const double* direction,
                                const BlockWorkspace& work, std::size_t i, int s) {
  const Lanes c(expert.weight >= 0 ? v[expert.weight] : 1.0);
  const Lanes c_rate(expert.weight >= 0 ? direction[expert.weight] : 0.0);
  const Lanes shift_rate(expert.shift >= 0 ? direction[expert.shift] : 0.0);
  const Motion phi = link_motion(work.inner_rates[i], work.inner_slopes[i], work.inner_curvatures[i], s);
  const Lanes value = Lanes::load(work.inner_values[i] + s);
  return {fused(c, phi.rate, fused(c_rate, value, shift_rate)),
          fused(c, phi.bend, Lanes(2.0) * c_rate * phi.rate)};
}

/// f'' along the direction, into the run of the residual. With s', s'' the derivatives of the scores, m = sum
/// w s' and q = sum w (s'' + s'^2) - m^2:
///     f'' = sum w_i { ((s'_i - m)^2 + s''_i - q) (h_i - f) + 2 (s'_i - m) h'_i + h''_i }.
void compute_bend(const BlockPlan& plan, const double* v, const double* direction,
                  const double* sample_weight, BlockWorkspace& work, int count) {
  const std::size_t k = plan.layout.experts.size();
  double* result = work.run(BlockPlan::kResidual);
  for (int s = 0; s < count; s += kLanes) {
    Lanes mean_rate(0.0);
    Lanes mean_square(0.0);
    for (std::size_t i = 0; i + 1 < k; ++i) {
      const Lanes weight = Lanes::load(work.weights[i] + s);
      const Motion score = gate_motion(work, i, s);
      mean_rate = fused(weight, score.rate, mean_rate);
      mean_square = fused(weight, fused(score.rate, score.rate, score.bend), mean_square);
    }
    const Lanes q = mean_square - mean_rate * mean_rate;
    const Lanes f = Lanes::load(work.mean + s);
    Lanes total(0.0);
    for (std::size_t i = 0; i < k; ++i) {
      const Motion score = i + 1 < k ? gate_motion(work, i, s) : Motion{Lanes(0.0), Lanes(0.0)};
      const Motion expert = expert_motion(plan.layout.experts[i], v, direction, work, i, s);
      const Lanes relative = score.rate - mean_rate;
      const Lanes weight_bend = fused(relative, relative, score.bend - q);
      const Lanes excess = Lanes::load(work.experts[i] + s) - f;
      const Lanes inner = fused(weight_bend, excess, fused(Lanes(2.0) * relative, expert.rate, expert.bend));
      total = fused(Lanes::load(work.weights[i] + s), inner, total);
    }
    (total * Lanes::load(sample_weight + s)).store(result + s);
  }
}

void bend(const BlockPlan& plan, const double* v, const double* direction, const SampleBlocks& samples,
          int block, BlockWorkspace& work) {
  const int count = padded_samples(samples, block);
  compute_units<Derivatives::second>(plan, v, samples, block, work);
  combine(work, count);
  compute_sensitivities(plan, v, samples.weight(block), work, count);
  compute_affine(plan.layout, direction, samples, block, work.gate_rates, work.inner_rates);
  compute_bend(plan, v, direction, samples.weight(block), work, count);
  add_products(plan.gradients, samples, block, work, count);
}

/// The sums of one matrix, from their tiles.
void drain_moments(const MomentPlan& plan, BlockWorkspace& work, BlockTotals& totals) {
  const auto num_rows = static_cast<int>(plan.rows.size());
  const auto num_columns = static_cast<int>(plan.columns.size());
  double* tile = work.sums + plan.first_place;
  for (int first_column = 0; first_column < num_columns; first_column += kTileColumns) {
    const int size = std::min(kTileColumns, num_columns - first_column);
    for (int first_row = 0; first_row < num_rows; first_row += kTileRows) {
      for (int i = 0; i < size * std::min(kTileRows, num_rows - first_row); ++i) {
        const int sum = (first_row + i / size) * num_columns + first_column + i % size;
        totals.sums[static_cast<std::size_t>(plan.first_sum + sum)] += tile[i];
        tile[i] = 0;
      }
      tile += kTilePlaces;
    }
  }
}

void drain_all(const BlockPlan& plan, BlockWorkspace& work, int num_sums, BlockTotals& totals) {
  totals.rss += sum(Lanes::load(work.rss));
  Lanes(0.0).store(work.rss);
  for (const auto* plans : {&plan.gradients, &plan.moments, &plan.diagonals}) {
    for (const MomentPlan& moments : *plans) {
      if (moments.first_sum < num_sums) {
        drain_moments(moments, work, totals);
      }
    }
  }
}

std::string_view target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace moest
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moest {

HWY_EXPORT(evaluate);
HWY_EXPORT(cost);
HWY_EXPORT(normal_equations);
HWY_EXPORT(bend);
HWY_EXPORT(drain_all);
HWY_EXPORT(target_name);

void evaluate_block(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                    BlockWorkspace& workspace) {
  HWY_DYNAMIC_DISPATCH(evaluate)(plan, v, samples, block, workspace);
}

void add_cost(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
              BlockWorkspace& workspace) {
  HWY_DYNAMIC_DISPATCH(cost)(plan, v, samples, block, workspace);
}

void add_normal_equations(const BlockPlan& plan, Curvature curvature, const double* v,
                          const SampleBlocks& samples, int block, BlockWorkspace& workspace) {
  HWY_DYNAMIC_DISPATCH(normal_equations)(plan, curvature, v, samples, block, workspace);
}

void add_bend(const BlockPlan& plan, const double* v, const double* direction, const SampleBlocks& samples,
              int block, BlockWorkspace& workspace) {
  HWY_DYNAMIC_DISPATCH(bend)(plan, v, direction, samples, block, workspace);
}

void drain(const BlockPlan& plan, BlockWorkspace& workspace, int num_sums, BlockTotals& totals) {
  HWY_DYNAMIC_DISPATCH(drain_all)(plan, workspace, num_sums, totals);
}

std::string_view simd_target() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace moest
#endif  // HWY_ONCE
// NOLINTEND(readability-identifier-naming,modernize-concat-nested-namespaces,bugprone-implicit-widening-of-multiplication-result)
