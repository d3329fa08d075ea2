// One pass over the samples: residuals, J'e, and J'J or the Hessian of a mixture of experts, without storing
// J.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "moest/kernel/block_pass.h"
#include "moest/kernel/layout.h"
#include "moest/kernel/sample_blocks.h"

namespace moest {

/// The least-squares objective and its quadratic model at one point, e = y - f, J = df/dv. With weights w of
/// the samples and a loss L of the target, e'e is sum w L(e), and e and J stand for sqrt(w a(e)) e and sqrt(w
/// a(e)) J (see Loss): the gradient is exact, and both matrices are those of the weighted problem.
struct NormalEquations {
  double objective = 0;      // e'e
  Eigen::VectorXd gradient;  // J'e; the gradient of e'e is -2 J'e
  Eigen::MatrixXd gram;      // J'J or, as asked for, half the Hessian of e'e; symmetric, full
  Eigen::VectorXd diagonal;  // of J'J, in both cases
};

/// The values of a mixture on one block of samples. Pointers are to kBlockSize numbers, of which those of the
/// block's samples count.
struct BlockValues {
  const double* mean = nullptr;        // f
  std::vector<const double*> weights;  // w_i, k runs
  std::vector<const double*> experts;  // h_i, k runs
};

/// The fused kernel over one data set. The blocks are dealt to the threads, and their sums are added up in a
/// fixed order: the same input gives the same bits for any number of threads, on one instruction set. Not for
/// use by two threads at once; the blocks may be shared, and must outlive the pass.
class FusedPass {
 public:
  /// The feature sets and the target of `layout` must name columns that `samples` has. num_threads >= 1.
  FusedPass(MixtureLayout layout, const SampleBlocks& samples, int num_threads = 1);
  FusedPass(FusedPass&&) = default;
  FusedPass& operator=(FusedPass&&) = default;
  FusedPass(const FusedPass&) = delete;  // the workspaces are pointed to
  FusedPass& operator=(const FusedPass&) = delete;
  ~FusedPass() = default;

  const MixtureLayout& layout() const { return plan_.layout; }
  const SampleBlocks& samples() const { return *samples_; }

  /// v: layout().num_parameters numbers. Overflow gives a result that is not finite, never a trap.
  void linearise(std::span<const double> v, NormalEquations& result,
                 Curvature curvature = Curvature::gauss_newton);
  /// e'e only.
  double residual_sum_of_squares(std::span<const double> v);
  /// J'f'' with f'' = d2/dh2 f(v + h direction) at h = 0: what bends the model away from its linearisation.
  void bend(std::span<const double> v, std::span<const double> direction, Eigen::VectorXd& result);
  /// Values on one block; they stay until the next call.
  const BlockValues& evaluate(std::span<const double> v, int block);
  /// J and e of one block: a row and a number for each of its samples.
  void jacobian(std::span<const double> v, int block, Eigen::MatrixXd& rows, Eigen::VectorXd& residuals);

 private:
  // Consecutive blocks whose sums are added up before they join those of other chunks.
  struct Chunk {
    int first_block, last_block;
  };
  template <class AddBlock>
  const BlockTotals& total(int num_sums, const AddBlock& add_block);
  void check(std::span<const double> v) const;

  BlockPlan plan_;
  const SampleBlocks* samples_;
  std::vector<Chunk> chunks_;
  std::vector<BlockWorkspace> workspaces_;  // one per thread
  std::vector<BlockTotals> chunk_totals_;   // one per chunk, or a single one for a single thread
  BlockTotals totals_;
  BlockValues values_;
};

}  // namespace moest
