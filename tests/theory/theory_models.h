// Models for the tests of the theory, and what leaves their functions unchanged.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/model/model.h"

namespace moest {

/// A legal model of k experts with parameters from N(0, 1).
Model random_model(const GateSpec& gate, const ExpertSpec& expert, int num_inputs, int num_experts,
                   Stream& stream, int num_outputs = 1);

GateSpec gate_of(const std::string& kind);
ExpertSpec expert_of(const std::string& kind);

/// The atoms in another order; groups (where there are any) keep theirs.
Model permuted(const Model& model, const std::vector<int>& order);

/// One vector added to the gates of all atoms, and one number to all biases.
Model shifted(Model model, const Eigen::VectorXd& shift, double bias_shift);

/// The largest difference of the two functions at 50 inputs from N(0, 1).
double largest_difference(const Model& a, const Model& b);

/// d = 1, b = 0, omega = (1, -1), linear experts (2, 0.8) and (-1, -0.6): theory with known answers.
Model two_lines(const std::string& expert_kind);

/// Each atom twice, with half its mass, at omega + s and omega - s.
Model doubled(const Model& model, double s);

}  // namespace moest
