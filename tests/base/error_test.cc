#include "moest/base/error.h"

#include <gmock/gmock.h>

#include <vector>

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StrEq;
using testing::ThrowsMessage;

TEST(InputError, ReadsProblemWhySuggestion) {
  EXPECT_THAT(InputError("a.csv is empty", "no header", "Check it.").what(),
              StrEq("a.csv is empty (no header) Check it."));
  EXPECT_THAT(EnvironmentError("disk full", "why", "Free it.").what(), StrEq("disk full (why) Free it."));
}

TEST(Contract, NamesTheBrokenConditionAndItsPlace) {
  const int n = 3;
  EXPECT_NO_THROW(MOEST_EXPECT(n == 3));
  EXPECT_THAT([&] { MOEST_EXPECT(n == 4); },
              ThrowsMessage<ContractError>(AllOf(HasSubstr("n == 4"), HasSubstr("error_test.cc:"))));
}

TEST(NearestName, IsTheClosestOfTheCandidates) {
  const std::vector<std::string> names = {"softmax", "sigmoid", "laplace"};
  EXPECT_EQ(nearest_name("softmx", names), "softmax");
  EXPECT_EQ(nearest_name("sigmoit", names), "sigmoid");
  EXPECT_EQ(nearest_name("laplace", names), "laplace");
}

TEST(NearestName, CompletesABeginning) {
  const std::vector<std::string> names = {"--router", "--output-weight", "--output", "--output-offset"};
  EXPECT_EQ(nearest_name("--out", names), "--output");
  EXPECT_EQ(nearest_name("--output-o", names), "--output-offset");
  EXPECT_EQ(nearest_name("--", names), "");
  EXPECT_EQ(nearest_name("--router", names), "--router");
}

TEST(NearestName, IsEmptyWhereNothingIsNear) {
  const std::vector<std::string> names = {"softmax", "sigmoid"};
  EXPECT_EQ(nearest_name("quadratic", names), "");
  EXPECT_EQ(nearest_name("softmax", {}), "");
}

// Distance 2 of 4 letters: a third, rounded up, is 2; distance 3 of 4 is too far.
TEST(NearestName, AllowsAThirdOfTheLongerWord) {
  const std::vector<std::string> names = {"abcd"};
  EXPECT_EQ(nearest_name("abxy", names), "abcd");
  EXPECT_EQ(nearest_name("axyz", names), "");
}

TEST(Listed, JoinsNames) {
  EXPECT_EQ(listed(std::vector<std::string>{"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(listed({}), "");
}

}  // namespace
}  // namespace moest
