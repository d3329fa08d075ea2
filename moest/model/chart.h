// The chart: from raw parameters to the coordinates of the fit and on to the kernel's parameter vector.
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "moest/kernel/fused_pass.h"
#include "moest/kernel/layout.h"
#include "moest/kernel/sample_blocks.h"
#include "moest/model/constraints.h"
#include "moest/model/groups.h"
#include "moest/model/model.h"
#include "moest/model/region.h"
#include "moest/model/specification.h"

namespace moest {

/// Coordinates that must stay inside a region together.
struct RegionBlock {
  int offset = 0;
  int size = 0;
  Region region;
};

/// Three spaces and the maps between them, for one specification and bound B:
///
///     raw atoms (b_i, omega_i, eta_i)  ->  coordinates theta  ->  kernel parameters v
///
/// theta = (v_1, b_1, .., v_k, b_k, eta_1, .., eta_k): the gates in reduced coordinates (where the chart is
/// curved, omega_i in place of v_i), each in its region,
/// the biases and the expert parameters in [-B, B], and at the end 1 / temperature where the data determine
/// it. Where the atoms come in groups, the gates of the groups follow those of the atoms. The regions are
/// meant on the gauge-free set: no gate is anchored in theta, so a point is feasible whenever some common
/// shift of the gates makes it so. The kernel sees the gates relative to the last one, v_i - v_k and b_i -
/// b_k: there the common shift is gone. With groups that holds in each group, and of the groups. The v_i of
/// gates with a link have no such gauge, nor have biases inside the link, and the kernel sees them as they
/// are.
class MixtureChart {
 public:
  /// Throws InputError for an illegal specification, or equations that its numbers cannot fulfil.
  MixtureChart(const MixtureSpec& spec, double bound, std::span<const Equation> equations = {});

  const MixtureSpec& spec() const { return spec_; }
  /// What the kernel sees of each output; they have gates and parameters in common.
  const std::vector<MixtureLayout>& layouts() const { return layouts_; }
  const MixtureLayout& layout() const { return layouts_.front(); }
  int num_experts() const { return spec_.num_experts; }
  /// Of atoms and of groups.
  int num_gates() const { return softmaxes_.back().last; }
  int num_coordinates() const { return num_coordinates_; }
  const std::vector<RegionBlock>& regions() const { return regions_; }
  /// For each coordinate of the gates, its place in every atom: adding one number to all of them changes
  /// nothing.
  const std::vector<std::vector<int>>& shift_gauges() const { return shift_gauges_; }
  /// What is given of theta. The maps below know nothing of it: a fit moves in the directions that it leaves.
  const Constraints& constraints() const { return constraints_; }
  /// Moves theta to the nearest point of the regions, constraints kept.
  void make_feasible(Eigen::VectorXd& theta) const;

  /// A kernel parameter is coordinate `plus` of theta less coordinate `minus`, if that is not negative. Where
  /// the chart is curved, these are the kernel parameters with omega_i in place of v_i.
  struct Source {
    int plus, minus;
  };
  const std::vector<Source>& kernel_sources() const { return sources_; }
  /// Coordinates less common shifts that change nothing and less what is given: what the data can determine,
  /// at most.
  int num_free_parameters() const {
    return static_cast<int>(sources_.size()) - constraints_.num_determined();
  }
  /// Whether the kernel sees the v_i, and the biases, relative to those of the last gate.
  bool slopes_are_relative() const { return layout().gates.size() < layout().experts.size(); }
  bool biases_are_relative() const { return slopes_are_relative() || layout().router.has_value(); }

  bool is_curved() const { return num_gate_coordinates_ < num_gate_features_; }
  /// Of an atom's gate or, gate = num_experts() + g, that of group g.
  int gate_offset(int gate) const { return gate * (num_gate_coordinates_ + 1); }
  int num_gate_coordinates() const { return num_gate_coordinates_; }
  int expert_offset(int expert) const;
  int num_expert_parameters() const { return num_expert_parameters_; }
  /// Of 1 / temperature; -1 where that is no coordinate.
  int factor_offset() const { return finds_factor() ? num_coordinates_ - 1 : -1; }

  /// Kernel parameters of theta. Unless the chart is curved the map is linear: a direction of theta becomes
  /// one of v.
  Eigen::VectorXd kernel_parameters(const Eigen::VectorXd& theta) const;
  void to_kernel(const Eigen::VectorXd& theta, Eigen::VectorXd& v) const;
  /// dv/dtheta times a direction, at theta.
  Eigen::VectorXd kernel_direction(const Eigen::VectorXd& theta, const Eigen::VectorXd& direction) const;
  /// A gradient (unless the chart is curved), and the normal equations at theta, of v pulled back to theta:
  /// J_theta = J_v dv/dtheta, and with Curvature::newton also -J'e d2v/dtheta^2. Of a coordinate that is only
  /// taken off others, the diagonal of J'J is replaced by the sum of theirs; of a curved gate it is then
  /// replaced by a bound, up to twice as large or, where terms cancel, larger.
  void pull_back(const Eigen::VectorXd& in_v, Eigen::VectorXd& in_theta) const;
  void pull_back(const Eigen::VectorXd& theta, Curvature curvature, const NormalEquations& in_v,
                 NormalEquations& in_theta) const;

  /// Gates first .. last - 1, whose scores one softmax compares.
  struct Softmax {
    int first, last;
  };
  /// That of all atoms, or those of the groups' atoms and then that of the groups.
  const std::vector<Softmax>& softmaxes() const { return softmaxes_; }

  /// Coordinates of raw atoms after the common shift that brings the gates deepest into their regions;
  /// whatever is still outside is moved to the nearest point inside.
  Eigen::VectorXd coordinates(const Measure& measure) const;
  /// Raw atoms in the gate's documented section (docs/models.md), and the gate with the temperature that
  /// belongs to them where it is learned: the last bias is 0.
  Measure measure(const Eigen::VectorXd& theta) const;
  /// Gives a model of this specification the atoms, groups and gate of theta.
  void set_parameters(const Eigen::VectorXd& theta, Model& model) const;
  GateSpec gate_of(const Eigen::VectorXd& theta) const;

  /// Features of the (scaled) inputs, n x d, in the layout's columns; the targets are zero.
  SampleBlocks blocks(const Eigen::MatrixXd& inputs) const;

  /// Coordinates with the atoms and groups of a point of another chart, which may have another number of
  /// them, but not be of other kinds.
  Eigen::VectorXd rearranged(const MixtureChart& from, const Eigen::VectorXd& theta,
                             const Arrangement& arrangement) const;

 private:
  NormalEquations straightened(const Eigen::VectorXd& theta, Curvature curvature,
                               const NormalEquations& in_v) const;
  void subtract(const NormalEquations& in_v, NormalEquations& in_theta) const;
  bool finds_factor() const { return layout().router && layout().router->factor >= 0; }
  void find_softmaxes();
  void find_sources();
  void find_regions(double bound);
  Eigen::MatrixXd gates(const Eigen::VectorXd& theta) const;
  // The same after the shift to the section.
  Eigen::MatrixXd section(const Eigen::VectorXd& theta) const;

  MixtureSpec spec_;
  int num_gate_features_;
  int num_gate_coordinates_;
  int num_expert_parameters_;
  int num_coordinates_ = 0;
  std::vector<MixtureLayout> layouts_;
  std::vector<Softmax> softmaxes_;
  std::vector<Source> sources_;
  std::vector<RegionBlock> regions_;
  std::vector<std::vector<int>> shift_gauges_;
  Constraints constraints_;
};

}  // namespace moest
