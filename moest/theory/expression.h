// Formulas that users write: parsed once, evaluated in any arithmetic type.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/kernel/links.h"

namespace moest {

/// A formula of named variables: numbers, + - * / ^ with the usual precedence (^ binds tightest, to the
/// right, and its exponent is a constant), parentheses, and the functions of kFunctions.
class Expression {
 public:
  static constexpr std::array<std::string_view, 13> kFunctions{"abs",      "cos",  "exp",     "gelu", "log",
                                                               "log1p",    "relu", "sigmoid", "silu", "sin",
                                                               "softplus", "sqrt", "tanh"};

  /// Reads `text`, in which only `names` stand for variables; `what` names it in messages. Throws InputError
  /// that says at which character the text goes wrong, counted from 1.
  Expression(std::string what, std::string text, std::vector<std::string> names);

  const std::string& text() const { return text_; }
  const std::vector<std::string>& names() const { return names_; }
  /// Whether the variable occurs.
  bool uses(std::size_t variable) const;
  /// Whether a function with a kink occurs (abs, relu), whose sampled derivatives miss what happens there.
  bool has_kink() const;

  /// The value where the variables are `values`, in the order of names().
  template <class T>
  T operator()(std::span<const T> values) const {
    std::vector<T> stack;
    stack.reserve(steps_.size());
    for (const Step& step : steps_) {
      apply(step, values, stack);
    }
    return stack.back();
  }

 private:
  friend class ExpressionParser;

  enum class Operation { number, variable, negate, add, subtract, multiply, divide, power, call };
  /// One step of a calculation with a stack.
  struct Step {
    Operation operation = Operation::number;
    double number = 0;      // of a number, and the exponent of a power
    std::size_t index = 0;  // of a variable, or of a function in kFunctions
  };

  template <class T>
  static T call(std::size_t function, const T& t) {
    using std::abs, std::cos, std::exp, std::log, std::log1p, std::sin, std::sqrt, std::tanh;
    switch (function) {
      case 0:
        return abs(t);
      case 1:
        return cos(t);
      case 2:
        return exp(t);
      case 3:
        return GeluLink()(t).value;
      case 4:
        return log(t);
      case 5:
        return log1p(t);
      case 6:
        return ReluLink()(t).value;
      case 7:
        return SigmoidLink()(t).value;
      case 8:
        return SiluLink()(t).value;
      case 9:
        return sin(t);
      case 10:
        return SoftplusLink()(t).value;
      case 11:
        return sqrt(t);
      default:
        return tanh(t);
    }
  }

  /// t^p: by multiplications where p is a small whole number, else e^(p log t).
  template <class T>
  static T power(const T& t, double exponent) {
    using std::exp, std::log;
    constexpr double kMostFactors = 64;
    if (exponent != std::floor(exponent) || std::abs(exponent) > kMostFactors) {
      return exp(T(exponent) * log(t));
    }
    T product = T(1);
    for (int i = 0; i < static_cast<int>(std::abs(exponent)); ++i) {
      product = product * t;
    }
    return exponent < 0 ? T(1) / product : product;
  }

  template <class T>
  static void apply(const Step& step, std::span<const T> values, std::vector<T>& stack) {
    const auto combine = [&](auto&& operation) {
      const T right = stack.back();
      stack.pop_back();
      stack.back() = operation(stack.back(), right);
    };
    switch (step.operation) {
      case Operation::number:
        stack.push_back(T(step.number));
        break;
      case Operation::variable:
        stack.push_back(values[step.index]);
        break;
      case Operation::negate:
        stack.back() = -stack.back();
        break;
      case Operation::add:
        combine([](const T& a, const T& b) { return T(a + b); });
        break;
      case Operation::subtract:
        combine([](const T& a, const T& b) { return T(a - b); });
        break;
      case Operation::multiply:
        combine([](const T& a, const T& b) { return T(a * b); });
        break;
      case Operation::divide:
        combine([](const T& a, const T& b) { return T(a / b); });
        break;
      case Operation::power:
        stack.back() = power(stack.back(), step.number);
        break;
      case Operation::call:
        stack.back() = call(step.index, stack.back());
        break;
    }
  }

  std::string text_;
  std::vector<std::string> names_;
  std::vector<Step> steps_;
};

}  // namespace moest
