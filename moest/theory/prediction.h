// What a sample of given size can show, before it is drawn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moest/model/simulate.h"
#include "moest/theory/local_functions.h"

namespace moest {

/// The standard error of one number of a truth that a least-squares fit of the exact-specified model will
/// have.
struct PredictedError {
  int atom = 0;  // from 0; -1 for the temperature
  bool is_group = false;
  std::string parameter;
  double standard_error = 0;
};

/// How far atoms of a split cell will be from the true one.
struct PredictedSplit {
  int atom = 0;
  double root_mean_square = 0;  // 0 where the split is not identified at second order
};

struct PredictedErrors {
  std::vector<PredictedError> parameters;
  std::vector<PredictedSplit> splits;
};

/// sigma sqrt(diag((J'J)^+)), J the n-row Jacobian of f by (b_j, theta_j) in reduced coordinates: the
/// pseudo-inverse settles the common shifts by the shortest step. J'J / n is a mean over 4,000 inputs from
/// `inputs`, which are in the truth's (scaled) coordinates. For a cell that one extra atom splits, sqrt(sigma
/// / (c sqrt n)) with c the least m_j |P tr(M D2Phi_j)| in L2 over M >= 0, tr M = 1. Requires n > 0 and noise
/// > 0, one output.
PredictedErrors predicted_errors(const Truth& truth, double n, double noise, const InputDistribution& inputs,
                                 std::uint64_t seed);

/// The smallest singular value of the Jacobian, gauges aside, while two gates merge.
struct MergingPoint {
  double distance = 0;  // s, between the two gates' parameters without biases
  double singular_value = 0;
};
struct Merging {
  std::vector<MergingPoint> points;  // s = 1/2, 1/4, .., 1/128
  double exponent = 0;               // of s, from the last two: 5 for softmax with linear experts, 0 for tanh
};

/// Throws InputError for the same gate twice, a gate that is not there, and gates in groups. Atoms from 0.
void check_mergeable(const MixtureSpec& spec, int first, int second);

/// Moves gate `second` of the truth to distance s from gate `first`, in the direction in which it lies, with
/// all biases and experts as they are. Throws InputError as check_mergeable, and for equal gates.
Merging merge_gates(const Truth& truth, int first, int second, double half_width, std::uint64_t seed);

}  // namespace moest
