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

// The widest tile of sums that stays in registers: kTileRows x kTileColumns sums, a row and the columns.
constexpr int kTileRows = 4;
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kTileColumns = 6;
#else
constexpr int kTileColumns = 3;
#endif
// Affine functions are computed for this many units and vectors at a time.
constexpr int kUnitsPerTile = 4;
constexpr int kVectorsPerTile = 2;

/// The samples of a block, rounded up to whole tiles of vectors: what lies beyond them is padding.
int padded_samples(const SampleBlocks& samples, int block) {
  constexpr int kStep = kVectorsPerTile * kLanes;
  return (samples.block_samples(block) + kStep - 1) / kStep * kStep;
}

template <int kUnits>
void affine_tile(const double* const* coefficients, const FeatureSet& set, const double* features, int count,
                 double* const* t) {
  for (int s = 0; s < count; s += kVectorsPerTile * kLanes) {
    Lanes sums[kUnits][kVectorsPerTile];
    for (int unit = 0; unit < kUnits; ++unit) {
      for (Lanes& sum : sums[unit]) {
        sum = Lanes(set.constant ? coefficients[unit][set.num_columns] : 0.0);
      }
    }
    for (int j = 0; j < set.num_columns; ++j) {
      for (int vector = 0; vector < kVectorsPerTile; ++vector) {
        const Lanes z = Lanes::load(features + j * kBlockSize + s + vector * kLanes);
        for (int unit = 0; unit < kUnits; ++unit) {
          sums[unit][vector] = fused(Lanes(coefficients[unit][j]), z, sums[unit][vector]);
        }
      }
    }
    for (int unit = 0; unit < kUnits; ++unit) {
      for (int vector = 0; vector < kVectorsPerTile; ++vector) {
        sums[unit][vector].store(t[unit] + s + vector * kLanes);
      }
    }
  }
}

/// Collects units of one feature set and computes their affine functions a tile at a time.
class AffineTiles {
 public:
  AffineTiles(const MixtureLayout& layout, const double* v, const SampleBlocks& samples, int block)
      : layout_(layout), v_(v), samples_(samples), block_(block), count_(padded_samples(samples, block)) {}

  void add(const RidgeUnit& unit, double* t) {
    if (size_ > 0 && (size_ == kUnitsPerTile || unit.feature_set != feature_set_)) {
      flush();
    }
    feature_set_ = unit.feature_set;
    coefficients_[size_] = v_ + unit.offset;
    t_[size_++] = t;
  }

  void flush() {
    const FeatureSet& set = layout_.feature_sets[static_cast<std::size_t>(feature_set_)];
    const double* features = samples_.feature(block_, set.first_column);
    switch (size_) {
      case 1:
        affine_tile<1>(coefficients_, set, features, count_, t_);
        break;
      case 2:
        affine_tile<2>(coefficients_, set, features, count_, t_);
        break;
      case 3:
        affine_tile<3>(coefficients_, set, features, count_, t_);
        break;
      case 4:
        affine_tile<4>(coefficients_, set, features, count_, t_);
        break;
      default:
        break;
    }
    size_ = 0;
  }

 private:
  const MixtureLayout& layout_;
  const double* v_;
  const SampleBlocks& samples_;
  int block_;
  int count_;
  int feature_set_ = 0;
  int size_ = 0;
  const double* coefficients_[kUnitsPerTile] = {};
  double* t_[kUnitsPerTile] = {};
};

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
  AffineTiles affine(layout, v, samples, block);
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    affine.add(layout.gates[i], work.weights[i]);
  }
  for (std::size_t i = 0; i < layout.experts.size(); ++i) {
    affine.add(layout.experts[i].inner, work.inner_values[i]);
  }
  affine.flush();
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
  double* residual = work.runs[BlockPlan::kResidual];
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
    const auto run = [&](int number) {
      return number < 0 ? nullptr : work.runs[static_cast<std::size_t>(number)];
    };
    double* const of_gate = i < plan.gates.size() ? run(plan.gates[i].sensitivity) : nullptr;
    double* const of_inner = run(plan.experts[i].inner);
    double* const of_weight = run(plan.experts[i].weight);
    double* const of_shift = run(plan.experts[i].shift);
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
  for (int s = 0; s < count; s += kLanes) {
    (Lanes::load(a + s) * Lanes::load(b + s)).store(product + s);
  }
}

void multiply_and_subtract(const double* a, const double* b, const double* c, const double* d, int count,
                           double* result) {
  for (int s = 0; s < count; s += kLanes) {
    fused(-Lanes::load(c + s), Lanes::load(d + s), Lanes::load(a + s) * Lanes::load(b + s)).store(result + s);
  }
}

