#include "moest/theory/relation_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

namespace moest {
namespace {

constexpr double kNegligible = 1e-20;

/// The named coefficient of all truths, with what it is made of.
struct Shape {
  std::string text;
  std::string latex;
  std::function<Wide(const KnownValues&)> value;
};

struct Rational {
  int numerator;
  int denominator;
};

std::optional<Rational> small_rational(const Wide& value) {
  constexpr int kMostDenominator = 6;
  constexpr int kMostNumerator = 60;
  for (int denominator = 1; denominator <= kMostDenominator; ++denominator) {
    const Wide scaled = value * Wide(denominator);
    const Wide nearest = round(scaled);
    if (abs(scaled - nearest) < Wide(1e-18) && nearest != Wide(0) && abs(nearest) <= Wide(kMostNumerator)) {
      return Rational{static_cast<int>(nearest), denominator};
    }
  }
  return std::nullopt;
}

/// 1, p, 1/p, p/q, pq, p^2, p^2/q^2 and p/q^2 over all pairs of parameters, simplest first.
std::vector<Shape> shapes(const KnownValues& names) {
  std::vector<Shape> list{{"", "", [](const KnownValues&) { return Wide(1); }}};
  const auto latex = [&](std::size_t p) { return latex_name(names[p].first); };
  for (std::size_t p = 0; p < names.size(); ++p) {
    list.push_back({names[p].first, latex(p), [p](const KnownValues& k) { return k[p].second; }});
  }
  for (std::size_t p = 0; p < names.size(); ++p) {
    list.push_back({"1/" + names[p].first, R"(\frac{1}{)" + latex(p) + "}",
                    [p](const KnownValues& k) { return Wide(1) / k[p].second; }});
  }
  for (std::size_t p = 0; p < names.size(); ++p) {
    for (std::size_t q = 0; q < names.size(); ++q) {
      if (p != q) {
        list.push_back({names[p].first + "/" + names[q].first, R"(\frac{)" + latex(p) + "}{" + latex(q) + "}",
                        [p, q](const KnownValues& k) { return k[p].second / k[q].second; }});
      }
    }
    for (std::size_t q = 0; q <= p; ++q) {
      list.push_back({p == q ? names[p].first + "^2" : names[q].first + " " + names[p].first,
                      p == q ? latex(p) + "^2" : latex(q) + R"(\,)" + latex(p),
                      [p, q](const KnownValues& k) { return k[p].second * k[q].second; }});
    }
  }
  for (std::size_t p = 0; p < names.size(); ++p) {
    for (std::size_t q = 0; q < names.size(); ++q) {
      if (p != q) {
        const std::string& over = names[q].first;
        list.push_back({names[p].first + "^2/" + over + "^2",
                        R"(\frac{)" + latex(p) + "^2}{" + latex(q) + "^2}", [p, q](const KnownValues& k) {
                          return Wide(k[p].second * k[p].second / (k[q].second * k[q].second));
                        }});
        list.push_back(
            {names[p].first + "/" + over + "^2", R"(\frac{)" + latex(p) + "}{" + latex(q) + "^2}",
             [p, q](const KnownValues& k) { return Wide(k[p].second / (k[q].second * k[q].second)); }});
      }
    }
  }
  return list;
}

CoefficientName named(const Rational& r, const Shape& shape) {
  CoefficientName name;
  name.is_negative = r.numerator < 0;
  const int n = std::abs(r.numerator);
  const std::string number = r.denominator == 1 ? std::to_string(n) : fmt::format("{}/{}", n, r.denominator);
  const std::string fraction =
      r.denominator == 1 ? number : fmt::format(R"(\tfrac{{{}}}{{{}}})", n, r.denominator);
  const bool is_one = n == 1 && r.denominator == 1;
  const bool is_reciprocal = shape.text.starts_with("1/");
  if (shape.text.empty()) {
    name.text = is_one ? "" : number;
    name.latex = is_one ? "" : fraction;
  } else if (is_reciprocal && r.denominator == 1) {
    name.text = number + shape.text.substr(1);
    name.latex = is_one ? shape.latex : fraction + R"(\,)" + shape.latex;
  } else {
    name.text = is_one ? shape.text : number + " " + shape.text;
    name.latex = is_one ? shape.latex : fraction + R"(\,)" + shape.latex;
  }
  if (shape.text.find('/') != std::string::npos && !name.text.empty()) {
    name.text = "(" + name.text + ")";
  }
  return name;
}

/// "2 a dF/da" with its sign in front: one summand.
struct Summand {
  bool is_negative = false;
  std::string text;
  std::string latex;
};

void append(const Summand& summand, std::string& text, std::string& latex) {
  const char* sign = summand.is_negative ? (text.empty() ? "-" : " - ") : (text.empty() ? "" : " + ");
  text += sign + summand.text;
  latex += sign + summand.latex;
}

}  // namespace

std::string latex_name(const std::string& name) {
  static const std::array<std::string, 2> kGreek{"omega", "tau"};
  const auto under = name.find('_');
  std::string head = name.substr(0, under);
  if (std::ranges::find(kGreek, head) != kGreek.end()) {
    head = R"(\)" + head;
  }
  std::string tail = under == std::string::npos ? "" : name.substr(under + 1);
  std::ranges::replace(tail, '_', ' ');
  return tail.empty() ? head : head + "_{" + tail + "}";
}

std::vector<Term> derivative_terms(const std::vector<std::string>& coordinates) {
  std::vector<Term> terms;
  terms.reserve(coordinates.size() * (coordinates.size() + 3) / 2);
  for (const std::string& u : coordinates) {
    terms.push_back({"dF/d " + u, R"(\frac{\partial F}{\partial )" + latex_name(u) + "}", 1});
  }
  for (std::size_t u = 0; u < coordinates.size(); ++u) {
    for (std::size_t v = 0; v <= u; ++v) {
      const std::string& first = coordinates[v];
      const std::string& second = coordinates[u];
      if (u == v) {
        terms.push_back({fmt::format("d2F/d {}^2", first),
                         fmt::format(R"(\frac{{\partial^2 F}}{{\partial {}^2}})", latex_name(first)), 2});
      } else {
        terms.push_back({fmt::format("d2F/(d {} d {})", first, second),
                         fmt::format(R"(\frac{{\partial^2 F}}{{\partial {}\,\partial {}}})",
                                     latex_name(first), latex_name(second)),
                         2});
      }
    }
  }
  return terms;
}

std::optional<CoefficientName> coefficient_name(std::span<const Wide> values,
                                                std::span<const KnownValues> known) {
  for (const Shape& shape : shapes(known.front())) {
    const std::optional<Rational> ratio = small_rational(values.front() / shape.value(known.front()));
    if (!ratio) {
      continue;
    }
    const Wide r = Wide(ratio->numerator) / Wide(ratio->denominator);
    bool agrees = true;
    for (std::size_t t = 0; t < values.size(); ++t) {
      agrees = agrees && abs(values[t] - r * shape.value(known[t])) <= Wide(1e-18) * abs(values[t]);
    }
    if (agrees) {
      return named(*ratio, shape);
    }
  }
  return std::nullopt;
}

WrittenRelation write_relation(std::span<const Term> terms, std::span<const DenseVector<Wide>> coefficients,
                               std::span<const KnownValues> known) {
  WrittenRelation written;
  written.is_named = coefficients.size() >= 3;
  std::string right;
  std::string right_latex;
  const Wide largest = coefficients.front().cwiseAbs().maxCoeff();
  const auto write = [&](std::size_t i, bool is_left) {
    const auto at = static_cast<Eigen::Index>(i);
    if (abs(coefficients.front()[at]) <= Wide(kNegligible) * largest) {
      return;
    }
    std::vector<Wide> values;
    for (const DenseVector<Wide>& c : coefficients) {
      values.push_back(is_left ? c[at] : Wide(-c[at]));
    }
    std::optional<CoefficientName> name;
    if (coefficients.size() >= 3) {
      name = coefficient_name(values, known);
    }
    if (!name) {
      written.is_named = false;
      const std::string number = fmt::format("{:.6g}", std::abs(static_cast<double>(values.front())));
      name =
          CoefficientName{number == "1" ? "" : number, number == "1" ? "" : number, values.front() < Wide(0)};
    }
    const std::string space = name->text.empty() ? "" : " ";
    const Summand summand{name->is_negative, name->text + space + terms[i].text,
                          name->latex + (name->latex.empty() ? "" : R"(\,)") + terms[i].latex};
    is_left ? append(summand, written.text, written.latex) : append(summand, right, right_latex);
  };
  const bool has_second = [&] {
    for (std::size_t i = 0; i < terms.size(); ++i) {
      if (terms[i].order == 2 &&
          abs(coefficients.front()[static_cast<Eigen::Index>(i)]) > Wide(kNegligible) * largest) {
        return true;
      }
    }
    return false;
  }();
  for (std::size_t i = terms.size(); i-- > 0;) {
    // Without second derivatives the first term that occurs goes to the left alone.
    const bool is_left = has_second ? terms[i].order == 2 : written.text.empty();
    write(i, is_left);
  }
  written.text += " = " + (right.empty() ? "0" : right);
  written.latex += " = " + (right_latex.empty() ? "0" : right_latex);
  return written;
}

std::vector<DenseVector<Wide>> echelon_form(const DenseMatrix<Wide>& basis) {
  DenseMatrix<Wide> rows = basis.transpose();
  std::vector<DenseVector<Wide>> result;
  Eigen::Index next = 0;
  for (Eigen::Index column = rows.cols() - 1; column >= 0 && next < rows.rows(); --column) {
    Eigen::Index pivot = next;
    for (Eigen::Index r = next; r < rows.rows(); ++r) {
      pivot = abs(rows(r, column)) > abs(rows(pivot, column)) ? r : pivot;
    }
    const Wide size = rows.bottomRows(rows.rows() - next).cwiseAbs().maxCoeff();
    if (abs(rows(pivot, column)) <= Wide(1e-18) * size) {
      continue;
    }
    rows.row(next).swap(rows.row(pivot));
    rows.row(next) /= Wide(rows(next, column));
    for (Eigen::Index r = 0; r < rows.rows(); ++r) {
      if (r != next) {
        const Wide factor = rows(r, column);
        rows.row(r) -= rows.row(next) * factor;
      }
    }
    ++next;
  }
  for (Eigen::Index r = 0; r < next; ++r) {
    DenseVector<Wide> row = rows.row(r).transpose();
    const Wide largest = row.cwiseAbs().maxCoeff();
    for (Wide& value : row) {
      value = abs(value) <= Wide(kNegligible) * largest ? Wide(0) : value;
    }
    result.push_back(row);
  }
  return result;
}

}  // namespace moest
