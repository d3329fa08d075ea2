// What most gates have in common.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "moest/kernel/layout.h"
#include "moest/kernel/links.h"
#include "moest/model/region.h"
#include "moest/model/specification.h"

namespace moest {

/// A gate with the scores s_i = omega_i . z + b_i over the features z = x, omega_i in the box |omega_ij| <=
/// B, of which the last expert is the reference: the chart is the identity. A gate of the catalogue redefines
/// what is different about it, and adds kInfo.
struct PlainGate {
  static constexpr Combiner kCombiner = Combiner::softmax;
  static constexpr bool kFeaturesAreInputs = false;
  static constexpr bool kScoreIsAffine = false;  // in x, before the link, with slopes omega and constant b
  static constexpr int kMinInputs = 1;
  static constexpr bool kNeedsDirections = false;      // zero has none
  static constexpr bool kCanLearnTemperature = false;  // with section_temperature(spec, v)
  static constexpr bool kLearnsUnlessGiven = false;    // the temperature
  static constexpr bool kBiasIsDivided = false;        // by the temperature
  /// Whether v is a curved function of fewer coordinates, with num_coordinates(d), slopes(coordinates, v) and
  /// the derivatives slope_jacobian() and slope_curvature(). Needs a bias outside the link.
  static constexpr bool kIsCurved = false;
  /// Whether v is omega times a number that all atoms have in common, and not a curved function of omega.
  static constexpr bool kChartIsLinear = true;
  /// The interval of a learned temperature.
  static constexpr double kLeastTemperature = 0.01;
  static constexpr double kMostTemperature = 100;

  /// The link of the scores, and whether it is around omega_i . z alone, the bias and a factor 1 /
  /// temperature outside.
  static Link link(const GateSpec&) { return Link::identity; }
  static bool bias_is_outside(const GateSpec&) { return false; }

  static std::vector<std::string> raw_names(const std::vector<std::string>& inputs) {
    return prefixed("omega_", inputs);
  }
  static int num_features(int num_inputs) { return num_inputs; }
  /// Whether the square of a raw parameter counts twice in a norm: it stands for two entries of a matrix.
  static bool counts_twice(int /*parameter*/, int /*num_inputs*/) { return false; }
  static Region region(const GateSpec&, double bound) { return {Region::Shape::box, bound}; }

  /// z = x.
  template <class T>
  static void features(const GateSpec&, std::span<const T> x, std::span<T> z) {
    std::copy(x.begin(), x.end(), z.begin());
  }
  /// The coordinates of the chart: here v = omega.
  template <class T>
  static void to_chart(const GateSpec&, std::span<const T> raw, std::span<T> v) {
    std::copy(raw.begin(), raw.end(), v.begin());
  }
  template <class T>
  static void to_raw(const GateSpec&, std::span<const T> v, std::span<T> raw) {
    std::copy(v.begin(), v.end(), raw.begin());
  }
  /// The shift to the section: the last expert is the reference, omega_k = 0. Not used where the gate has a
  /// link.
  static Eigen::VectorXd section_origin(const Eigen::MatrixXd& v) { return v.col(v.cols() - 1); }
};

}  // namespace moest
