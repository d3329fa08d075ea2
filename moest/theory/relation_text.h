// Linear relations between derivatives, as a person writes them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "moest/theory/local_functions.h"
#include "moest/theory/wide.h"

namespace moest {

/// A function in a relation: "dF/d a_1" with its LaTeX.
struct Term {
  std::string text;
  std::string latex;
  int order = 0;  // of the derivative
};

/// The derivatives of a local function F up to order 2: dF/dtheta_u, then d2F/dtheta_u dtheta_v for u >= v
/// row by row.
std::vector<Term> derivative_terms(const std::vector<std::string>& coordinates);

/// A coordinate's name in LaTeX: omega_1 becomes \omega_{1}.
std::string latex_name(const std::string& name);

/// Parameters by name, whose values a coefficient may be made of.
using KnownValues = std::vector<std::pair<std::string, Wide>>;

/// What a coefficient is, in terms of parameters: r times 1, p, 1/p, p/q, p q, p^2, p^2/q^2 or p/q^2 with a
/// small rational r, if it is the same at all `values` (one for each truth, with the parameters' values
/// there); three truths make a coincidence unlikely. The text of 1 is empty.
struct CoefficientName {
  std::string text;
  std::string latex;
  bool is_negative = false;
};
std::optional<CoefficientName> coefficient_name(std::span<const Wide> values,
                                                std::span<const KnownValues> known);

/// A relation sum_i c_i T_i = 0 written as (order 2) = (order 1 and 0), with names for its coefficients where
/// all truths agree, else their values at the first one. `coefficients`: one vector for each truth; entries
/// below 1e-20 of the largest count as 0.
struct WrittenRelation {
  std::string text;
  std::string latex;
  bool is_named = false;  // every coefficient has a name
};
WrittenRelation write_relation(std::span<const Term> terms, std::span<const DenseVector<Wide>> coefficients,
                               std::span<const KnownValues> known);

/// A basis of the rows' span in reduced row echelon form with its pivots on the last columns that can be, so
/// that a derivative of high order is expressed by others: rows of `basis` transposed, one relation each.
std::vector<DenseVector<Wide>> echelon_form(const DenseMatrix<Wide>& basis);

}  // namespace moest