/// sums(r, c) += sum over the samples of rows[r] columns[c], spread over the lanes. A sum takes kLanes
/// numbers, a row of them `stride` sums.
template <int kRows, int kColumns>
void add_tile(const double* const* rows, const double* const* columns, int count, int stride, double* sums) {
  Lanes tile[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      tile[r][c] = Lanes::load(sums + (r * stride + c) * kLanes);
    }
  }
  for (int s = 0; s < count; s += kLanes) {
    Lanes column[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      column[c] = Lanes::load(columns[c] + s);
    }
    for (int r = 0; r < kRows; ++r) {
      const Lanes row = Lanes::load(rows[r] + s);
      for (int c = 0; c < kColumns; ++c) {
        tile[r][c] = fused(row, column[c], tile[r][c]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      tile[r][c].store(sums + (r * stride + c) * kLanes);
    }
  }
}

using AddTile = void (*)(const double* const*, const double* const*, int, int, double*);

template <int kColumns>
AddTile tile_of(int num_rows) {
  static_assert(kTileRows == 4);
  constexpr AddTile kTiles[] = {add_tile<1, kColumns>, add_tile<2, kColumns>, add_tile<3, kColumns>,
                                add_tile<4, kColumns>};
  return kTiles[num_rows - 1];
}

AddTile tile_of(int num_rows, int num_columns) {
  switch (num_columns) {
    case 1:
      return tile_of<1>(num_rows);
    case 2:
      return tile_of<2>(num_rows);
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
    case 3:
      return tile_of<3>(num_rows);
    case 4:
      return tile_of<4>(num_rows);
    case 5:
      return tile_of<5>(num_rows);
#endif
    default:
      return tile_of<kTileColumns>(num_rows);
  }
}

void add_sums(const double* const* rows, int num_rows, const double* const* columns, int num_columns,
              int count, double* sums) {
  for (int c = 0; c < num_columns; c += kTileColumns) {
    for (int r = 0; r < num_rows; r += kTileRows) {
      tile_of(std::min(kTileRows, num_rows - r), std::min(kTileColumns, num_columns - c))(
          rows + r, columns + c, count, num_columns, sums + (r * num_columns + c) * kLanes);
    }
  }
}

HWY_INLINE Lanes load_or(const double* run, int s, double otherwise) {
  return run == nullptr ? Lanes(otherwise) : Lanes::load(run + s);
}

/// The runs of which the rows of half the Hessian are made: see BlockPlan.
void compute_bent_runs(const BlockPlan& plan, const double* v, BlockWorkspace& work, int count) {
  const auto run = [&](int number) {
    return number < 0 ? nullptr : work.runs[static_cast<std::size_t>(number)];
  };
  const double* residual = work.runs[BlockPlan::kResidual];
  for (std::size_t i = 0; i < plan.gates.size(); ++i) {
    const BlockPlan::GateRuns& gate = plan.gates[i];
    for (int s = 0; s < count; s += kLanes) {
      const Lanes e = Lanes::load(residual + s);
      const Lanes u = Lanes::load(run(gate.sensitivity) + s);
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
      (-q).store(run(gate.minus_q) + s);
      g.store(run(gate.g) + s);
      own.store(run(gate.own) + s);
      diagonal.store(run(gate.diagonal) + s);
    }
  }
  for (std::size_t i = 0; i < plan.experts.size(); ++i) {
    const BlockPlan::ExpertRuns& expert = plan.experts[i];
    const int c = plan.layout.experts[i].weight;
    const Lanes scale(c >= 0 ? v[c] : 1.0);
    double* const inner_bend = run(expert.inner_bend);
    double* const weight_bend = run(expert.weight_bend);
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
  const auto run = [&](int number) { return work.runs[static_cast<std::size_t>(number)]; };
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].c < 0) {
      multiply(run(rows[r].a), run(rows[r].b), count, work.rows[r]);
    } else {
      multiply_and_subtract(run(rows[r].a), run(rows[r].b), run(rows[r].c), run(rows[r].d), count,
                            work.rows[r]);
    }
  }
}

