#include "moest/theory/relation_text.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace moest {
namespace {

/// a and b at three truths.
const std::vector<KnownValues> kKnown{{{"a", Wide(0.7)}, {"b", Wide(-1.3)}},
                                      {{"a", Wide(1.1)}, {"b", Wide(0.4)}},
                                      {{"a", Wide(-0.6)}, {"b", Wide(0.9)}}};

template <class F>
std::string name_of(F&& coefficient) {
  std::vector<Wide> values;
  for (const KnownValues& known : kKnown) {
    values.push_back(coefficient(known[0].second, known[1].second));
  }
  const auto name = coefficient_name(values, kKnown);
  return name ? (name->is_negative ? "-" : "") + name->text : "none";
}

TEST(CoefficientName, IsTheSimplestThatAllTruthsShare) {
  EXPECT_EQ(name_of([](const Wide&, const Wide&) { return Wide(1); }), "");
  EXPECT_EQ(name_of([](const Wide&, const Wide&) { return Wide(-3) / Wide(2); }), "-3/2");
  EXPECT_EQ(name_of([](const Wide& a, const Wide&) { return a; }), "a");
  EXPECT_EQ(name_of([](const Wide& a, const Wide&) { return Wide(-2) * a; }), "-2 a");
  EXPECT_EQ(name_of([](const Wide&, const Wide& b) { return Wide(1) / b; }), "(1/b)");
  EXPECT_EQ(name_of([](const Wide& a, const Wide& b) { return a / b; }), "(a/b)");
  EXPECT_EQ(name_of([](const Wide& a, const Wide& b) { return Wide(a * b); }), "a b");
  EXPECT_EQ(name_of([](const Wide& a, const Wide&) { return Wide(a * a); }), "a^2");
  EXPECT_EQ(name_of([](const Wide& a, const Wide& b) { return Wide(a / (b * b)); }), "(a/b^2)");
}

TEST(CoefficientName, IsRefusedWhereOneTruthDisagrees) {
  EXPECT_EQ(name_of([](const Wide& a, const Wide& b) { return b > Wide(0.5) ? Wide(a + Wide(1e-15)) : a; }),
            "none");
  EXPECT_EQ(name_of([](const Wide& a, const Wide& b) { return exp(a * b); }), "none");
}

TEST(EchelonForm, ExpressesLastTermsByOthers) {
  DenseMatrix<Wide> basis(3, 2);
  basis << Wide(2), Wide(1), Wide(4), Wide(2), Wide(6), Wide(5);  // columns (2, 4, 6) and (1, 2, 5)
  const std::vector<DenseVector<Wide>> rows = echelon_form(basis);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], (DenseVector<Wide>(3) << Wide(0), Wide(0), Wide(1)).finished());
  EXPECT_LT((rows[1] - (DenseVector<Wide>(3) << Wide(0.5), Wide(1), Wide(0)).finished()).norm(), Wide(1e-45));
}

TEST(WrittenRelation, HasSecondDerivativesOnTheLeft) {
  const std::vector<Term> terms = derivative_terms({"omega_1", "b"});
  ASSERT_EQ(terms.size(), 5U);
  // 2 d2F/(d omega d b) - a dF/d omega = 0
  std::vector<DenseVector<Wide>> coefficients;
  for (const KnownValues& known : kKnown) {
    DenseVector<Wide> c = DenseVector<Wide>::Zero(5);
    c[0] = -known[0].second;
    c[3] = Wide(2);
    coefficients.push_back(c);
  }
  const WrittenRelation written = write_relation(terms, coefficients, kKnown);
  EXPECT_EQ(written.text, "2 d2F/(d omega_1 d b) = a dF/d omega_1");
  EXPECT_TRUE(written.is_named);
  const WrittenRelation alone = write_relation(terms, std::span(coefficients).first(1), kKnown);
  EXPECT_EQ(alone.text, "2 d2F/(d omega_1 d b) = 0.7 dF/d omega_1");
  EXPECT_FALSE(alone.is_named) << "one truth names nothing";
}

}  // namespace
}  // namespace moest
