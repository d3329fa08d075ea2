#include "moest/theory/expression.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

using testing::HasSubstr;

double value(const std::string& text) {
  const std::vector<double> variables{2, 3};
  return Expression("test", text, {"a", "b1"})(std::span<const double>(variables));
}

TEST(Expression, HasTheUsualPrecedence) {
  EXPECT_EQ(value("1 + 2*3"), 7);
  EXPECT_EQ(value("(1 + 2)*3"), 9);
  EXPECT_EQ(value("10 - 4 - 3"), 3);
  EXPECT_EQ(value("12/2/3"), 2);
  EXPECT_EQ(value("-a^2"), -4);
  EXPECT_EQ(value("a^3^2"), 512);
  EXPECT_EQ(value("a^-1 * b1"), 1.5);
  EXPECT_EQ(value("2 * -b1"), -6);
  EXPECT_EQ(value("--a"), 2);
  EXPECT_EQ(value("1.5e1*.2"), 3);
  EXPECT_DOUBLE_EQ(value("a^0.5"), std::sqrt(2.0));
}

TEST(Expression, KnowsItsFunctions) {
  EXPECT_EQ(value("tanh(a) + relu(-b1)"), std::tanh(2.0));
  EXPECT_EQ(value("log(exp(a))"), 2);
  EXPECT_TRUE(Expression("e", "abs(a)", {"a"}).has_kink());
  EXPECT_FALSE(Expression("e", "tanh(a)", {"a"}).has_kink());
  EXPECT_FALSE(Expression("e", "tanh(a)", {"a", "b"}).uses(1));
}

void expect_refusal(const std::string& text, const std::string& problem, int character) {
  try {
    value(text);
    ADD_FAILURE() << text << " was accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr(problem)) << text;
    EXPECT_THAT(error.what(), HasSubstr("character " + std::to_string(character) + " of")) << text;
  }
}

TEST(Expression, PointsAtTheCharacterThatIsWrong) {
  expect_refusal("a + ", "ends where", 5);
  expect_refusal("a + * b1", "'*' stands where", 5);
  expect_refusal("c*a", "'c' is no variable", 1);
  expect_refusal("a b1", "'b' is not expected", 3);
  expect_refusal("tanh(a", "closing parenthesis", 7);
  expect_refusal("tanh a", "needs an argument", 6);
  expect_refusal("a^b1", "exponent is not a number", 3);
  expect_refusal("", "ends where", 1);
  expect_refusal("1e999", "not a number", 1);
  expect_refusal(std::string(1000, '('), "too many levels", 201);
}

}  // namespace
}  // namespace moest
