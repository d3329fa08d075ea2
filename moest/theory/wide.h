// Arithmetic wider than double, in two precisions.
#pragma once

#include <Eigen/Core>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <limits>

namespace moest {

/// 50 decimal digits, in which the analysis runs, and 36, a little more than quadruple precision, which
/// confirm its ranks. In double a null direction and one that is merely small cannot be told apart: relative
/// singular values of the functions that are compared go down to 1e-17.
using Wide =
    boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>, boost::multiprecision::et_off>;
using Quad =
    boost::multiprecision::number<boost::multiprecision::cpp_bin_float<36>, boost::multiprecision::et_off>;

template <class T>
using DenseMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using DenseVector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// What Eigen wants to know of such a type. (Boost 1.74's own header lacks what Eigen 3.4 asks for.)
template <class T>
struct WideTraits : Eigen::GenericNumTraits<T> {
  // NOLINTBEGIN(readability-identifier-naming): Eigen's names
  enum {
    IsComplex = 0,
    IsInteger = 0,
    IsSigned = 1,
    RequireInitialization = 1,
    ReadCost = 1,
    AddCost = 30,
    MulCost = 40,
  };
  using Real = T;
  using NonInteger = T;
  using Nested = T;
  using Literal = double;

  static T epsilon() { return std::numeric_limits<T>::epsilon(); }
  static T dummy_precision() { return T(1000) * epsilon(); }
  static T highest() { return (std::numeric_limits<T>::max)(); }
  static T lowest() { return (std::numeric_limits<T>::lowest)(); }
  static T infinity() { return std::numeric_limits<T>::infinity(); }
  static T quiet_NaN() { return std::numeric_limits<T>::quiet_NaN(); }
  // NOLINTEND(readability-identifier-naming)
  static int digits10() { return std::numeric_limits<T>::digits10; }
};

}  // namespace moest

template <>
struct Eigen::NumTraits<moest::Wide> : moest::WideTraits<moest::Wide> {};
template <>
struct Eigen::NumTraits<moest::Quad> : moest::WideTraits<moest::Quad> {};
