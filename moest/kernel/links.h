// The closed list of links: scalar functions applied to the affine function of a ridge unit.
#pragma once

#include <cmath>
#include <utility>

namespace moest {

/// r of a gate score or phi of an expert. Each is written once, as a template over an arithmetic type T that
/// has +, -, *, /, < and exp, tanh and abs by argument-dependent lookup; where t < T(0) is no bool but one
/// decision per lane of a vector, also select and any.
enum class Link {
  identity,  // t
  sigmoid,   // 1 / (1 + e^-t)
  tanh,      // tanh t
};

/// A link and its first two derivatives at one point.
template <class T>
struct LinkPoint {
  T value;
  T slope;
  T curvature;
};

template <class T>
T select(bool condition, const T& yes, const T& no) {
  return condition ? yes : no;
}

#include "moest/kernel/links-inl.h"

}  // namespace moest
