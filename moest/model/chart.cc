#include "moest/model/chart.h"

#include "moest/base/error.h"
#include "moest/model/catalogue.h"

namespace moest {
namespace {

MixtureLayout make_layout(const MixtureSpec& spec, int num_gate_features, int num_expert_parameters) {
  const ExpertKind& expert = expert_kind(spec.expert.kind);
  const bool shared = gate_sees_inputs(spec.gate) && spec.expert.bias && expert.uses_inputs;
  const int first_input = gate_sees_inputs(spec.gate) ? 0 : num_gate_features;
  const Link link_of_gates = gate_link(spec.gate);
  // v_i - v_k is a score only without a link.
  const int num_gates = link_of_gates == Link::identity ? spec.num_experts - 1 : spec.num_experts;

  MixtureLayout layout;
  layout.combiner = gate_combiner(spec.gate);
  layout.kept = spec.gate.top_k;
  layout.feature_sets = {{0, num_gate_features, true},
                         {first_input, expert.uses_inputs ? spec.num_inputs : 0, spec.expert.bias},
                         {0, 0, true}};
  layout.constant_set = 2;
  int offset = 0;
  for (int i = 0; i < num_gates; ++i, offset += num_gate_features + 1) {
    layout.gates.push_back({0, offset, link_of_gates});
  }
  for (int i = 0; i < spec.num_experts; ++i, offset += num_expert_parameters) {
    ExpertUnits units{{shared ? 0 : 1, offset, expert_shape(spec.expert).link}, -1, -1};
    int next = offset + layout.feature_sets[1].size();
    units.weight = spec.expert.output_weight ? next++ : -1;
    units.shift = spec.expert.output_offset ? next : -1;
    layout.experts.push_back(units);
  }
  layout.num_parameters = offset;
  return layout;
}

std::span<const double> as_span(const Eigen::Ref<const Eigen::VectorXd>& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

}  // namespace

MixtureChart::MixtureChart(const MixtureSpec& spec, double bound) : spec_(spec) {
  check(spec);
  MOEST_EXPECT(bound > 0);
  num_gate_features_ =
      visit_gate(spec.gate.kind, [&](auto gate) { return gate.num_features(spec.num_inputs); });
  num_expert_parameters_ = moest::num_expert_parameters(spec);
  layout_ = make_layout(spec, num_gate_features_, num_expert_parameters_);
  const Region gate_region =
      visit_gate(spec.gate.kind, [&](auto gate) { return gate.region(spec.gate, bound); });
  const Region number{Region::Shape::box, bound};
  for (int i = 0; i < num_experts(); ++i) {
    regions_.push_back({gate_offset(i), num_gate_features_, gate_region});
    regions_.push_back({gate_offset(i) + num_gate_features_, 1, number});
  }
  for (int i = 0; i < num_experts(); ++i) {
    regions_.push_back({expert_offset(i), num_expert_parameters_, number});
  }
  num_coordinates_ = expert_offset(num_experts());
  if (!is_anchored()) {
    return;
  }
  const bool slopes_shift = gate_region.shape != Region::Shape::sphere;
  for (int j = slopes_shift ? 0 : num_gate_features_; j <= num_gate_features_; ++j) {
    std::vector<int>& places = shift_gauges_.emplace_back();
    for (int i = 0; i < num_experts(); ++i) {
      places.push_back(gate_offset(i) + j);
    }
  }
}

bool MixtureChart::is_anchored() const { return layout_.gates.size() < layout_.experts.size(); }

int MixtureChart::expert_offset(int expert) const {
  return gate_offset(num_experts()) + expert * num_expert_parameters_;
}

// The gates as columns (v_i, b_i).
Eigen::MatrixXd MixtureChart::gates(const Eigen::VectorXd& theta) const {
  return Eigen::Map<const Eigen::MatrixXd>(theta.data(), num_gate_features_ + 1, num_experts());
}

Eigen::VectorXd MixtureChart::kernel_parameters(const Eigen::VectorXd& theta) const {
  Eigen::VectorXd v;
  to_kernel(theta, v);
  return v;
}

void MixtureChart::to_kernel(const Eigen::VectorXd& theta, Eigen::VectorXd& v) const {
  MOEST_EXPECT(theta.size() == num_coordinates_);
  if (!is_anchored()) {
    v = theta;
    return;
  }
  const int size = num_gate_features_ + 1;
  const int anchor = gate_offset(num_experts() - 1);
  v.resize(layout_.num_parameters);
  for (int i = 0; i + 1 < num_experts(); ++i) {
    v.segment(gate_offset(i), size) = theta.segment(gate_offset(i), size) - theta.segment(anchor, size);
  }
  v.tail(v.size() - anchor) = theta.tail(v.size() - anchor);
}

// dv/dtheta is the identity, but for the rows -1 of the anchored gate's coordinates.
void MixtureChart::pull_back(const Eigen::VectorXd& in_v, Eigen::VectorXd& in_theta) const {
  if (!is_anchored()) {
    in_theta = in_v;
    return;
  }
  const int size = num_gate_features_ + 1;
  const int anchor = gate_offset(num_experts() - 1);
  const int num_rest = num_coordinates_ - anchor - size;
  in_theta.resize(num_coordinates_);
  in_theta.head(anchor) = in_v.head(anchor);
  in_theta.tail(num_rest) = in_v.tail(num_rest);
  in_theta.segment(anchor, size).setZero();
  for (int i = 0; i + 1 < num_experts(); ++i) {
    in_theta.segment(anchor, size) -= in_v.segment(gate_offset(i), size);
  }
}

void MixtureChart::pull_back(const NormalEquations& in_v, NormalEquations& in_theta) const {
  if (!is_anchored()) {
    in_theta = in_v;
    return;
  }
  const int size = num_gate_features_ + 1;
  const int anchor = gate_offset(num_experts() - 1);
  const int num_rest = num_coordinates_ - anchor - size;
  in_theta.rss = in_v.rss;
  pull_back(in_v.gradient, in_theta.gradient);
  pull_back(in_v.diagonal, in_theta.diagonal);
  in_theta.diagonal.segment(anchor, size) *= -1;

  Eigen::MatrixXd& gram = in_theta.gram;
  gram.setZero(num_coordinates_, num_coordinates_);
  gram.topLeftCorner(anchor, anchor) = in_v.gram.topLeftCorner(anchor, anchor);
  gram.topRightCorner(anchor, num_rest) = in_v.gram.topRightCorner(anchor, num_rest);
  gram.bottomRightCorner(num_rest, num_rest) = in_v.gram.bottomRightCorner(num_rest, num_rest);
  gram.bottomLeftCorner(num_rest, anchor) = gram.topRightCorner(anchor, num_rest).transpose();
  for (int i = 0; i + 1 < num_experts(); ++i) {
    gram.middleRows(anchor, size) -= gram.middleRows(gate_offset(i), size);
  }
  for (int i = 0; i + 1 < num_experts(); ++i) {
    gram.middleCols(anchor, size) -= gram.middleCols(gate_offset(i), size);
  }
}

Eigen::VectorXd MixtureChart::coordinates(const std::vector<Atom>& atoms) const {
  MOEST_EXPECT(static_cast<int>(atoms.size()) == num_experts());
  Eigen::MatrixXd gates(num_gate_features_, num_experts());
  Eigen::MatrixXd biases(1, num_experts());
  for (int i = 0; i < num_experts(); ++i) {
    const Atom atom = atom_in_chart(spec_, atoms[static_cast<std::size_t>(i)]);
    gates.col(i) = Eigen::Map<const Eigen::VectorXd>(atom.gate.data(), num_gate_features_);
    biases(0, i) = atom.bias;
  }
  if (is_anchored()) {
    gates.colwise() -= region_centre(regions_[0].region.shape, gates);
    biases.colwise() -= region_centre(Region::Shape::box, biases);
  }
  Eigen::VectorXd theta(num_coordinates_);
  for (int i = 0; i < num_experts(); ++i) {
    theta.segment(gate_offset(i), num_gate_features_) = gates.col(i);
    theta[gate_offset(i) + num_gate_features_] = biases(0, i);
    theta.segment(expert_offset(i), num_expert_parameters_) = Eigen::Map<const Eigen::VectorXd>(
        atoms[static_cast<std::size_t>(i)].expert.data(), num_expert_parameters_);
  }
  for (const RegionBlock& block : regions_) {
    project(block.region, theta.segment(block.offset, block.size));
  }
  return theta;
}

Eigen::MatrixXd MixtureChart::section(const Eigen::VectorXd& theta) const {
  MOEST_EXPECT(theta.size() == num_coordinates_);
  Eigen::MatrixXd gates = this->gates(theta);
  if (!is_anchored()) {
    return gates;
  }
  gates.row(num_gate_features_).array() -= gates(num_gate_features_, num_experts() - 1);
  gates.topRows(num_gate_features_).colwise() -= visit_gate(spec_.gate.kind, [&](auto gate) {
    return Eigen::VectorXd(gate.section_origin(gates.topRows(num_gate_features_)));
  });
  return gates;
}

GateSpec MixtureChart::gate_of(const Eigen::VectorXd& theta) const {
  GateSpec result = spec_.gate;
  visit_gate(spec_.gate.kind, [&](auto gate) {
    if constexpr (decltype(gate)::kCanLearnTemperature) {
      result.temperature.learned = learns_temperature(spec_.gate);
      if (*result.temperature.learned) {
        result.temperature.value =
            gate.section_temperature(spec_.gate, section(theta).topRows(num_gate_features_));
      }
    }
  });
  return result;
}

std::vector<Atom> MixtureChart::atoms(const Eigen::VectorXd& theta) const {
  const Eigen::MatrixXd gates = section(theta);
  MixtureSpec spec = spec_;
  spec.gate = gate_of(theta);
  std::vector<Atom> atoms;
  for (int i = 0; i < num_experts(); ++i) {
    const auto gate = gates.col(i).head(num_gate_features_);
    const auto expert = theta.segment(expert_offset(i), num_expert_parameters_);
    atoms.push_back(atom_from_chart<double>(
        spec, {gates(num_gate_features_, i), {gate.begin(), gate.end()}, {expert.begin(), expert.end()}}));
  }
  return atoms;
}

SampleBlocks MixtureChart::blocks(const Eigen::MatrixXd& inputs) const {
  MOEST_EXPECT(inputs.cols() == spec_.num_inputs);
  const int first_input = gate_sees_inputs(spec_.gate) ? 0 : num_gate_features_;
  SampleBlocks blocks(inputs.rows(), first_input + spec_.num_inputs);
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
