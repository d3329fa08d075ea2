#include "moest/kernel/block_pass.h"

#include <algorithm>
#include <limits>

#include "moest/kernel/simd_config.h"

// The idiom of highway, and offsets inside one block, which an int holds.
// NOLINTBEGIN(readability-identifier-naming,modernize-concat-nested-namespaces,bugprone-implicit-widening-of-multiplication-result)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "moest/kernel/block_pass.cc"
#include <hwy/foreach_target.h>
// foreach_target.h must come first
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "moest/kernel/vector_math.h"

HWY_BEFORE_NAMESPACE();
namespace moest {
namespace HWY_NAMESPACE {

#include "moest/kernel/combiners-inl.h"
#include "moest/kernel/links-inl.h"
#include "moest/kernel/points-inl.h"
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

/// Runs of the affine functions: the values of the units, before their links, or rates along a direction.
enum class AffineRuns { values, rates };

/// The affine functions of all gates and experts, with v for their coefficients.
template <AffineRuns kRuns>
void compute_affine(const MixtureLayout& layout, const double* v, const SampleBlocks& samples, int block,
                    const BlockWorkspace& work) {
  constexpr bool kValues = kRuns == AffineRuns::values;
  AffineTiles tiles(layout, v, samples, block);
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    tiles.add(layout.gates[i], kValues ? work.experts[i].weight : work.gates[i].rate);
  }
  auto runs = work.neurons.begin();
  for (const ExpertUnits& expert : layout.experts) {
    for (const NeuronUnits& neuron : expert.neurons) {
      tiles.add(neuron.inner, kValues ? runs->value : runs->rate);
      ++runs;
    }
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

/// From the values r of the gates' links to the scores c r + b, and from their derivatives to those of c r.
template <Derivatives kDerivatives>
void route_scores(const RouterUnits& router, const double* v, int count, BlockWorkspace& work) {
  work.factor_value = router.factor >= 0 ? v[router.factor] : router.fixed_factor;
  const Lanes factor(work.factor_value);
  for (std::size_t i = 0; i < work.gates.size(); ++i) {
    const BlockWorkspace::GateRuns& gate = work.gates[i];
    double* const score = work.experts[i].weight;
    const Lanes bias(i < router.biases.size() ? v[router.biases[i]] : 0.0);
    for (int s = 0; s < count; s += kLanes) {
      const Lanes value = Lanes::load(score + s);
      if (gate.router_value != nullptr) {
        value.store(gate.router_value + s);
      }
      fused(factor, value, bias).store(score + s);
      const bool is_identity = gate.curvature == nullptr;
      if constexpr (kDerivatives != Derivatives::none) {
        (is_identity ? factor : factor * Lanes::load(gate.slope + s)).store(gate.slope + s);
      }
      if (kDerivatives == Derivatives::second && !is_identity) {
        (factor * Lanes::load(gate.curvature + s)).store(gate.curvature + s);
      }
    }
  }
}

/// Scores relative to the last expert's.
void anchor_scores(BlockWorkspace& work, int count) {
  const double* const last = work.experts.back().weight;
  for (std::size_t i = 0; i + 1 < work.experts.size(); ++i) {
    double* const score = work.experts[i].weight;
    for (int s = 0; s < count; s += kLanes) {
      (Lanes::load(score + s) - Lanes::load(last + s)).store(score + s);
    }
  }
}

/// Scores, and the neurons inside the experts.
template <Derivatives kDerivatives>
void compute_units(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                   BlockWorkspace& work) {
  const MixtureLayout& layout = plan.layout;
  const int count = padded_samples(samples, block);
  compute_affine<AffineRuns::values>(layout, v, samples, block, work);
  for (std::size_t i = 0; i < layout.gates.size(); ++i) {
    HWY_NAMESPACE::visit_link(
        layout.gates[i].link,
        LinkRuns<kDerivatives>{count, work.experts[i].weight, work.gates[i].slope, work.gates[i].curvature});
  }
  if (layout.router) {
    route_scores<kDerivatives>(*layout.router, v, count, work);
  }
  if (layout.combiner == Combiner::softmax && layout.gates.size() == layout.experts.size()) {
    anchor_scores(work, count);
  }
  auto runs = work.neurons.begin();
  for (std::size_t i = 0; i < layout.experts.size(); ++i) {
    const ExpertUnits& expert = layout.experts[i];
    for (const NeuronUnits& neuron : expert.neurons) {
      HWY_NAMESPACE::visit_link(neuron.inner.link,
                                LinkRuns<kDerivatives>{count, runs->value, runs->slope, runs->curvature});
      runs->scale = neuron.weight >= 0 ? v[neuron.weight] : 1.0;
      ++runs;
    }
    work.experts[i].shift = expert.shift >= 0 ? v[expert.shift] : 0.0;
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

/// The rows of a matrix of sums for its tiles: as two factors each, or multiplied out.
template <Rows kKind>
void prepare_rows(const std::vector<RowPlan>& rows, BlockWorkspace& work, int count) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double* const a = work.run(rows[r].a);
    const double* const b = work.run(rows[r].b);
    double* const product = work.row_products[r];
    if (rows[r].c >= 0) {
      multiply_and_subtract(a, b, work.run(rows[r].c), work.run(rows[r].d), count, product);
      work.rows[r] = {product, work.run(BlockPlan::kOnes)};
    } else if constexpr (kKind == Rows::products) {
      work.rows[r] = {a, b};
    } else {
      multiply(a, b, count, product);
      work.rows[r] = {product, nullptr};
    }
  }
}

/// One matrix of sums, its rows prepared already. A column is a product of features, or a feature
/// itself where the other factor is 1. The columns of a tile are multiplied out just before their use, so
/// that they stay in the first cache.
template <Rows kKind>
void add_moments(const MomentPlan& plan, const SampleBlocks& samples, int block, BlockWorkspace& work,
                 int count) {
  const auto num_rows = static_cast<int>(plan.rows.size());
  const std::pair<int, int>* column = plan.columns.data();
  double* sums = work.sums + plan.first_place;
  for (auto left = static_cast<int>(plan.columns.size()); left > 0; left -= kTileColumns) {
    const int size = std::min(kTileColumns, left);
    const double* columns[kTileColumns];
    for (int c = 0; c < size; ++c) {
      const auto [i, j] = *column++;
      if (i >= 0 && j >= 0) {
        double* const product = work.column_products[static_cast<std::size_t>(c)];
        multiply(samples.feature(block, i), samples.feature(block, j), count, product);
        columns[c] = product;
      } else {
        columns[c] =
            std::max(i, j) >= 0 ? samples.feature(block, std::max(i, j)) : work.run(BlockPlan::kOnes);
      }
    }
    sums = add_sums<kKind>(work.rows.data(), num_rows, columns, size, count, sums);
  }
}

void add_products(const std::vector<MomentPlan>& plans, const SampleBlocks& samples, int block,
                  BlockWorkspace& work, int count) {
  // Beyond that, a product is used so often that multiplying it anew costs more than storing it once.
  constexpr std::size_t kMostColumns = 2 * kTileColumns;
  for (const MomentPlan& plan : plans) {
    if (plan.columns.size() <= kMostColumns) {
      prepare_rows<Rows::products>(plan.rows, work, count);
      add_moments<Rows::products>(plan, samples, block, work, count);
    } else {
      prepare_rows<Rows::given>(plan.rows, work, count);
      add_moments<Rows::given>(plan, samples, block, work, count);
    }
  }
}

/// The cost L of residuals, and the root of the factor a that makes it a weighted square (see Loss).
struct CostPoint {
  Lanes cost;
  Lanes root_factor;
};
CostPoint robust_cost(const Loss& loss, Lanes r) {
  const Lanes c(loss.threshold);
  if (loss.kind == Loss::Kind::huber) {
    const Lanes size = abs(r);
    const auto is_large = c < size;
    const Lanes factor = select(is_large, c / size, Lanes(1.0));
    return {select(is_large, c * (size + size - c), r * r), sqrt(factor)};
  }
  const Lanes ratio = r / c;
  const Lanes q = ratio * ratio;
  const Lanes log(hn::Log1p(Lanes::Tag(), q.raw));
  return {c * c * log, sqrt(Lanes(1.0) / (Lanes(1.0) + q))};
}

/// What is computed at the points of a block.
enum class Task { evaluate, cost, gauss_newton, newton, bend };

template <Task kTask, Combiner kCombiner, int kExperts>
HWY_FLATTEN void visit_points(const BlockPlan& plan, const double* direction, const SampleBlocks& samples,
                              int block, BlockWorkspace& work) {
  const int count = padded_samples(samples, block);
  const double* target = samples.target(block, plan.layout.target);
  const double* weights = samples.root_weight(block);
  const Loss& loss = samples.loss(plan.layout.target);
  const bool is_robust = loss.kind != Loss::Kind::squared;
  Lanes rss = Lanes::load(work.rss);
  for (int s = 0; s < count; s += kLanes) {
    const MixturePoint<kCombiner, kExperts> point(plan.layout, work, s);
    Lanes root_weight = Lanes::load(weights + s);
    if constexpr (kTask == Task::evaluate) {
      point.mean.store(work.mean + s);
    } else if constexpr (kTask == Task::bend) {
      if (is_robust) [[unlikely]] {
        root_weight = root_weight * robust_cost(loss, Lanes::load(target + s) - point.mean).root_factor;
      }
      (point.bend(plan.layout, direction) * root_weight).store(work.run(BlockPlan::kResidual) + s);
      point.sensitivities(root_weight);
    } else {
      const Lanes residual = Lanes::load(target + s) - point.mean;
      Lanes e = root_weight * residual;
      if (is_robust) [[unlikely]] {
        const CostPoint of_residual = robust_cost(loss, residual);
        rss = fused(root_weight * root_weight, of_residual.cost, rss);
        root_weight = root_weight * of_residual.root_factor;
        e = e * of_residual.root_factor;
      } else {
        rss = fused(e, e, rss);
      }
      if constexpr (kTask != Task::cost) {
        e.store(work.run(BlockPlan::kResidual) + s);
        point.sensitivities(root_weight);
      }
      if constexpr (kTask == Task::newton) {
        point.bent_runs(e, root_weight);
      }
    }
  }
  rss.store(work.rss);
}

/// In registers where the experts are few and of one neuron each, unless their values are asked for.
template <Task kTask>
void compute_points(const BlockPlan& plan, const double* direction, const SampleBlocks& samples, int block,
                    BlockWorkspace& work) {
  constexpr Combiner kSoftmax = Combiner::softmax;
  if (plan.layout.combiner == Combiner::separate) {
    return visit_points<kTask, Combiner::separate, 0>(plan, direction, samples, block, work);
  }
  if (plan.layout.combiner == Combiner::hierarchical) {
    return visit_points<kTask, Combiner::hierarchical, 0>(plan, direction, samples, block, work);
  }
  if constexpr (kTask != Task::evaluate) {
    const bool is_plain = plan.gates.size() < plan.experts.size() && plan.layout.kept == 0 &&
                          plan.neurons.size() == plan.experts.size();
    switch (is_plain ? plan.layout.num_experts() : 0) {
      case 2:
        return visit_points<kTask, kSoftmax, 2>(plan, direction, samples, block, work);
      case 3:
        return visit_points<kTask, kSoftmax, 3>(plan, direction, samples, block, work);
      case 4:
        return visit_points<kTask, kSoftmax, 4>(plan, direction, samples, block, work);
      default:
        break;
    }
  }
  visit_points<kTask, kSoftmax, 0>(plan, direction, samples, block, work);
}

void evaluate(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
              BlockWorkspace& work) {
  compute_units<Derivatives::none>(plan, v, samples, block, work);
  compute_points<Task::evaluate>(plan, nullptr, samples, block, work);
}

void cost(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
          BlockWorkspace& work) {
  compute_units<Derivatives::none>(plan, v, samples, block, work);
  compute_points<Task::cost>(plan, nullptr, samples, block, work);
}

void normal_equations(const BlockPlan& plan, Curvature curvature, const double* v,
                      const SampleBlocks& samples, int block, BlockWorkspace& work) {
  const int count = padded_samples(samples, block);
  if (curvature == Curvature::newton) {
    compute_units<Derivatives::second>(plan, v, samples, block, work);
    compute_points<Task::newton>(plan, nullptr, samples, block, work);
    add_products(plan.gradients, samples, block, work, count);
    add_products(plan.bent_moments, samples, block, work, count);
    add_products(plan.diagonals, samples, block, work, count);
  } else {
    compute_units<Derivatives::first>(plan, v, samples, block, work);
    compute_points<Task::gauss_newton>(plan, nullptr, samples, block, work);
    add_products(plan.gradients, samples, block, work, count);
    add_products(plan.moments, samples, block, work, count);
  }
}

/// As for the normal equations, without any sum.
void sensitivities(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                   BlockWorkspace& work) {
  compute_units<Derivatives::first>(plan, v, samples, block, work);
  compute_points<Task::gauss_newton>(plan, nullptr, samples, block, work);
  Lanes(0.0).store(work.rss);
}

void bend(const BlockPlan& plan, const double* v, const double* direction, const SampleBlocks& samples,
          int block, BlockWorkspace& work) {
  compute_units<Derivatives::second>(plan, v, samples, block, work);
  compute_affine<AffineRuns::rates>(plan.layout, direction, samples, block, work);
  compute_points<Task::bend>(plan, direction, samples, block, work);
  add_products(plan.gradients, samples, block, work, padded_samples(samples, block));
}

/// The sums of one matrix, from their tiles.
void drain_moments(const MomentPlan& plan, BlockWorkspace& work, BlockTotals& totals) {
  const auto num_rows = static_cast<int>(plan.rows.size());
  const auto num_columns = static_cast<int>(plan.columns.size());
  double* tile = work.sums + plan.first_place;
  double* const totals_of_plan = totals.sums.data() + plan.first_sum;
  for (int first_column = 0; first_column < num_columns; first_column += kTileColumns) {
    const int size = std::min(kTileColumns, num_columns - first_column);
    for (int first_row = 0; first_row < num_rows; first_row += kTileRows) {
      for (int i = 0; i < size * std::min(kTileRows, num_rows - first_row); ++i) {
        totals_of_plan[(first_row + i / size) * num_columns + first_column + i % size] += tile[i];
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
HWY_EXPORT(sensitivities);
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

void compute_sensitivities(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                           BlockWorkspace& workspace) {
  HWY_DYNAMIC_DISPATCH(sensitivities)(plan, v, samples, block, workspace);
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
