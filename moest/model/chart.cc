#include "moest/model/chart.h"

#include <algorithm>
#include <utility>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

// One per output. In the order of v: gates, biases of the router, experts, factor of the router.
std::vector<MixtureLayout> make_layouts(const MixtureSpec& spec, int num_gate_features) {
  const ExpertForm expert = expert_form(spec.expert);
  const bool has_router = gate_bias_is_outside(spec.gate);
  const bool shared = gate_sees_inputs(spec.gate) && expert.bias && expert.uses_inputs && !has_router;
  const int first_input = gate_sees_inputs(spec.gate) ? 0 : num_gate_features;
  const Link link_of_gates = gate_link(spec.gate);
  // v_i - v_k is a score only without a link or router.
  const bool is_anchored = link_of_gates == Link::identity && !has_router;
  const int num_gates = is_anchored ? spec.num_experts - 1 : spec.num_experts;

  MixtureLayout layout;
  layout.combiner = gate_combiner(spec.gate);
  layout.group_ends = group_ends(spec);
  layout.kept = spec.gate.top_k;
  layout.feature_sets = {{0, num_gate_features, !has_router},
                         {first_input, expert.uses_inputs ? spec.num_inputs : 0, expert.bias},
                         {0, 0, true}};
  layout.constant_set = 2;
  int offset = 0;
  for (int i = 0; i < num_gates; ++i, offset += layout.feature_sets[0].size()) {
    layout.gates.push_back({0, offset, link_of_gates});
  }
  if (has_router) {
    layout.router.emplace().fixed_factor = 1 / spec.gate.temperature.value;
    for (int i = 0; i + 1 < spec.num_experts; ++i) {
      layout.router->biases.push_back(offset++);
    }
  }
  const ExpertPlaces places = expert_places(spec);
  const int first_expert = offset;
  offset += spec.num_experts * places.size();
  if (has_router && learns_temperature(spec.gate)) {
    layout.router->factor = offset++;
  }
  layout.num_parameters = offset;

  std::vector<MixtureLayout> layouts(static_cast<std::size_t>(spec.num_outputs), layout);
  for (int output = 0; output < spec.num_outputs; ++output) {
    MixtureLayout& own = layouts[static_cast<std::size_t>(output)];
    own.target = output;
    for (int i = 0; i < spec.num_experts; ++i) {
      const auto at = [first = first_expert + i * places.size()](int place) {
        return place < 0 ? -1 : first + place;
      };
      ExpertUnits& units = own.experts.emplace_back();
      units.shift = at(places.offset(output));
      for (int m = 0; m < expert.num_neurons; ++m) {
        units.neurons.push_back(
            {{shared ? 0 : 1, at(places.inner(output, m)), expert.shape.link}, at(places.weight(output, m))});
      }
    }
  }
  return layouts;
}

std::span<const double> as_span(const Eigen::Ref<const Eigen::VectorXd>& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

}  // namespace

MixtureChart::MixtureChart(const MixtureSpec& spec, double bound, std::span<const Equation> equations)
    : spec_(spec) {
  check(spec);
  MOEST_EXPECT(bound > 0);
  num_gate_features_ =
      visit_gate(spec.gate.kind, [&](auto gate) { return gate.num_features(spec.num_inputs); });
  num_gate_coordinates_ = moest::num_gate_coordinates(spec);
  num_expert_parameters_ = moest::num_expert_parameters(spec);
  layouts_ = make_layouts(spec, num_gate_features_);
  find_softmaxes();
  num_coordinates_ = expert_offset(num_experts()) + (finds_factor() ? 1 : 0);
  find_sources();
  find_regions(bound);
  if (!equations.empty()) {
    constraints_ = Constraints(*this, equations);
  }
}

void MixtureChart::make_feasible(Eigen::VectorXd& theta) const {
  constraints_.impose(theta);
  for (const RegionBlock& block : regions_) {
    project(block.region, theta.segment(block.offset, block.size));
  }
}

void MixtureChart::find_softmaxes() {
  if (layout().group_ends.empty()) {
    softmaxes_.push_back({0, num_experts()});
    return;
  }
  int first = 0;
  for (const int end : layout().group_ends) {
    softmaxes_.push_back({first, end});
    first = end;
  }
  softmaxes_.push_back({num_experts(), num_experts() + static_cast<int>(layout().group_ends.size())});
}

