#include "moest/kernel/fused_pass.h"

#include <algorithm>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/parallel.h"

namespace moest {
namespace {

// Chunks depend on the number of blocks alone. Few enough that their sums take little memory, many enough to
// keep threads busy to the end.
constexpr int kMostChunks = 64;
constexpr int kLeastBlocksPerChunk = 16;

void clear(BlockTotals& totals, int num_sums) {
  totals.rss = 0;
  totals.sums.assign(static_cast<std::size_t>(num_sums), 0.0);
}

void add(const BlockTotals& part, BlockTotals& totals) {
  totals.rss += part.rss;
  for (std::size_t i = 0; i < totals.sums.size(); ++i) {
    totals.sums[i] += part.sums[i];
  }
}

void scatter(const BlockTotals& totals, const std::vector<BlockPlan::Place>& places, Eigen::Index size,
             Eigen::VectorXd& vector) {
  vector.setZero(size);
  for (const BlockPlan::Place& place : places) {
    vector[place.first] = totals.sums[static_cast<std::size_t>(place.sum)];
  }
}

}  // namespace

FusedPass::FusedPass(MixtureLayout layout, const SampleBlocks& samples, int num_threads)
    : plan_(std::move(layout)), samples_(&samples) {
  MOEST_EXPECT(num_threads >= 1);
  MOEST_EXPECT(plan_.layout.target >= 0 && plan_.layout.target < samples.num_targets());
  for (const FeatureSet& set : plan_.layout.feature_sets) {
    MOEST_EXPECT(set.first_column >= 0 && set.first_column + set.num_columns <= samples.num_features());
  }
  const int num_blocks = samples.num_blocks();
  const int step = std::max(kLeastBlocksPerChunk, (num_blocks + kMostChunks - 1) / kMostChunks);
  for (int first = 0; first < num_blocks; first += step) {
    chunks_.push_back({first, std::min(first + step, num_blocks)});
  }
  const int num_workers = std::min(num_threads, static_cast<int>(chunks_.size()));
  for (int i = 0; i < num_workers; ++i) {
    workspaces_.emplace_back(plan_);
  }
  chunk_totals_.resize(num_workers > 1 ? chunks_.size() : 1);
  const BlockWorkspace& work = workspaces_.front();
  values_.mean = work.mean;
  for (const BlockWorkspace::ExpertRuns& expert : work.experts) {
    values_.weights.push_back(expert.weight);
    values_.experts.push_back(expert.value);
  }
}

void FusedPass::check(std::span<const double> v) const {
  MOEST_EXPECT(static_cast<int>(v.size()) == plan_.layout.num_parameters);
}

template <class AddBlock>
const BlockTotals& FusedPass::total(int num_sums, const AddBlock& add_block) {
  const auto sum_chunk = [&](std::size_t chunk, BlockWorkspace& work, BlockTotals& result) {
    for (int block = chunks_[chunk].first_block; block < chunks_[chunk].last_block; ++block) {
      add_block(block, work);
    }
    clear(result, num_sums);
    drain(plan_, work, num_sums, result);
  };
  clear(totals_, num_sums);
  const std::size_t num_workers = workspaces_.size();
  if (num_workers == 1) {
    for (std::size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      sum_chunk(chunk, workspaces_.front(), chunk_totals_.front());
      add(chunk_totals_.front(), totals_);
    }
    return totals_;
  }
  parallel_for(static_cast<int>(num_workers), static_cast<int>(num_workers), [&](int worker) {
    const auto first = static_cast<std::size_t>(worker);
    for (std::size_t chunk = first; chunk < chunks_.size(); chunk += num_workers) {
      sum_chunk(chunk, workspaces_[first], chunk_totals_[chunk]);
    }
  });
  for (const BlockTotals& part : chunk_totals_) {
    add(part, totals_);
  }
  return totals_;
}

const BlockValues& FusedPass::evaluate(std::span<const double> v, int block) {
  check(v);
  evaluate_block(plan_, v.data(), *samples_, block, workspaces_.front());
  return values_;
}

void FusedPass::jacobian(std::span<const double> v, int block, Eigen::MatrixXd& rows,
                         Eigen::VectorXd& residuals) {
  check(v);
  BlockWorkspace& work = workspaces_.front();
  compute_sensitivities(plan_, v.data(), *samples_, block, work);
  using Run = Eigen::Map<const Eigen::ArrayXd>;
  const int count = samples_->block_samples(block);
  residuals = Run(work.run(BlockPlan::kResidual), count).matrix();
  rows.setZero(count, plan_.layout.num_parameters);
  for (const MomentPlan& moments : plan_.gradients) {
    auto sum = static_cast<std::size_t>(moments.first_sum);
    for (const RowPlan& unit : moments.rows) {
      const Run sensitivity(work.run(unit.a), count);
      for (const auto& [feature, one] : moments.columns) {
        auto column = rows.col(plan_.gradient_places[sum++].first).array();
        column = sensitivity;
        if (feature >= 0) {
          column *= Run(samples_->feature(block, feature), count);
        }
      }
    }
  }
}

double FusedPass::residual_sum_of_squares(std::span<const double> v) {
  check(v);
  return total(0, [&](int block, BlockWorkspace& work) { add_cost(plan_, v.data(), *samples_, block, work); })
      .rss;
}

void FusedPass::linearise(std::span<const double> v, NormalEquations& result, Curvature curvature) {
  check(v);
  const bool newton = curvature == Curvature::newton;
  const BlockTotals& totals =
      total(newton ? plan_.num_sums : plan_.num_gauss_newton_sums, [&](int block, BlockWorkspace& work) {
        add_normal_equations(plan_, curvature, v.data(), *samples_, block, work);
      });
  const Eigen::Index size = plan_.layout.num_parameters;
  result.objective = totals.rss;
  scatter(totals, plan_.gradient_places, size, result.gradient);
  result.gram.setZero(size, size);
  for (const BlockPlan::Place& place : plan_.gram_places) {
    const double sum = totals.sums[static_cast<std::size_t>(place.sum)];
    result.gram(place.first, place.second) = result.gram(place.second, place.first) = sum;
  }
  if (newton) {
    scatter(totals, plan_.diagonal_places, size, result.diagonal);
  } else {
    result.diagonal = result.gram.diagonal();
  }
}

void FusedPass::bend(std::span<const double> v, std::span<const double> direction, Eigen::VectorXd& result) {
  check(v);
  check(direction);
  const BlockTotals& totals = total(plan_.num_gradient_sums, [&](int block, BlockWorkspace& work) {
    add_bend(plan_, v.data(), direction.data(), *samples_, block, work);
  });
  scatter(totals, plan_.gradient_places, plan_.layout.num_parameters, result);
}

}  // namespace moest
