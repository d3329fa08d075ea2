// What the kernel computes for each block of samples, and the memory that it needs for that.
#pragma once

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "moest/kernel/layout.h"
#include "moest/kernel/sample_blocks.h"

namespace moest {

/// The sums are computed tile by tile. The tile of every instruction set divides one of this size.
inline constexpr int kMostTileRows = 4;
inline constexpr int kMostTileColumns = 6;

/// The run a b - c d of numbers, one per sample; the operands are numbers of runs, c < 0 means a b alone.
struct RowPlan {
  int a = 0, b = 0;
  int c = -1, d = -1;
};

/// One matrix of sums over the samples: entry (r, c) is the sum of rows[r] times the two features of
/// columns[c].
struct MomentPlan {
  std::vector<RowPlan> rows;
  std::vector<std::pair<int, int>> columns;  // features by their column; -1 is the constant 1
  int first_sum = 0;                         // number of entry (0, 0); entries are numbered row by row
  int first_place = 0;                       // of its tiles in the workspace
};

/// What is computed for each block, worked out once per layout. With u_a the sensitivity of f to unit a's
/// affine function, a row of J is u (x) z: the entries of J'J are sums of u_a u_b z_i z_j, those of J'e sums
/// of e u_a z_i. In half the Hessian, u_a u_b - e D_ab stands for u_a u_b, D_ab the second derivative of f by
/// the affine functions. With w the weights, s_i = r(t_i) the scores, h the experts, and for a gate i
///     q_i = e w_i r'_i,    g_i = u_i + q_i,    o_i = g_i - e r'_i
/// the products are
///     gates i, j                  u_i g_j + q_i u_j
///     gate i with itself          u_i (u_i + 2 q_i - e r'_i) - e w_i (h_i - f) r''_i
///     gate i, unit b of expert j  g_i u_b,            for i = j  o_i u_b
///     unit a in neuron m of i     u_a u_a - e w_i c_m phi''_m
///     it and the weight c_m       u_a u_b - e w_i phi'_m
/// and u_a u_b for all others. An expert outside the largest scores has w = 0, and all this with it. Where
/// the weights are separate sigmoids w_i of t_i, u_i = w'_i h_i, the same holds with q_i = 0, g_i = u_i, o_i
/// = u_i - e (1 - w_i), and u_i u_i - e w''_i h_i for a gate with itself.
///
/// Of the hierarchical combiner, with W_g the weight of group g, F_g its mean and V_i the weight of expert i
/// in its group, all this holds in each softmax alone: unit i inside a group has u_i = w_i (h_i - F_g) and
/// q_i = e V_i, that of a group u_g = W_g (F_g - f) and q_g = e W_g, and both g_i = u_i + q_i, o_i = g_i - e.
/// Products that are left over:
///     units inside two groups     u_i u_j
///     unit of a group, any in it  o_g u_b,            not in it  g_g u_b
///     unit i, expert j elsewhere  u_i u_b
///
/// A router's factor c is a part of r'_i and r''_i above. Its biases are like gates with slope 1: with S_i =
/// w_i (h_i - f), Q_i = e w_i, G_i = S_i + Q_i and O_i = G_i - e in place of u, q, g and o the products are
/// the same, and a bias with its own gate has u_i (O_i + Q_i). The factor, with the values r_i, m = sum w_i
/// r_i, u_c = sum S_i r_i and E_i = S_i (r_i - m) - w_i u_c, has
///     itself                      u_c u_c - e sum_i w_i ((r_i - m)^2 - sum_j w_j (r_j - m)^2) (h_i - f)
///     it and gate i               u_c u_i - e r'_i (S_i / c + E_i)
///     it and bias i               u_c S_i - e E_i
///     it and unit b of expert j   (u_c - e (r_j - m)) u_b
struct BlockPlan {
  explicit BlockPlan(MixtureLayout of_mixture);

  MixtureLayout layout;

  /// Numbers of runs. A negative number stands for a run that the layout does not need.
  struct GateRuns {
    int sensitivity, minus_q, g, own, diagonal;  // u, -q, g, o, and the gate with itself
  };
  struct BiasRuns {
    int sensitivity, minus_q, g, own, diagonal;  // S, -Q, G, O, and the bias with itself
    int with_gate;                               // O + Q
  };
  struct FactorRuns {
    int sensitivity, diagonal;
    std::vector<int> with_gates, with_biases, with_experts;
  };
  struct NeuronRuns {
    int inner, weight;            // sensitivities to a.x + b and c
    int inner_bend, weight_bend;  // e w c phi'', e w phi'
  };
  struct ExpertRuns {
    std::size_t first_neuron, last_neuron;  // [first, last) of all experts' neurons
    int shift;                              // sensitivity to c_0
  };
  static constexpr int kResidual = 0;
  static constexpr int kOnes = 1;
  std::vector<GateRuns> gates;
  std::vector<BiasRuns> biases;
  std::optional<FactorRuns> factor;
  std::vector<NeuronRuns> neurons;
  std::vector<ExpertRuns> experts;
  int num_runs = 2;