void MixtureChart::find_sources() {
  const int k = num_experts();
  const int size = is_curved() ? num_gate_coordinates_ : layout().feature_sets[0].size();
  const auto add = [&](int gate, int reference) {
    for (int j = 0; j < size; ++j) {
      sources_.push_back({gate_offset(gate) + j, slopes_are_relative() ? gate_offset(reference) + j : -1});
    }
  };
  if (layout().group_ends.empty()) {
    for (int i = 0; i < static_cast<int>(layout().gates.size()); ++i) {
      add(i, k - 1);
    }
  }
  int group = k;
  int gate = 0;
  for (const int end : layout().group_ends) {
    for (; gate < end - 1; ++gate) {
      add(gate, end - 1);
    }
    // In the place of a group's last atom, the reference, is the gate of the group.
    if (group < num_gates() - 1) {
      add(group, num_gates() - 1);
    }
    ++group;
    gate = end;
  }
  if (layout().router) {
    for (int i = 0; i + 1 < k; ++i) {
      sources_.push_back(
          {gate_offset(i) + num_gate_coordinates_, gate_offset(k - 1) + num_gate_coordinates_});
    }
  }
  for (int p = expert_offset(0); p < num_coordinates_; ++p) {
    sources_.push_back({p, -1});
  }
  const int num_curved = num_experts() * (num_gate_features_ - num_gate_coordinates_);
  MOEST_EXPECT(static_cast<int>(sources_.size()) + num_curved == layout().num_parameters);
}

void MixtureChart::find_regions(double bound) {
  const Region gate_region =
      visit_gate(spec_.gate.kind, [&](auto gate) { return gate.region(spec_.gate, bound); });
  const Region number{Region::Shape::box, bound};
  for (int i = 0; i < num_gates(); ++i) {
    regions_.push_back({gate_offset(i), num_gate_coordinates_, gate_region});
    regions_.push_back({gate_offset(i) + num_gate_coordinates_, 1, number});
  }
  for (int i = 0; i < num_experts(); ++i) {
    regions_.push_back({expert_offset(i), num_expert_parameters_, number});
  }
  if (finds_factor()) {
    regions_.push_back(
        {factor_offset(),
         1,
         {Region::Shape::box, 1 / PlainGate::kLeastTemperature, 1 / PlainGate::kMostTemperature}});
  }
  const bool slopes_shift = slopes_are_relative() && gate_region.shape != Region::Shape::sphere;
  const int end = biases_are_relative() ? num_gate_coordinates_ + 1 : 0;
  for (const Softmax& softmax : softmaxes_) {
    for (int j = slopes_shift ? 0 : num_gate_coordinates_; j < end; ++j) {
      std::vector<int>& places = shift_gauges_.emplace_back();
      for (int i = softmax.first; i < softmax.last; ++i) {
        places.push_back(gate_offset(i) + j);
      }
    }
  }
}

int MixtureChart::expert_offset(int expert) const {
  return gate_offset(num_gates()) + expert * num_expert_parameters_;
}

// The gates as columns (v_i, b_i).
Eigen::MatrixXd MixtureChart::gates(const Eigen::VectorXd& theta) const {
  return Eigen::Map<const Eigen::MatrixXd>(theta.data(), num_gate_coordinates_ + 1, num_gates());
}

Eigen::VectorXd MixtureChart::kernel_parameters(const Eigen::VectorXd& theta) const {
  Eigen::VectorXd v;
  to_kernel(theta, v);
  return v;
}

