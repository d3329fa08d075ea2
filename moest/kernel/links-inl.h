// The bodies of the links, templates over the arithmetic type. links.h includes this text into namespace
// moest, and the SIMD source once more into the namespace of each target: a function keeps the instruction
// set under which it was written. Hence no include guard, and nothing else includes it.

struct IdentityLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    return {t, T(1), T(0)};
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
    const T smaller = decay * larger;
    const T slope = smaller * larger;
    const T value = select(t < T(0), smaller, larger);
    return {value, slope, slope * (T(1) - T(2) * value)};
  }
};

/// The slope has the absolute accuracy of the value's rounding: a neuron saturated beyond |t| = 19 has slope
/// 0.
struct TanhLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    using std::tanh;
    const T value = tanh(t);
    const T slope = (T(1) - value) * (T(1) + value);
    return {value, slope, T(-2) * value * slope};
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
