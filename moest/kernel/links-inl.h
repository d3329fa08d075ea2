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

/// t^p, p >= 2.
template <int kDegree>
struct PowerLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    T power = T(1);  // t^(p - 2)
    for (int i = 2; i < kDegree; ++i) {
      power = power * t;
    }
    return {power * t * t, T(kDegree) * power * t, T(kDegree * (kDegree - 1)) * power};
  }
};

/// t Phi(t), Phi the standard normal distribution function: the exact GELU, not its tanh approximation. The
/// value keeps its relative accuracy in the left tail.
struct GeluLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    const NormalPoint<T> normal = standard_normal(t);
    return {t * normal.cdf, normal.cdf + t * normal.density, normal.density * (T(2) - t * t)};
  }
};

/// t / (1 + e^-t), also known as swish.
struct SiluLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    const LinkPoint<T> gate = SigmoidLink()(t);
    return {t * gate.value, gate.value + t * gate.slope, T(2) * gate.slope + t * gate.curvature};
  }
};

/// log(1 + e^t) = max(t, 0) + log1p(e^-|t|).
struct SoftplusLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    using std::abs, std::exp, std::log1p;
    const LinkPoint<T> slope = SigmoidLink()(t);
    return {select(t < T(0), T(0), t) + log1p(exp(-abs(t))), slope.value, slope.slope};
  }
};

/// log of the sigmoid, -log(1 + e^-t) = min(t, 0) - log1p(e^-|t|): a gate whose weights are proportional to
/// sigmoids.
struct LogSigmoidLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    const LinkPoint<T> mirrored = SoftplusLink()(-t);
    return {-mirrored.value, mirrored.slope, -mirrored.curvature};
  }
};

/// max(t, 0). The slope at the kink is 0, the left one.
struct ReluLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    const auto positive = T(0) < t;
    return {select(positive, t, T(0)), select(positive, T(1), T(0)), T(0)};
  }
};

/// -sqrt(-t), the negative of a distance whose square is -t; a positive t is rounding and counts as 0. So
/// that sums over the samples keep their accuracy, the slope 1 / (2 D) is that of D = 1e-4 where the distance
/// D is smaller, and the curvature there is 0.
struct NegativeDistanceLink {
  template <class T>
  LinkPoint<T> operator()(const T& t) const {
    using std::sqrt;
    const T least = T(1e-4);
    const T distance = sqrt(select(t < T(0), -t, T(0)));
    const auto is_near = distance < least;
    const T slope = T(0.5) / select(is_near, least, distance);
    return {-distance, slope, select(is_near, T(0), T(2) * slope * slope * slope)};
  }
};

/// Calls f with the function object of `link`, so that a loop over samples is compiled once per link.
template <class F>
decltype(auto) visit_link(Link link, F&& f) {
  switch (link) {
    case Link::identity:
      return std::forward<F>(f)(IdentityLink{});
    case Link::square:
      return std::forward<F>(f)(PowerLink<2>{});
    case Link::cube:
      return std::forward<F>(f)(PowerLink<3>{});
    case Link::fourth_power:
      return std::forward<F>(f)(PowerLink<4>{});
    case Link::fifth_power:
      return std::forward<F>(f)(PowerLink<5>{});
    case Link::sixth_power:
      return std::forward<F>(f)(PowerLink<6>{});
    case Link::sigmoid:
      return std::forward<F>(f)(SigmoidLink{});
    case Link::tanh:
      return std::forward<F>(f)(TanhLink{});
    case Link::gelu:
      return std::forward<F>(f)(GeluLink{});
    case Link::silu:
      return std::forward<F>(f)(SiluLink{});
    case Link::softplus:
      return std::forward<F>(f)(SoftplusLink{});
    case Link::log_sigmoid:
      return std::forward<F>(f)(LogSigmoidLink{});
    case Link::relu:
      return std::forward<F>(f)(ReluLink{});
    case Link::negative_distance:
      break;
  }
  return std::forward<F>(f)(NegativeDistanceLink{});
}