void MixtureChart::to_kernel(const Eigen::VectorXd& theta, Eigen::VectorXd& v) const {
  MOEST_EXPECT(theta.size() == num_coordinates_);
  v.resize(layout().num_parameters);
  const Eigen::Index first = layout().num_parameters - static_cast<Eigen::Index>(sources_.size());
  for (std::size_t p = 0; p < sources_.size(); ++p) {
    const auto [plus, minus] = sources_[p];
    v[first + static_cast<Eigen::Index>(p)] = minus < 0 ? theta[plus] : theta[plus] - theta[minus];
  }
  for (int i = 0; is_curved() && i < num_experts(); ++i) {
    const auto gate = theta.segment(gate_offset(i), num_gate_coordinates_);
    const std::vector<double> slopes = gate_slopes<double>(spec_, {gate.begin(), gate.end()});
    std::copy(slopes.begin(), slopes.end(), v.begin() + layout().gates[static_cast<std::size_t>(i)].offset);
  }
}

Eigen::VectorXd MixtureChart::kernel_direction(const Eigen::VectorXd& theta,
                                               const Eigen::VectorXd& direction) const {
  Eigen::VectorXd v;
  to_kernel(direction, v);  // linear but for the slopes of a curved chart
  visit_gate(spec_.gate.kind, [&](auto gate) {
    if constexpr (decltype(gate)::kIsCurved) {
      for (int i = 0; i < num_experts(); ++i) {
        const auto at = theta.segment(gate_offset(i), num_gate_coordinates_);
        v.segment(layout().gates[static_cast<std::size_t>(i)].offset, num_gate_features_) =
            gate.slope_jacobian(at) * direction.segment(gate_offset(i), num_gate_coordinates_);
      }
    }
  });
  return v;
}

void MixtureChart::pull_back(const Eigen::VectorXd& in_v, Eigen::VectorXd& in_theta) const {
  in_theta.setZero(num_coordinates_);
  for (Eigen::Index p = 0; p < in_v.size(); ++p) {
    const auto [plus, minus] = sources_[static_cast<std::size_t>(p)];
    in_theta[plus] += in_v[p];
    if (minus >= 0) {
      in_theta[minus] -= in_v[p];
    }
  }
}

void MixtureChart::pull_back(const Eigen::VectorXd& theta, Curvature curvature, const NormalEquations& in_v,
                             NormalEquations& in_theta) const {
  if (is_curved()) {
    subtract(straightened(theta, curvature, in_v), in_theta);
  } else {
    subtract(in_v, in_theta);
  }
}

// With omega_i in place of v_i: the columns of each gate times dv_i/domega_i.
NormalEquations MixtureChart::straightened(const Eigen::VectorXd& theta, Curvature curvature,
                                           const NormalEquations& in_v) const {
  return visit_gate(spec_.gate.kind, [&](auto gate) {
    NormalEquations result{in_v.objective, {}, {}, {}};
    if constexpr (decltype(gate)::kIsCurved) {
      const Eigen::Index wide = num_gate_features_;
      const Eigen::Index narrow = num_gate_coordinates_;
      const auto size = static_cast<Eigen::Index>(sources_.size());
      const Eigen::Index rest = size - num_experts() * narrow;
      std::vector<Eigen::MatrixXd> jacobians;
      jacobians.reserve(static_cast<std::size_t>(num_experts()));
      for (int i = 0; i < num_experts(); ++i) {
        jacobians.push_back(gate.slope_jacobian(theta.segment(gate_offset(i), narrow)));
      }
      // in = (in of v_1 .. v_k, rest) -> (in of omega_1 .. omega_k, rest).
      const auto contract = [&](const Eigen::MatrixXd& rows, const auto& map) {
        Eigen::MatrixXd out(size, rows.cols());
        for (int i = 0; i < num_experts(); ++i) {
          out.middleRows(i * narrow, narrow).noalias() =
              map(jacobians[static_cast<std::size_t>(i)]).transpose() * rows.middleRows(i * wide, wide);
        }
        out.bottomRows(rest) = rows.bottomRows(rest);
        return out;
      };
      const auto jacobian = [](const Eigen::MatrixXd& matrix) { return matrix; };
      // (sum_p c_p u_p)^2 <= 2 sum_p (c_p u_p)^2: a column has two entries.
      const auto twice_squares = [](const Eigen::MatrixXd& matrix) -> Eigen::MatrixXd {
        return 2 * matrix.cwiseAbs2();
      };
      result.gradient = contract(in_v.gradient, jacobian);
      result.gram = contract(contract(in_v.gram, jacobian).transpose(), jacobian);
      if (curvature == Curvature::gauss_newton) {
        result.diagonal = result.gram.diagonal();
        return result;
      }
      result.diagonal = contract(in_v.diagonal, twice_squares);
      for (int i = 0; i < num_experts(); ++i) {
        result.gram.block(i * narrow, i * narrow, narrow, narrow) -=
            gate.slope_curvature(in_v.gradient.segment(i * wide, wide));
      }
    }
    return result;
  });
}