  std::vector<MomentPlan> gradients;     // one per feature set that has units; their sums come first
  std::vector<MomentPlan> moments;       // J'J, one per pair of these feature sets
  std::vector<MomentPlan> bent_moments;  // half the Hessian, with the places of the moments
  std::vector<MomentPlan> diagonals;     // the diagonal of J'J, where that is not summed
  int num_gradient_sums = 0;
  int num_gauss_newton_sums = 0;
  int num_sums = 0;
  int num_places = 0;  // numbers that the tiles of all sums take in the workspace
  /// Where a sum goes: an entry of a vector (first = second), or of a matrix and its transpose. Up to two
  /// places per sum.
  struct Place {
    int sum, first, second;
  };
  std::vector<Place> gradient_places, gram_places, diagonal_places;

 private:
  struct UnitGroup;
  void check_layout() const;
  std::vector<UnitGroup> groups() const;
  bool is_of_group(std::size_t gate) const;
  bool share_group(std::size_t expert, std::size_t other) const;
  bool share_softmax(std::size_t gate, std::size_t other) const;
  int run_with_expert(std::size_t gate, std::size_t expert) const;
  void number_router_runs();
  void place_tiles(MomentPlan& plan);
  void plan_gradient(const UnitGroup& group);
  void plan_diagonal(const UnitGroup& group);
  RowPlan bent_row(const UnitGroup& left, std::size_t a, const UnitGroup& right, std::size_t b) const;
  void plan_moments(const UnitGroup& left, const UnitGroup& right, bool same);
};

/// A row of a matrix of sums: the run a b, or a where b is null.
struct RowFactors {
  const double* a = nullptr;
  const double* b = nullptr;
};

/// The memory of one thread: runs of kBlockSize numbers, and sums in tiles.
class BlockWorkspace {
 public:
  static constexpr int kMaxLanes = 8;

  explicit BlockWorkspace(const BlockPlan& plan);
  BlockWorkspace(BlockWorkspace&&) = default;
  BlockWorkspace& operator=(BlockWorkspace&&) = default;
  BlockWorkspace(const BlockWorkspace&) = delete;  // the runs are pointed to
  BlockWorkspace& operator=(const BlockWorkspace&) = delete;
  ~BlockWorkspace() = default;

  /// Runs of one gate, one neuron and one expert. Those of a link that is the identity are null where they
  /// would be constant, and those that the plan does not number are null.
  struct GateRuns {
    // Of the link.
    double* slope = nullptr;
    double* curvature = nullptr;
    double* rate = nullptr;
    // See BlockPlan.
    double* sensitivity = nullptr;
    double* minus_q = nullptr;
    double* g = nullptr;
    double* own = nullptr;
    double* diagonal = nullptr;
    double* router_value = nullptr;  // r(t), where a factor is to be found
  };
  struct BiasRuns {
    double *sensitivity, *minus_q, *g, *own, *diagonal, *with_gate;
  };
  struct FactorRuns {
    double *sensitivity = nullptr, *diagonal = nullptr;
    std::vector<double*> with_gates, with_biases, with_experts;
  };
  struct NeuronRuns {
    // Of the link.
    double* value = nullptr;
    double* slope = nullptr;
    double* curvature = nullptr;
    double* rate = nullptr;
    // See BlockPlan.
    double* inner = nullptr;
    double* of_weight = nullptr;
    double* inner_bend = nullptr;
    double* weight_bend = nullptr;
    double scale = 1;  // c
  };
  struct ExpertRuns {
    std::size_t first_neuron = 0, last_neuron = 0;
    double* weight = nullptr;  // w; before that, for all but the last expert, the score
    double* value = nullptr;   // h; the same run as its neuron's where h is phi
    double* of_shift = nullptr;
    double* in_group = nullptr;  // its weight in its group, where there are groups
    double shift = 0;            // c_0
  };
  /// Weight and mean of a group.
  struct GroupRuns {
    double *share, *mean;
  };
  /// What the gate of an expert in a group, or of a group, is a part of. Null is the run of f.
  struct LevelRuns {
    const double *in_softmax, *weight, *value, *mean;
  };
  std::vector<GateRuns> gates;
  std::vector<BiasRuns> biases;
  std::optional<FactorRuns> factor;
  double factor_value = 1;  // of the router, where there is one
  std::vector<NeuronRuns> neurons;
  std::vector<ExpertRuns> experts;
  std::vector<GroupRuns> groups;
  std::vector<LevelRuns> levels;  // one per gate where there are groups
  /// The run of one of the plan's numbers; null for a negative number.
  double* run(int number) const { return number < 0 ? nullptr : runs_[static_cast<std::size_t>(number)]; }
  double* mean = nullptr;
  // The operands of a matrix of sums.
  std::vector<RowFactors> rows;
  std::vector<double*> row_products;
  std::array<double*, kMostTileColumns> column_products{};
  double* rss = nullptr;   // kMaxLanes numbers
  double* sums = nullptr;  // the plan's num_places numbers

 private:
  using Memory = std::vector<double, oneapi::tbb::cache_aligned_allocator<double>>;
  void find_router_runs(const BlockPlan& plan);
  void find_group_runs(const BlockPlan& plan);
  double* new_run(std::size_t size = kBlockSize);

  std::vector<Memory> memory_;
  std::vector<double*> runs_;
};

}  // namespace moest
