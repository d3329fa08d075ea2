// One block of samples through a mixture: what the SIMD source computes, in a version per instruction set.
#pragma once

#include <string_view>
#include <vector>

#include "moest/kernel/block_plan.h"
#include "moest/kernel/sample_blocks.h"

namespace moest {

/// The matrix of the quadratic model of e'e / 2.
enum class Curvature {
  gauss_newton,  // J'J
  newton,        // J'J - sum e D^2 f, half the Hessian of e'e
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
/// Adds the block's e'e to workspace.rss, and to workspace.sums its part of J'e, of the curvature's matrix
/// and, with newton, of the diagonal of J'J.
void add_normal_equations(const BlockPlan& plan, Curvature curvature, const double* v,
                          const SampleBlocks& samples, int block, BlockWorkspace& workspace);
/// Adds to the gradient sums the block's part of J'f'', f'' = d2/dh2 f(v + h direction) at h = 0.
void add_bend(const BlockPlan& plan, const double* v, const double* direction, const SampleBlocks& samples,
              int block, BlockWorkspace& workspace);
/// Weights, experts, mean and residuals of one block, and the sensitivities of f to every affine function.
void compute_sensitivities(const BlockPlan& plan, const double* v, const SampleBlocks& samples, int block,
                           BlockWorkspace& workspace);
/// Moves what lies in the workspace to the totals; the first num_sums sums only.
void drain(const BlockPlan& plan, BlockWorkspace& workspace, int num_sums, BlockTotals& totals);

/// The instruction set that the functions above use on this processor: `AVX3` (AVX-512), `AVX2`, ..
std::string_view simd_target();

}  // namespace moest