void MixtureChart::subtract(const NormalEquations& in_v, NormalEquations& in_theta) const {
  in_theta.objective = in_v.objective;
  pull_back(in_v.gradient, in_theta.gradient);
  in_theta.diagonal.setZero(num_coordinates_);
  in_theta.gram.setZero(num_coordinates_, num_coordinates_);
  for (Eigen::Index q = 0; q < in_v.gram.cols(); ++q) {
    const auto [column, minus_column] = sources_[static_cast<std::size_t>(q)];
    in_theta.diagonal[column] += in_v.diagonal[q];
    if (minus_column >= 0) {
      in_theta.diagonal[minus_column] += in_v.diagonal[q];
    }
    for (Eigen::Index p = 0; p < in_v.gram.rows(); ++p) {
      const auto [row, minus_row] = sources_[static_cast<std::size_t>(p)];
      const double entry = in_v.gram(p, q);
      in_theta.gram(row, column) += entry;
      if (minus_row >= 0) {
        in_theta.gram(minus_row, column) -= entry;
      }
      if (minus_column >= 0) {
        in_theta.gram(row, minus_column) -= entry;
        if (minus_row >= 0) {
          in_theta.gram(minus_row, minus_column) += entry;
        }
      }
    }
  }
}

Eigen::VectorXd MixtureChart::coordinates(const Measure& measure) const {
  const Measure in_chart = measure_in_chart(spec_, measure);
  std::vector<Atom> all = in_chart.atoms;
  all.insert(all.end(), in_chart.groups.begin(), in_chart.groups.end());
  MOEST_EXPECT(static_cast<int>(all.size()) == num_gates());
  Eigen::MatrixXd gates(num_gate_coordinates_ + 1, num_gates());
  for (int i = 0; i < num_gates(); ++i) {
    const Atom& atom = all[static_cast<std::size_t>(i)];
    gates.col(i) << Eigen::Map<const Eigen::VectorXd>(atom.gate.data(), num_gate_coordinates_), atom.bias;
  }
  for (const Softmax& softmax : softmaxes_) {
    auto own = gates.middleCols(softmax.first, softmax.last - softmax.first);
    if (slopes_are_relative()) {
      auto slopes = own.topRows(num_gate_coordinates_);
      slopes.colwise() -= region_centre(regions_[0].region.shape, slopes);
    }
    if (biases_are_relative()) {
      own.bottomRows(1).colwise() -= region_centre(Region::Shape::box, own.bottomRows(1));
    }
  }
  Eigen::VectorXd theta(num_coordinates_);
  theta.head(gates.size()) = gates.reshaped();
  for (int i = 0; i < num_experts(); ++i) {
    theta.segment(expert_offset(i), num_expert_parameters_) = Eigen::Map<const Eigen::VectorXd>(
        measure.atoms[static_cast<std::size_t>(i)].expert.data(), num_expert_parameters_);
  }
  if (finds_factor()) {
    theta[factor_offset()] = 1 / spec_.gate.temperature.value;
  }
  make_feasible(theta);
  return theta;
}

Eigen::MatrixXd MixtureChart::section(const Eigen::VectorXd& theta) const {
  MOEST_EXPECT(theta.size() == num_coordinates_);
  Eigen::MatrixXd gates = this->gates(theta);
  for (const Softmax& softmax : softmaxes_) {
    auto own = gates.middleCols(softmax.first, softmax.last - softmax.first);
    if (biases_are_relative()) {
      own.bottomRows(1).array() -= gates(num_gate_coordinates_, softmax.last - 1);
    }
    if (slopes_are_relative()) {
      auto slopes = own.topRows(num_gate_coordinates_);
      slopes.colwise() -= visit_gate(spec_.gate.kind,
                                     [&](auto gate) { return Eigen::VectorXd(gate.section_origin(slopes)); });
    }
  }
  return gates;
}

