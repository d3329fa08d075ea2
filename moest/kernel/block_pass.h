// One block of samples through a mixture: what the SIMD source computes, in a version per instruction set.
#pragma once

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "moest/kernel/layout.h"
#include "moest/kernel/sample_blocks.h"

namespace moest {

/// The matrix of the quadratic model of e'e / 2.
enum class Curvature {
  gauss_newton,  // J'J
  newton,        // J'J - sum e D^2 f, half the Hessian of e'e
};

/// One matrix of sums over the samples: entry (r, c) is the sum of (first x second of rows[r]) times (first x
/// second of columns[c]).
struct MomentPlan {
  std::vector<std::pair<int, int>> rows;     // sensitivities by their number; 0 is the residual
  std::vector<std::pair<int, int>> columns;  // features by their column; -1 is the constant 1
  int first_sum = 0;                         // place of entry (0, 0); entries lie row by row
  int num_sums() const { return static_cast<int>(rows.size() * columns.size()); }
};

/// What is computed for each block, worked out once per layout. With u_a the sensitivity of f to unit a's
/// affine function, a row of J is u (x) z: the entries of J'J are sums of u_a u_b z_i z_j, those of J'e sums of
/// e u_a z_i.
struct BlockPlan {
  explicit BlockPlan(MixtureLayout layout);

  MixtureLayout layout;
  std::vector<int> gate_sensitivities, inner_sensitivities, weight_sensitivities, shift_sensitivities;
  /// What a sensitivity belongs to, by its number.
  struct Role {
    enum class Kind { residual, gate, inner, weight, shift };
    Kind kind;
    int expert;
  };
  std::vector<Role> roles;
  int num_sensitivities() const { return static_cast<int>(roles.size()); }
  std::vector<MomentPlan> gradients;  // one per feature set that has units; their sums come first
  std::vector<MomentPlan> moments;    // one per pair of these feature sets
  int num_gradient_sums = 0;
  int num_sums = 0;
  /// Where a sum goes: gradient[first], or gram(first, second) and its transpose. Up to two places per sum.
  struct Place {
    int sum, first, second;
  };
  std::vector<Place> gradient_places, gram_places;

 private:
  struct UnitGroup;
  std::vector<UnitGroup> groups() const;
  void plan_gradient(const UnitGroup& group);
  void plan_moments(const UnitGroup& left, const UnitGroup& right, bool same);
};

/// The memory of one thread: runs of kBlockSize numbers, and sums that still lie spread over vector lanes.
class BlockWorkspace {
 public:
  static constexpr int kMaxLanes = 8;

  explicit BlockWorkspace(const BlockPlan& plan);
  BlockWorkspace(BlockWorkspace&&) = default;
  BlockWorkspace& operator=(BlockWorkspace&&) = default;
  BlockWorkspace(const BlockWorkspace&) = delete;  // the runs are pointed to
  BlockWorkspace& operator=(const BlockWorkspace&) = delete;
  ~BlockWorkspace() = default;

  // One run per gate or expert; those of a link that is the identity are null where they would be constant.
  std::vector<double*> weights, inner_values, experts;
  std::vector<double*> gate_slopes, gate_curvatures, gate_rates;
  std::vector<double*> inner_slopes, inner_curvatures, inner_rates;
  std::vector<double*> sensitivities;  // the residual is number 0
  double* mean = nullptr;
  double* ones = nullptr;
  std::vector<double*> row_products, column_products;
  std::vector<const double*> rows, columns;  // operands of a matrix of sums
  double* rss = nullptr;                     // kMaxLanes numbers
  double* sums = nullptr;                    // kMaxLanes numbers per sum

 private:
  using Memory = std::vector<double, oneapi::tbb::cache_aligned_allocator<double>>;
  double* new_run(std::size_t size = kBlockSize);

  std::vector<Memory> memory_;
};

/// What is added up over blocks.
struct BlockTotals {
  double rss = 0;
  std::vector<double> sums;
};

/// Weights, experts and mean of one block; only its samples' places are filled.
void evaluate_block(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                    BlockWorkspace& workspace);
/// Adds the block's e'e to workspace.rss.
void add_cost(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
              BlockWorkspace& workspace);
/// Adds the block's e'e to workspace.rss, and to workspace.sums its part of J'e and of the curvature's matrix.
void add_normal_equations(const BlockPlan& plan, Curvature curvature, const double* v,
                          const SampleBlocks& samples, int block, BlockWorkspace& workspace);
/// Adds to the gradient sums the block's part of J'f'', f'' = d2/dh2 f(v + h direction) at h = 0.
void add_bend(const BlockPlan& plan, const double* v, const double* direction, const SampleBlocks& samples,
              int block, BlockWorkspace& workspace);
/// Moves what lies in the workspace to the totals, lanes added up; the first num_sums sums only.
void drain(BlockWorkspace& workspace, int num_sums, BlockTotals& totals);

/// The instruction set that the functions above use on this processor: `AVX3` (AVX-512), `AVX2`, ..
std::string_view simd_target();

}  // namespace moest
