#include "moest/theory/expression.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "moest/base/error.h"

namespace moest {

/// Recursive descent; a function for each level of precedence. Depth is bounded, so that no text exhausts the
/// stack.
class ExpressionParser {
 public:
  ExpressionParser(std::string what, Expression& into) : what_(std::move(what)), into_(into) {}

  void parse() {
    sum();
    if (peek() != '\0') {
      fail(fmt::format("'{}' is not expected here", text()[at_]));
    }
  }

 private:
  using Operation = Expression::Operation;
  static constexpr int kMostDepth = 200;

  const std::string& text() const { return into_.text_; }

  [[noreturn]] void fail(const std::string& problem, std::string suggestion = "") const {
    if (suggestion.empty()) {
      suggestion = "Write numbers, names, + - * / ^, parentheses and functions such as tanh(t).";
    }
    throw InputError(fmt::format("{}: {}", what_, problem),
                     fmt::format("character {} of '{}'", at_ + 1, text()), suggestion);
  }

  char peek() {
    while (at_ < text().size() && std::isspace(static_cast<unsigned char>(text()[at_])) != 0) {
      ++at_;
    }
    return at_ < text().size() ? text()[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted) {
      return false;
    }
    ++at_;
    return true;
  }
  void push(Operation operation, double number = 0, std::size_t index = 0) {
    into_.steps_.push_back({operation, number, index});
  }

  void sum() {
    if (++depth_ > kMostDepth) {
      fail("too many levels of parentheses");
    }
    product();
    for (;;) {
      if (take('+')) {
        product();
        push(Operation::add);
      } else if (take('-')) {
        product();
        push(Operation::subtract);
      } else {
        --depth_;
        return;
      }
    }
  }

  void product() {
    sign();
    for (;;) {
      if (take('*')) {
        sign();
        push(Operation::multiply);
      } else if (take('/')) {
        sign();
        push(Operation::divide);
      } else {
        return;
      }
    }
  }

  void sign() {
    bool is_negative = false;
    for (;;) {
      if (take('-')) {
        is_negative = !is_negative;
      } else if (!take('+')) {
        break;
      }
    }
    power();
    if (is_negative) {
      push(Operation::negate);
    }
  }

  void power() {
    primary();
    if (take('^')) {
      push(Operation::power, exponent());
    }
  }

  /// A number with a sign, in parentheses or not; of a^b^c the value of b^c.
  double exponent() {
    const bool is_negative = take('-');
    double value = 0;
    if (take('(')) {
      value = exponent();
      if (!take(')')) {
        fail("the exponent is not a number", "An exponent is a number, as in t^3 or t^(-0.5).");
      }
    } else {
      if (std::isdigit(static_cast<unsigned char>(peek())) == 0 && peek() != '.') {
        fail("the exponent is not a number", "An exponent is a number, as in t^3 or t^(-0.5).");
      }
      value = number();
    }
    if (take('^')) {
      value = std::pow(value, exponent());
    }
    return is_negative ? -value : value;
  }

  double number() {
    double value = 0;
    const char* begin = text().data() + at_;
    const auto [end, error] = std::from_chars(begin, text().data() + text().size(), value);
    if (error != std::errc() || !std::isfinite(value)) {
      fail("this is not a number that can be represented");
    }
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  void primary() {
    const char next = peek();
    if (std::isdigit(static_cast<unsigned char>(next)) != 0 || next == '.') {
      push(Operation::number, number());
    } else if (std::isalpha(static_cast<unsigned char>(next)) != 0 || next == '_') {
      name();
    } else if (take('(')) {
      sum();
      close();
    } else if (next == '\0') {
      fail("the text ends where a number, a name or a parenthesis is expected");
    } else {
      fail(fmt::format("'{}' stands where a number, a name or a parenthesis is expected", next));
    }
  }

  void close() {
    if (!take(')')) {
      fail("a closing parenthesis is missing");
    }
  }

  void name() {
    const std::size_t begin = at_;
    while (at_ < text().size() &&
           (std::isalnum(static_cast<unsigned char>(text()[at_])) != 0 || text()[at_] == '_')) {
      ++at_;
    }
    const std::string word = text().substr(begin, at_ - begin);
    const auto variable = std::ranges::find(into_.names_, word);
    if (variable != into_.names_.end()) {
      push(Operation::variable, 0, static_cast<std::size_t>(variable - into_.names_.begin()));
      return;
    }
    const auto* function = std::ranges::find(Expression::kFunctions, word);
    if (function == Expression::kFunctions.end()) {
      at_ = begin;
      fail(fmt::format("'{}' is no variable and no function", word),
           fmt::format("Variables are {}; functions are {}.", fmt::join(into_.names_, ", "),
                       fmt::join(Expression::kFunctions, ", ")));
    }
    if (!take('(')) {
      fail(fmt::format("the function {} needs an argument in parentheses", word));
    }
    sum();
    close();
    push(Operation::call, 0, static_cast<std::size_t>(function - Expression::kFunctions.begin()));
  }

  std::string what_;
  Expression& into_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

Expression::Expression(std::string what, std::string text, std::vector<std::string> names)
    : text_(std::move(text)), names_(std::move(names)) {
  ExpressionParser(std::move(what), *this).parse();
}

bool Expression::uses(std::size_t variable) const {
  return std::ranges::any_of(steps_, [&](const Step& step) {
    return step.operation == Operation::variable && step.index == variable;
  });
}

bool Expression::has_kink() const {
  return std::ranges::any_of(steps_, [](const Step& step) {
    return step.operation == Operation::call &&
           (kFunctions[step.index] == "abs" || kFunctions[step.index] == "relu");
  });
}

}  // namespace moest
