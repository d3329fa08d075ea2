// Numbers that carry their derivatives along.
#pragma once

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "moest/kernel/links.h"

namespace moest {

/// A value v with its gradient g by p variables and, kOrder = 2, its packed Hessian H_ij, i >= j: the Taylor
/// expansion of a function of these variables, which every operation below carries on exactly (forward mode
/// automatic differentiation). A constant has no derivatives, whatever p is; two jets that are not constant
/// must have the same p. T is a real type: double, or one of wide.h. Where a function has a kink (abs, relu),
/// the derivatives are those of one side.
template <class T, int kOrder = 2>
class Jet {
  static_assert(kOrder == 1 || kOrder == 2);

 public:
  Jet() : value_(0) {}
  // Implicit, so that constants mix with jets.
  Jet(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  template <class Number>
    requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, T>)
  Jet(Number value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  /// Variable number `index` of `count`.
  static Jet variable(const T& value, int index, int count) {
    Jet jet(value);
    jet.resize(count);
    jet.gradient_[static_cast<std::size_t>(index)] = T(1);
    return jet;
  }

  const T& value() const { return value_; }
  /// The same function with another value: where a difference is known without cancellation.
  Jet with_value(const T& value) const {
    Jet jet = *this;
    jet.value_ = value;
    return jet;
  }
  bool is_constant() const { return gradient_.empty(); }
  int num_variables() const { return static_cast<int>(gradient_.size()); }
  T derivative(int i) const { return is_constant() ? T(0) : gradient_[static_cast<std::size_t>(i)]; }
  T derivative(int i, int j) const
    requires(kOrder == 2)
  {
    return is_constant() ? T(0) : hessian_[packed(std::max(i, j), std::min(i, j))];
  }

  /// phi(this) where phi has the value f and the derivatives f1, f2 at this value.
  Jet chain(const T& f, const T& f1, const T& f2) const {
    Jet jet(f);
    if (is_constant()) {
      return jet;
    }
    jet.resize(num_variables());
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      jet.gradient_[i] = f1 * gradient_[i];
    }
    if constexpr (kOrder == 2) {
      for (std::size_t i = 0, at = 0; i < gradient_.size(); ++i) {
        const T f2_g = f2 * gradient_[i];
        for (std::size_t j = 0; j <= i; ++j, ++at) {
          jet.hessian_[at] = f1 * hessian_[at] + f2_g * gradient_[j];
        }
      }
    }
    return jet;
  }

  Jet operator-() const { return scaled(T(-1)); }
  friend Jet operator+(const Jet& a, const Jet& b) { return a.plus(b, T(1)); }
  friend Jet operator-(const Jet& a, const Jet& b) { return a.plus(b, T(-1)); }
  friend Jet operator*(const Jet& a, const Jet& b) {
    if (a.is_constant()) {
      return b.scaled(a.value_);
    }
    return b.is_constant() ? a.scaled(b.value_) : a.times(b);
  }
  friend Jet operator/(const Jet& a, const Jet& b) {
    const T inverse = T(1) / b.value_;
    return a * b.chain(inverse, -inverse * inverse, T(2) * inverse * inverse * inverse);
  }
  Jet& operator+=(const Jet& other) { return *this = *this + other; }

  friend bool operator<(const Jet& a, const Jet& b) { return a.value_ < b.value_; }

 private:
  static std::size_t packed(int i, int j) {
    const auto row = static_cast<std::size_t>(i);
    return row * (row + 1) / 2 + static_cast<std::size_t>(j);
  }
  void resize(int count) {
    gradient_.assign(static_cast<std::size_t>(count), T(0));
    if (kOrder == 2) {
      hessian_.assign(packed(count, 0), T(0));
    }
  }
  Jet scaled(const T& factor) const { return chain(factor * value_, factor, T(0)); }
  Jet plus(const Jet& other, const T& sign) const {
    if (other.is_constant()) {
      return with_value(value_ + sign * other.value_);
    }
    Jet jet = other.scaled(sign);
    jet.value_ += value_;
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      jet.gradient_[i] += gradient_[i];
    }
    for (std::size_t i = 0; i < hessian_.size(); ++i) {
      jet.hessian_[i] += hessian_[i];
    }
    return jet;
  }
  Jet times(const Jet& other) const {
    Jet jet(value_ * other.value_);
    jet.resize(num_variables());
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      jet.gradient_[i] = value_ * other.gradient_[i] + other.value_ * gradient_[i];
    }
    if constexpr (kOrder == 2) {
      for (std::size_t i = 0, at = 0; i < gradient_.size(); ++i) {
        for (std::size_t j = 0; j <= i; ++j, ++at) {
          jet.hessian_[at] = value_ * other.hessian_[at] + other.value_ * hessian_[at] +
                             gradient_[i] * other.gradient_[j] + gradient_[j] * other.gradient_[i];
        }
      }
    }
    return jet;
  }

  T value_;
  std::vector<T> gradient_;
  std::vector<T> hessian_;
};

template <class T, int kOrder>
Jet<T, kOrder> exp(const Jet<T, kOrder>& x) {
  using std::exp;
  const T value = exp(x.value());
  return x.chain(value, value, value);
}

template <class T, int kOrder>
Jet<T, kOrder> log(const Jet<T, kOrder>& x) {
  using std::log;
  const T inverse = T(1) / x.value();
  return x.chain(log(x.value()), inverse, -inverse * inverse);
}

template <class T, int kOrder>
Jet<T, kOrder> log1p(const Jet<T, kOrder>& x) {
  using std::log1p;
  const T inverse = T(1) / (T(1) + x.value());
  return x.chain(log1p(x.value()), inverse, -inverse * inverse);
}

template <class T, int kOrder>
Jet<T, kOrder> sqrt(const Jet<T, kOrder>& x) {
  using std::sqrt;
  const T root = sqrt(x.value());
  const T slope = T(1) / (root + root);
  return x.chain(root, slope, -slope / (x.value() + x.value()));
}

template <class T, int kOrder>
Jet<T, kOrder> tanh(const Jet<T, kOrder>& x) {
  using std::tanh;
  const T value = tanh(x.value());
  const T slope = (T(1) - value) * (T(1) + value);
  return x.chain(value, slope, T(-2) * value * slope);
}

template <class T, int kOrder>
Jet<T, kOrder> sin(const Jet<T, kOrder>& x) {
  using std::cos, std::sin;
  const T value = sin(x.value());
  return x.chain(value, cos(x.value()), -value);
}

template <class T, int kOrder>
Jet<T, kOrder> cos(const Jet<T, kOrder>& x) {
  using std::cos, std::sin;
  const T value = cos(x.value());
  return x.chain(value, -sin(x.value()), -value);
}

template <class T, int kOrder>
Jet<T, kOrder> abs(const Jet<T, kOrder>& x) {
  return x.value() < T(0) ? -x : x;
}

/// The standard normal law, in the precision of T.
template <class T, int kOrder>
NormalPoint<Jet<T, kOrder>> standard_normal(const Jet<T, kOrder>& x) {
  using std::exp, std::sqrt;
  const T& t = x.value();
  const T density = exp(-t * t / T(2)) / sqrt(T(2) * boost::math::constants::pi<T>());
  const T cdf = boost::math::erfc(T(-t / sqrt(T(2)))) / T(2);
  return {x.chain(cdf, density, -t * density), x.chain(density, -t * density, (t * t - T(1)) * density)};
}

}  // namespace moest
