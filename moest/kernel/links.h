// The closed list of links: scalar functions applied to the affine function of a ridge unit.
#pragma once

#include <cmath>
#include <utility>

namespace moest {

/// r of a gate score or phi of an expert. Each is written once, as a template over an arithmetic type T that
/// has +, -, *, /, comparison with numbers and exp, tanh and abs by argument-dependent lookup.
enum class Link {
  identity,  // t
  sigmoid,   // 1 / (1 + e^-t)
  tanh,      // tanh t
};

/// Value and slope of a link at one point.
template <class T>
struct LinkPoint {
  T value;
  T slope;
};

struct IdentityLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    return {t, T(1)};
  }
};

/// Neither value nor slope overflows or cancels: both come from e^-|t|, so that a slope far in a tail keeps
/// its relative accuracy.
struct SigmoidLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    using std::abs, std::exp;
    const T decay = exp(-abs(t));
    const T larger = T(1) / (T(1) + decay);
    return {t < T(0) ? decay * larger : larger, decay * larger * larger};
  }
};

/// The slope has the absolute accuracy of the value's rounding: a neuron saturated beyond |t| = 19 has slope
/// 0.
struct TanhLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    using std::tanh;
    const T value = tanh(t);
    return {value, (T(1) - value) * (T(1) + value)};
  }
};

/// Calls f with the function object of `link`, so that a loop over samples is compiled once per link.
template <class F>
decltype(auto) visit_link(Link link, F&& f) {
  switch (link) {
    case Link::identity:
      return std::forward<F>(f)(IdentityLink{});
    case Link::sigmoid:
      return std::forward<F>(f)(SigmoidLink{});
    case Link::tanh:
      break;
  }
  return std::forward<F>(f)(TanhLink{});
}

}  // namespace moest
