#include "moest/theory/dictionary.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>

#include "moest/model/catalogue.h"
#include "moest/theory/input_box.h"
#include "moest/theory/null_space.h"
#include "moest/theory/relation_text.h"

namespace moest {
namespace {

using Matrix = DenseMatrix<Wide>;
using Vector = DenseVector<Wide>;

constexpr double kHalfWidth = 2.5;  // of the box in which relations are looked for: they hold everywhere

/// The coordinates of a cell in the dictionary: its own, and the temperature if that is an unknown.
std::vector<std::string> coordinate_names(const Cell& cell, bool shares_temperature) {
  std::vector<std::string> names(cell.names.begin(), cell.names.begin() + cell.num_first);
  if (shares_temperature) {
    names.emplace_back("tau");
  }
  return names;
}

/// F where there are masses, and its derivatives.
std::vector<Term> terms_of(const LocalFunctions<Wide>& functions,
                           const std::vector<std::string>& coordinates) {
  std::vector<Term> terms = derivative_terms(coordinates);
  if (functions.has_masses()) {
    terms.insert(terms.begin(), {"F", "F", 0});
  }
  return terms;
}

/// Phi (with masses), first and second derivatives of one cell at one point, in the order of terms_of().
template <class T>
void append_derivatives(const Jet<T>& phi, const Cell& cell, bool has_mass, bool shares_temperature,
                        std::vector<T>& row) {
  const int size = cell.num_first + (shares_temperature ? 1 : 0);
  const auto place = [&](int u) { return u < cell.num_first ? u : static_cast<int>(cell.at.size()); };
  if (has_mass) {
    row.push_back(phi.value());
  }
  for (int u = 0; u < size; ++u) {
    row.push_back(phi.derivative(place(u)));
  }
  for (int u = 0; u < size; ++u) {
    for (int v = 0; v <= u; ++v) {
      row.push_back(phi.derivative(place(u), place(v)));
    }
  }
}

Eigen::Index num_terms(const Cell& cell, bool has_mass, bool shares_temperature) {
  const Eigen::Index size = cell.num_first + (shares_temperature ? 1 : 0);
  return (has_mass ? 1 : 0) + size + size * (size + 1) / 2;
}

/// The dictionary of cells first .. last - 1 at points, a row for each point and output.
template <class T>
DenseMatrix<T> dictionary(const LocalFunctions<T>& functions, std::size_t first, std::size_t last,
                          const Eigen::MatrixXd& points) {
  DenseMatrix<T> result;
  const int outputs = functions.num_outputs();
  for (Eigen::Index row = 0; row < points.rows() * outputs; ++row) {
    const Eigen::RowVectorXd x = points.row(row / outputs);
    const std::vector<T> input(x.begin(), x.end());
    const std::vector<Jet<T>> phi = functions.at(input, static_cast<int>(row % outputs));
    std::vector<T> values;
    for (std::size_t j = first; j < last; ++j) {
      append_derivatives(phi[j], functions.cells()[j], functions.has_masses(), functions.shares_temperature(),
                         values);
    }
    if (row == 0) {
      result.resize(points.rows() * outputs, static_cast<Eigen::Index>(values.size()));
    }
    result.row(row) = Eigen::Map<const DenseVector<T>>(values.data(), result.cols()).transpose();
  }
  return result;
}

KnownValues known_values(const Truth& truth, const Cell& cell) {
  KnownValues known;
  for (std::size_t u = 0; u < cell.at.size(); ++u) {
    known.emplace_back(cell.names[u], Wide(cell.at[u]));
  }
  if (learns_temperature(truth.family.spec.gate)) {
    known.emplace_back("tau", Wide(truth.family.spec.gate.temperature.value));
  }
  return known;
}

/// The relations of one cell at each truth, as long as all have as many with the same pivots.
std::vector<std::vector<Vector>> local_relations(const std::vector<Truth>& truths, std::size_t cell) {
  std::vector<std::vector<Vector>> result;
  for (std::size_t t = 0; t < truths.size(); ++t) {
    const LocalFunctions<Wide> functions(truths[t], Coordinates::raw);
    const Eigen::Index terms =
        num_terms(functions.cells()[cell], functions.has_masses(), functions.shares_temperature());
    Stream stream(1, t, "relations");
    const Eigen::MatrixXd points =
        inputs_in_box(terms + terms / 2 + 10, truths[t].family.spec.num_inputs, kHalfWidth, stream);
    const NullSpace<Wide> null = relations_between(dictionary(functions, cell, cell + 1, points));
    std::vector<Vector> relations = echelon_form(null.basis);
    if (!result.empty() && relations.size() != result.front().size()) {
      break;
    }
    result.push_back(std::move(relations));
  }
  return result;
}

/// The second-order part of a relation as a symmetric matrix, unit diagonal scaling.
Eigen::MatrixXd second_order_matrix(const Vector& relation, Eigen::Index size) {
  const Eigen::Index begin = relation.size() - size * (size + 1) / 2;
  Eigen::MatrixXd m(size, size);
  for (Eigen::Index u = 0, at = begin; u < size; ++u) {
    for (Eigen::Index v = 0; v <= u; ++v, ++at) {
      m(u, v) = m(v, u) = static_cast<double>(relation[at]) / (u == v ? 1 : 2);
    }
  }
  return m;
}

enum class Effect { first_order, gate_only, spread, none };

/// What a relation can do: move parameters (no second derivatives), only mirror a scale of the gate, spread
/// atoms (its second-order part is semidefinite), or nothing.
Effect effect_of(const Vector& relation, Eigen::Index size, Eigen::Index num_gate, bool shares_temperature) {
  const Eigen::MatrixXd m = second_order_matrix(relation, size);
  if (m.isZero(0)) {
    return Effect::first_order;
  }
  const Eigen::Index num_expert = size - num_gate - (shares_temperature ? 1 : 0);
  if (m.middleRows(num_gate, num_expert).isZero(0)) {
    if (shares_temperature || num_gate == 0) {
      return Effect::gate_only;
    }
  }
  if (shares_temperature && !m.rightCols(1).isZero(0)) {
    return Effect::none;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(m, Eigen::EigenvaluesOnly);
  const double tolerance = 1e-12 * eigen.eigenvalues().cwiseAbs().maxCoeff();
  const bool is_semidefinite =
      eigen.eigenvalues().minCoeff() >= -tolerance || eigen.eigenvalues().maxCoeff() <= tolerance;
  return is_semidefinite ? Effect::spread : Effect::none;
}

void add_once(const Relation& relation, std::vector<Relation>& list) {
  if (std::ranges::none_of(list, [&](const Relation& other) { return other.text == relation.text; })) {
    list.push_back(relation);
  }
}

/// The relation of one truth that a verdict rests on, if it is one of a single atom.
struct VerdictRelation {
  Vector coefficients;
  KnownValues known;
  std::vector<Term> terms;

  bool has_terms_of(const VerdictRelation& other) const {
    if (coefficients.size() != other.coefficients.size()) {
      return false;
    }
    for (Eigen::Index i = 0; i < coefficients.size(); ++i) {
      constexpr double kNegligible = 1e-20;
      const bool here = abs(coefficients[i]) > Wide(kNegligible);
      const bool there = abs(other.coefficients[i]) > Wide(kNegligible);
      if (here != there) {
        return false;
      }
    }
    return true;
  }
};

std::vector<VerdictRelation> verdict_relations(const std::vector<Truth>& truths,
                                               const std::vector<TruthFindings>& findings) {
  std::vector<VerdictRelation> result;
  for (std::size_t t = 0; t < truths.size(); ++t) {
    if (!findings[t].relation || findings[t].relation->splits.size() != 1) {
      continue;
    }
    const CellSplit& split = findings[t].relation->splits.front();
    const LocalFunctions<Wide> functions(truths[t], Coordinates::reduced);
    const Cell& cell = functions.cells()[split.cell];
    const Eigen::Index count = 3 * num_terms(cell, true, true);
    Stream stream(2, t, "relations");
    const Eigen::MatrixXd points = inputs_in_box(count, truths[t].family.spec.num_inputs, kHalfWidth, stream);
    if (auto relation = relation_coefficients(functions, sampled(functions, points, 1), split)) {
      result.push_back({*relation, known_values(truths[t], cell), terms_of(functions, cell.names)});
    }
  }
  return result;
}

/// Writes the relation that most truths have: at a special one more may hold.
void write_verdict_relation(const std::vector<Truth>& truths, const std::vector<TruthFindings>& findings,
                            Identifiability& result) {
  const std::vector<VerdictRelation> all = verdict_relations(truths, findings);
  std::vector<VerdictRelation> most;
  for (const VerdictRelation& one : all) {
    std::vector<VerdictRelation> alike;
    std::ranges::copy_if(all, std::back_inserter(alike),
                         [&](const VerdictRelation& other) { return one.has_terms_of(other); });
    if (alike.size() > most.size()) {
      most = alike;
    }
  }
  if (most.empty()) {
    return;
  }
  std::vector<Vector> coefficients;
  std::vector<KnownValues> known;
  for (const VerdictRelation& relation : most) {
    coefficients.push_back(relation.coefficients);
    known.push_back(relation.known);
  }
  const WrittenRelation written = write_relation(most.front().terms, coefficients, known);
  const bool is_flat = result.over.verdict == Verdict::flat;
  add_once({is_flat ? Relation::Kind::flat : Relation::Kind::slow, written.text, written.latex},
           result.over.relations);
}

/// That of several atoms together: in numbers, at the first truth that has one.
void write_joint_relation(const std::vector<Truth>& truths, const std::vector<TruthFindings>& findings,
                          Identifiability& result) {
  for (std::size_t t = 0; t < truths.size(); ++t) {
    if (!findings[t].relation || findings[t].relation->splits.size() < 2) {
      continue;
    }
    const LocalFunctions<Wide> functions(truths[t], Coordinates::reduced);
    std::string text;
    std::string latex;
    for (const CellSplit& split : findings[t].relation->splits) {
      const Cell& cell = functions.cells()[split.cell];
      const Eigen::MatrixXd m = split.directions * split.directions.transpose();
      const std::vector<Term> terms = derivative_terms(cell.names);
      for (Eigen::Index u = 0, at = m.rows(); u < m.rows(); ++u) {
        for (Eigen::Index v = 0; v <= u; ++v, ++at) {
          const double c = m(u, v) * (u == v ? 1 : 2);
          if (std::abs(c) > 1e-12) {
            const std::string number = std::abs(c - 1) < 1e-12 ? "" : fmt::format("{:.4g} ", c);
            const std::string atom = std::to_string(cell.index + 1);
            text += fmt::format("{}{}m_{} ({} of expert {})", text.empty() ? "" : " + ", number, atom,
                                terms[static_cast<std::size_t>(at)].text, atom);
            latex += fmt::format("{}{}m_{{{}}} {}", latex.empty() ? "" : " + ", number, atom,
                                 terms[static_cast<std::size_t>(at)].latex);
          }
        }
      }
    }
    const bool is_flat = result.over.verdict == Verdict::flat;
    add_once({is_flat ? Relation::Kind::flat : Relation::Kind::slow, text + " = (first-order functions)",
              latex + R"( = (\text{first order}))"},
             result.over.relations);
    return;
  }
}

}  // namespace

Dictionary count_dictionary(const Truth& truth, const IdentifiabilityOptions& options, Stream& stream) {
  const LocalFunctions<Wide> functions(truth, Coordinates::raw);
  Dictionary result;
  for (const Cell& cell : functions.cells()) {
    result.num_columns +=
        static_cast<int>(num_terms(cell, functions.has_masses(), functions.shares_temperature()));
  }
  if (result.num_columns > kMostDictionaryColumns) {
    return result;
  }
  const int outputs = truth.family.spec.num_outputs;
  const Eigen::Index count = (std::max(200, 3 * result.num_columns / 2) + outputs - 1) / outputs;
  const Eigen::MatrixXd points =
      inputs_in_box(count, truth.family.spec.num_inputs, options.half_width, stream);
  const std::size_t cells = functions.cells().size();
  const NullSpace<Wide> null = relations_between(dictionary(functions, 0, cells, points));
  const LocalFunctions<Quad> in_quad(truth, Coordinates::raw);
  const NullSpace<Quad> again = relations_between(dictionary(in_quad, 0, cells, points));
  result.num_null = null.nullity() == again.nullity() ? null.nullity() : -1;
  result.smallest_non_null = static_cast<double>(null.smallest_non_null);
  result.largest_null = static_cast<double>(null.largest_null);
  return result;
}

void write_relations(const std::vector<Truth>& truths, const std::vector<TruthFindings>& findings,
                     Identifiability& result) {
  const bool is_harmful = result.over.verdict == Verdict::flat || result.over.verdict == Verdict::slow;
  if (is_harmful) {
    write_verdict_relation(truths, findings, result);
    write_joint_relation(truths, findings, result);
    if (has_gate_kink(result.family.spec) && result.over.verdict == Verdict::slow) {
      add_once({Relation::Kind::slow, "d2F/d omega_1^2 = F away from the kink at x = omega_1",
                R"(\frac{\partial^2 F}{\partial \omega_{1}^2} = F\ \text{for}\ x \ne \omega_{1})"},
               result.over.relations);
    }
  }
  const LocalFunctions<Wide> functions(truths.front(), Coordinates::raw);
  const Cell& cell = functions.cells().front();
  constexpr Eigen::Index kMostTerms = 150;
  if (num_terms(cell, functions.has_masses(), functions.shares_temperature()) > kMostTerms) {
    return;
  }
  const std::vector<std::string> names = coordinate_names(cell, functions.shares_temperature());
  const std::vector<Term> terms = terms_of(functions, names);
  const std::vector<std::vector<Vector>> relations = local_relations(truths, 0);
  std::vector<KnownValues> known;
  for (std::size_t t = 0; t < relations.size(); ++t) {
    known.push_back(
        known_values(truths[t], LocalFunctions<Wide>(truths[t], Coordinates::raw).cells().front()));
  }
  const bool has_scale = has_scale_gauge(result.family.spec);
  // At a kink second derivatives miss what happens.
  const bool has_kink = has_gate_kink(result.family.spec) || result.family.expert_has_kink();
  for (std::size_t r = 0; r < relations.front().size(); ++r) {
    std::vector<Vector> coefficients;
    coefficients.reserve(relations.size());
    for (const std::vector<Vector>& of_truth : relations) {
      coefficients.push_back(of_truth[r]);
    }
    const WrittenRelation written = write_relation(terms, coefficients, known);
    Relation relation{Relation::Kind::harmless, written.text, written.latex};
    switch (effect_of(coefficients.front(), static_cast<Eigen::Index>(names.size()), cell.num_gate,
                      functions.shares_temperature())) {
      case Effect::first_order:
        relation.kind = Relation::Kind::scale;
        add_once(relation, result.exact.relations);
        break;
      case Effect::gate_only:
        break;  // derivatives of a scale
      case Effect::spread:
        if (is_harmful && !has_scale && !has_kink) {
          relation.kind = result.over.verdict == Verdict::flat ? Relation::Kind::flat : Relation::Kind::slow;
          add_once(relation, result.over.relations);
        }
        break;
      case Effect::none:
        add_once(relation, result.harmless);
        break;
    }
  }
}

}  // namespace moest