GateSpec MixtureChart::gate_of(const Eigen::VectorXd& theta) const {
  GateSpec result = spec_.gate;
  visit_gate(spec_.gate.kind, [&](auto gate) {
    if constexpr (decltype(gate)::kCanLearnTemperature) {
      result.temperature.learned = learns_temperature(spec_.gate);
      if (*result.temperature.learned) {
        result.temperature.value =
            finds_factor()
                ? 1 / theta[factor_offset()]
                : gate.section_temperature(spec_.gate, section(theta).topRows(num_gate_coordinates_));
      }
    }
  });
  return result;
}

Measure MixtureChart::measure(const Eigen::VectorXd& theta) const {
  const Eigen::MatrixXd gates = section(theta);
  MixtureSpec spec = spec_;
  spec.gate = gate_of(theta);
  Measure measure;
  for (int i = 0; i < num_gates(); ++i) {
    const auto gate = gates.col(i).head(num_gate_coordinates_);
    Atom atom{gates(num_gate_coordinates_, i), {gate.begin(), gate.end()}, {}};
    if (i < num_experts()) {
      const auto expert = theta.segment(expert_offset(i), num_expert_parameters_);
      atom.expert.assign(expert.begin(), expert.end());
    }
    (i < num_experts() ? measure.atoms : measure.groups).push_back(atom_from_chart(spec, atom));
  }
  return measure;
}

void MixtureChart::set_parameters(const Eigen::VectorXd& theta, Model& model) const {
  Measure measure = this->measure(theta);
  model.spec.gate = gate_of(theta);
  model.atoms = std::move(measure.atoms);
  model.groups = std::move(measure.groups);
}

Eigen::VectorXd MixtureChart::rearranged(const MixtureChart& from, const Eigen::VectorXd& theta,
                                         const Arrangement& arrangement) const {
  const auto& [atoms, groups] = arrangement;
  MOEST_EXPECT(theta.size() == from.num_coordinates_);
  MOEST_EXPECT(static_cast<int>(atoms.size()) == num_experts());
  MOEST_EXPECT(static_cast<int>(atoms.size() + groups.size()) == num_gates());
  Eigen::VectorXd result(num_coordinates_);
  const auto copy_gate = [&](int source, int gate) {
    result.segment(gate_offset(gate), num_gate_coordinates_ + 1) =
        theta.segment(from.gate_offset(source), num_gate_coordinates_ + 1);
  };
  int gate = 0;
  for (const int atom : atoms) {
    copy_gate(atom, gate);
    result.segment(expert_offset(gate), num_expert_parameters_) =
        theta.segment(from.expert_offset(atom), num_expert_parameters_);
    ++gate;
  }
  for (const int group : groups) {
    copy_gate(from.num_experts() + group, gate++);
  }
  if (finds_factor()) {
    result[factor_offset()] = theta[from.factor_offset()];
  }
  return result;
}

SampleBlocks MixtureChart::blocks(const Eigen::MatrixXd& inputs) const {
  MOEST_EXPECT(inputs.cols() == spec_.num_inputs);
  const int first_input = gate_sees_inputs(spec_.gate) ? 0 : num_gate_features_;
  SampleBlocks blocks(inputs.rows(), first_input + spec_.num_inputs, spec_.num_outputs);
  for (int j = 0; j < spec_.num_inputs; ++j) {
    blocks.set_feature(first_input + j, inputs.col(j));
  }
  if (first_input > 0) {
    Eigen::MatrixXd features(inputs.rows(), num_gate_features_);
    Eigen::VectorXd x(inputs.cols());
    for (Eigen::Index row = 0; row < inputs.rows(); ++row) {
      x = inputs.row(row).transpose();
      const std::vector<double> z = gate_features<double>(spec_, as_span(x));
      features.row(row) = Eigen::Map<const Eigen::RowVectorXd>(z.data(), num_gate_features_);
    }
    for (int j = 0; j < num_gate_features_; ++j) {
      blocks.set_feature(j, features.col(j));
    }
  }
  return blocks;
}

}  // namespace moest
