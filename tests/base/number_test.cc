#include "moest/base/number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "moest/base/random.h"

namespace moest {
namespace {

TEST(ParseNumber, ReadsDecimalNumbers) {
  const std::pair<std::string_view, double> cases[] = {
      {"0", 0},
      {"-1", -1},
      {"+1.5", 1.5},
      {".5", 0.5},
      {"1.", 1},
      {" 3\t", 3},
      {"1e5", 1e5},
      {"1E+05", 1e5},
      {"-.5e-3", -5e-4},
      {"00012", 12},
      {"0.3", 0.3},
      {"1e-400", 0},
      {"5e-324", 5e-324},
      {"2.2250738585072011e-308", 2.2250738585072011e-308},
      {"1.7976931348623157e308", std::numeric_limits<double>::max()},
  };
  for (const auto& [text, value] : cases) {
    const ParsedNumber parsed = parse_number(text);
    EXPECT_EQ(parsed.status, NumberStatus::ok) << text;
    EXPECT_EQ(parsed.value, value) << text;
  }
}

TEST(ParseNumber, RefusesOtherText) {
  for (const char* text : {"",    " ",   "+",   "-",   ".",  "e5",  "1e",    "1e+",   "0x10", "1_000",
                           "1,5", "1 2", "+-1", "++1", "1f", "abc", "1.2.3", "1e5.0", "n",    "in"}) {
    EXPECT_EQ(parse_number(text).status, NumberStatus::not_a_number) << text;
  }
}

TEST(ParseNumber, TellsNotFiniteFromOutOfRange) {
  for (const char* text :
       {"nan", "NaN", "-nan", "inf", "INF", "-inf", "+inf", "infinity", "Infinity", "-INFINITY"}) {
    EXPECT_EQ(parse_number(text).status, NumberStatus::not_finite) << text;
  }
  for (const char* text : {"1e999", "-1e999", "1.8e308", "+2e308"}) {
    EXPECT_EQ(parse_number(text).status, NumberStatus::out_of_range) << text;
  }
}

TEST(ExactText, IsTheShortestThatReadsBack) {
  EXPECT_EQ(exact_text(0.1), "0.1");
  EXPECT_EQ(exact_text(1), "1");
  EXPECT_EQ(exact_text(-0.0), "-0");
  EXPECT_EQ(exact_text(5e-324), "5e-324");
  EXPECT_EQ(exact_text(1e300), "1e+300");
}

TEST(ExactText, RoundTripsEveryBit) {
  Stream stream(2024, 4, "exact text");
  for (int i = 0; i < 100000; ++i) {
    const double value = std::bit_cast<double>(stream());
    if (std::isfinite(value)) {
      const ParsedNumber parsed = parse_number(exact_text(value));
      ASSERT_EQ(parsed.status, NumberStatus::ok) << exact_text(value);
      ASSERT_EQ(std::bit_cast<std::uint64_t>(parsed.value), std::bit_cast<std::uint64_t>(value));
    }
  }
}

}  // namespace
}  // namespace moest
