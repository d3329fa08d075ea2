// The closed list of links: scalar functions applied to the affine function of a ridge unit.
#pragma once

#include <cmath>
#include <utility>

namespace moest {

/// r of a gate score or phi of an expert. Each is written once, as a template over an arithmetic type T that
/// has +, -, *, /, < and exp, log1p, tanh, sqrt, abs and standard_normal by argument-dependent lookup; where
/// t < T(0) is no bool but one decision per lane of a vector, also select and any.
enum class Link {
  identity,           // t
  square,             // t^2
  cube,               // t^3
  fourth_power,       // t^4
  fifth_power,        // t^5
  sixth_power,        // t^6
  sigmoid,            // 1 / (1 + e^-t)
  tanh,               // tanh t
  gelu,               // t Phi(t)
  silu,               // t / (1 + e^-t)
  softplus,           // log(1 + e^t)
  log_sigmoid,        // -log(1 + e^-t)
  relu,               // max(t, 0)
  negative_distance,  // -sqrt(-t), t <= 0
};

/// A link and its first two derivatives at one point.
template <class T>
struct LinkPoint {
  T value;
  T slope;
  T curvature;
};

/// Distribution function and density of the standard normal law at one point.
template <class T>
struct NormalPoint {
  T cdf;
  T density;
};

template <class T>
NormalPoint<T> standard_normal(const T& t) {
  using std::erfc, std::exp, std::sqrt;
  const T pi = T(3.141592653589793238462643383279502884L);
  return {erfc(-t / sqrt(T(2))) / T(2), exp(-t * t / T(2)) / sqrt(T(2) * pi)};
}

template <class T>
T select(bool condition, const T& yes, const T& no) {
  return condition ? yes : no;
}

#include "moest/kernel/links-inl.h"

}  // namespace moest