/// One matrix of sums, its rows multiplied out already. A column is a product of features, or a feature
/// itself where the other factor is 1.
void add_moments(const MomentPlan& plan, const SampleBlocks& samples, int block, BlockWorkspace& work,
                 int count) {
  for (std::size_t c = 0; c < plan.columns.size(); ++c) {
    const auto [i, j] = plan.columns[c];
    if (i >= 0 && j >= 0) {
      multiply(samples.feature(block, i), samples.feature(block, j), count, work.column_products[c]);
      work.columns[c] = work.column_products[c];
    } else {
      work.columns[c] =
          std::max(i, j) >= 0 ? samples.feature(block, std::max(i, j)) : work.runs[BlockPlan::kOnes];
    }
  }
  add_sums(work.rows.data(), static_cast<int>(plan.rows.size()), work.columns.data(),
           static_cast<int>(plan.columns.size()), count, work.sums + plan.first_sum * kLanes);
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

/// First and second derivative of one expert along the direction, h = c phi(t) + c_0.
struct ExpertMotion {
  Lanes rate, bend;
};

HWY_INLINE ExpertMotion expert_motion(const ExpertUnits& expert, const double* v, const double* direction,
                                      const BlockWorkspace& work, std::size_t i, int s) {
  const Lanes c(expert.weight >= 0 ? v[expert.weight] : 1.0);
  const Lanes c_rate(expert.weight >= 0 ? direction[expert.weight] : 0.0);
  const Lanes shift_rate(expert.shift >= 0 ? direction[expert.shift] : 0.0);
  const Lanes t_rate = Lanes::load(work.inner_rates[i] + s);
  const Lanes phi_rate = times_run(t_rate, work.inner_slopes[i], s);
  const Lanes phi_bend = work.inner_curvatures[i] == nullptr
                             ? Lanes(0.0)
                             : t_rate * t_rate * Lanes::load(work.inner_curvatures[i] + s);
  const Lanes phi = Lanes::load(work.inner_values[i] + s);
  return {fused(c, phi_rate, fused(c_rate, phi, shift_rate)),
          fused(c, phi_bend, Lanes(2.0) * c_rate * phi_rate)};
}

/// Replaces the rates of the gates' affine functions by s', and their curvatures, where there are any, by
/// s''.
HWY_INLINE void gate_motion(BlockWorkspace& work, std::size_t i, int s, Lanes& rate, Lanes& bend) {
  const Lanes t_rate = Lanes::load(work.gate_rates[i] + s);
  rate = times_run(t_rate, work.gate_slopes[i], s);
  bend = work.gate_curvatures[i] == nullptr ? Lanes(0.0)
                                            : t_rate * t_rate * Lanes::load(work.gate_curvatures[i] + s);
}

/// f'' along the direction, into the run of the residual. With s', s'' the derivatives of the scores, m = sum
/// w s' and q = sum w (s'' + s'^2) - m^2:
///     f'' = sum w_i { ((s'_i - m)^2 + s''_i - q) (h_i - f) + 2 (s'_i - m) h'_i + h''_i }.
void compute_bend(const BlockPlan& plan, const double* v, const double* direction,
                  const double* sample_weight, BlockWorkspace& work, int count) {
  const std::size_t k = plan.layout.experts.size();
  double* result = work.runs[BlockPlan::kResidual];
  for (int s = 0; s < count; s += kLanes) {
    Lanes mean_rate(0.0);
    Lanes mean_square(0.0);
    Lanes rate(0.0);
    Lanes bend(0.0);
    for (std::size_t i = 0; i + 1 < k; ++i) {
      const Lanes weight = Lanes::load(work.weights[i] + s);
      gate_motion(work, i, s, rate, bend);
      mean_rate = fused(weight, rate, mean_rate);
      mean_square = fused(weight, fused(rate, rate, bend), mean_square);
    }
    const Lanes q = mean_square - mean_rate * mean_rate;
    const Lanes f = Lanes::load(work.mean + s);
    Lanes total(0.0);
    for (std::size_t i = 0; i < k; ++i) {
      rate = bend = Lanes(0.0);
      if (i + 1 < k) {
        gate_motion(work, i, s, rate, bend);
      }
      const ExpertMotion expert = expert_motion(plan.layout.experts[i], v, direction, work, i, s);
      const Lanes relative = rate - mean_rate;
      const Lanes weight_bend = fused(relative, relative, bend - q);
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
  AffineTiles rates(plan.layout, direction, samples, block);
  for (std::size_t i = 0; i < plan.layout.gates.size(); ++i) {
    rates.add(plan.layout.gates[i], work.gate_rates[i]);
  }
  for (std::size_t i = 0; i < plan.layout.experts.size(); ++i) {
    rates.add(plan.layout.experts[i].inner, work.inner_rates[i]);
  }
  rates.flush();
  compute_bend(plan, v, direction, samples.weight(block), work, count);
  add_products(plan.gradients, samples, block, work, count);
}

void drain_lanes(BlockWorkspace& work, int num_sums, BlockTotals& totals) {
  totals.rss += sum(Lanes::load(work.rss));
  Lanes(0.0).store(work.rss);
  for (int i = 0; i < num_sums; ++i) {
    totals.sums[static_cast<std::size_t>(i)] += sum(Lanes::load(work.sums + i * kLanes));
    Lanes(0.0).store(work.sums + i * kLanes);
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
HWY_EXPORT(drain_lanes);
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

void drain(BlockWorkspace& workspace, int num_sums, BlockTotals& totals) {
  HWY_DYNAMIC_DISPATCH(drain_lanes)(workspace, num_sums, totals);
}

std::string_view simd_target() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace moest
#endif  // HWY_ONCE
// NOLINTEND(readability-identifier-naming,modernize-concat-nested-namespaces,bugprone-implicit-widening-of-multiplication-result)
