#include "moest/theory/criterion.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "moest/base/parallel.h"
#include "moest/theory/input_box.h"
#include "moest/theory/low_rank.h"

namespace moest {
namespace {

using Matrix = DenseMatrix<Wide>;
using Vector = DenseVector<Wide>;

Eigen::Index packed(Eigen::Index u, Eigen::Index v) { return u * (u + 1) / 2 + v; }

/// More points than columns are ever compared at once: all first-order ones and the second-order ones of the
/// largest sets of cells, which are `largest_set` cells or have kSmallSet coordinates.
Eigen::Index num_points(const LocalFunctions<Wide>& functions, int largest_set) {
  constexpr Eigen::Index kLeast = 200;
  constexpr Eigen::Index kFew = 100;
  constexpr Eigen::Index kSmall = Criterion::kSmallSet * (Criterion::kSmallSet + 1) / 2;
  Eigen::Index largest = 0;
  Eigen::Index all = 0;
  for (const Cell& cell : functions.cells()) {
    const auto size = static_cast<Eigen::Index>(cell.at.size());
    largest = std::max(largest, size * (size + 1) / 2);
    all += size * (size + 1) / 2;
  }
  const Eigen::Index columns =
      functions.num_first_order() + std::min(all, std::max(kSmall, largest_set * largest));
  const Eigen::Index rows =
      std::max(kLeast, columns <= kFew ? 3 * columns : std::max(3 * kFew, columns + columns / 4));
  return (rows + functions.num_outputs() - 1) / functions.num_outputs();
}

/// A bound on the relative size of what is left of a sum that vanishes.
const Wide& vanishing() {
  static const Wide kBound(1e-32);
  return kBound;
}

}  // namespace

template <class T>
SampledFunctions<T> sampled(const LocalFunctions<T>& functions, const Eigen::MatrixXd& points,
                            int num_threads) {
  const std::vector<Cell>& cells = functions.cells();
  const int outputs = functions.num_outputs();
  const Eigen::Index rows = points.rows() * outputs;
  SampledFunctions<T> result;
  result.first.setZero(rows, functions.num_first_order());
  for (const Cell& cell : cells) {
    const auto size = static_cast<Eigen::Index>(cell.at.size());
    result.second.emplace_back(rows, size * (size + 1) / 2);
  }
  parallel_for(num_threads, static_cast<int>(rows), [&](int row) {
    const Eigen::RowVectorXd x = points.row(row / outputs);
    const std::vector<T> input(x.begin(), x.end());
    const std::vector<Jet<T>> phi = functions.at(input, row % outputs);
    Eigen::Index column = 0;
    T by_temperature(0);
    for (std::size_t j = 0; j < cells.size(); ++j) {
      const auto size = static_cast<int>(cells[j].at.size());
      if (functions.has_masses()) {
        result.first(row, column++) = phi[j].value();
      }
      for (int u = 0; u < cells[j].num_first; ++u) {
        result.first(row, column++) = phi[j].derivative(u);
      }
      for (int u = 0; u < size; ++u) {
        for (int v = 0; v <= u; ++v) {
          result.second[j](row, packed(u, v)) = phi[j].derivative(u, v);
        }
      }
      if (functions.shares_temperature() && cells[j].kind == Cell::Kind::atom) {
        by_temperature += functions.masses()[j] * phi[j].derivative(size);
      }
    }
    if (functions.shares_temperature()) {
      result.first(row, column) = by_temperature;
    }
  });
  return result;
}

template SampledFunctions<double> sampled(const LocalFunctions<double>&, const Eigen::MatrixXd&, int);
template SampledFunctions<Wide> sampled(const LocalFunctions<Wide>&, const Eigen::MatrixXd&, int);
template SampledFunctions<Quad> sampled(const LocalFunctions<Quad>&, const Eigen::MatrixXd&, int);

Criterion::Criterion(const LocalFunctions<Wide>& functions, const Truth& truth, int largest_set,
                     double half_width, int num_threads, Stream& stream)
    : functions_(functions),
      truth_(truth),
      half_width_(half_width),
      points_(inputs_in_box(num_points(functions, largest_set), truth.family.spec.num_inputs, half_width,
                            stream)),
      samples_(sampled(functions, points_, num_threads)),
      first_(relations_between(samples_.first)) {
  for (std::size_t j = 0; j < functions.cells().size(); ++j) {
    const auto size = static_cast<Eigen::Index>(functions.cells()[j].at.size());
    // By the curvature of each coordinate where there is one: scales only have to be of the right size.
    Vector scale(size);
    for (Eigen::Index u = 0; u < size; ++u) {
      const Wide norm = sqrt(column_norm<Wide>(samples_.second[j].col(packed(u, u))));
      scale[u] = norm > Wide(1e-3) ? Wide(1) / norm : Wide(1);
    }
    Matrix columns = samples_.second[j];
    Vector norms(columns.cols());
    for (Eigen::Index u = 0; u < size; ++u) {
      for (Eigen::Index v = 0; v <= u; ++v) {
        const Eigen::Index at = packed(u, v);
        columns.col(at) *= scale[u] * scale[v];
        norms[at] = column_norm<Wide>(columns.col(at));
      }
    }
    for (int pass = 0; pass < 2; ++pass) {
      const Matrix share = first_.range.transpose() * columns;
      columns -= first_.range * share;
    }
    scales_.push_back(scale);
    norms_.push_back(norms);
    projected_.push_back(columns);
  }
}

bool Criterion::takes_part(std::size_t cell, Eigen::Index coordinate) const {
  const Cell& of = functions_.cells()[cell];
  return !has_gate_kink(truth_.family.spec) || coordinate >= of.num_gate;
}

/// Whether P v' D2Phi v = 0, relative to the terms of the sum.
bool Criterion::is_relation(std::size_t cell, const Eigen::VectorXd& direction) const {
  Vector sum = Vector::Zero(samples_.first.rows());
  Wide size = 0;
  for (Eigen::Index u = 0; u < direction.size(); ++u) {
    for (Eigen::Index v = 0; v <= u; ++v) {
      if (direction[u] * direction[v] != 0) {
        const Eigen::Index at = packed(u, v);
        const Wide factor = Wide(u == v ? 1 : 2) * Wide(direction[u]) * Wide(direction[v]) /
                            (scales_[cell][u] * scales_[cell][v]);
        sum += projected_[cell].col(at) * factor;
        size += norms_[cell][at] * abs(factor);
      }
    }
  }
  return column_norm<Wide>(sum) <= vanishing() * size;
}

/// Directions that often are the whole story: one coordinate alone, the expert's first; the expert's own
/// direction eta, along which homogeneous experts only change by a factor.
std::vector<Eigen::VectorXd> Criterion::simple_directions(std::size_t cell) const {
  const Cell& of = functions_.cells()[cell];
  const auto size = static_cast<Eigen::Index>(of.at.size());
  std::vector<Eigen::VectorXd> directions;
  for (Eigen::Index u = size - 1; u >= 0; --u) {
    if (takes_part(cell, u)) {
      directions.emplace_back(Eigen::VectorXd::Unit(size, u));
    }
  }
  if (of.kind == Cell::Kind::atom && size > of.num_gate + 1) {
    Eigen::VectorXd radial = Eigen::VectorXd::Zero(size);
    for (Eigen::Index u = of.num_gate; u < size; ++u) {
      radial[u] = of.at[static_cast<std::size_t>(u)];
    }
    // A hinge can only be split along its radius, and a search that begins elsewhere would end there.
    directions.insert(directions.begin() + (truth_.family.expert_has_kink() ? 0 : size - of.num_gate),
                      radial);
  }
  return directions;
}

void Criterion::ask_simple(std::size_t cell, Stream& stream, CellSetAnswer& answer) const {
  const bool has_kink = truth_.family.expert_has_kink();
  const Eigen::Index num_gate = functions_.cells()[cell].num_gate;
  for (const Eigen::VectorXd& direction : simple_directions(cell)) {
    // One coordinate of a gate speaks for the others.
    const bool is_of_gate = direction.tail(direction.size() - num_gate).isZero(0);
    if ((is_of_gate && !answer.relations.empty()) || !is_relation(cell, direction)) {
      continue;
    }
    HarmfulRelation relation{{{cell, direction}}, 1, false};
    const std::vector<CellSplit> unit{{cell, direction / direction.norm()}};
    relation.is_exact = is_exact_split(functions_, truth_, unit, half_width_, stream);
    // At a kink the sampled derivatives miss what happens: only what is seen to be exact counts.
    if (!has_kink || relation.is_exact) {
      answer.relations.push_back(relation);
      if (relation.is_exact) {
        return;
      }
    }
  }
}

/// All symmetric block matrices M with sum_j P tr(M_j D2Phi_j) = 0, in scaled coordinates, orthonormal.
std::vector<DenseMatrix<Wide>> Criterion::relations_of(const std::vector<Block>& blocks,
                                                       Eigen::Index size) const {
  struct Entry {
    std::size_t cell;
    Eigen::Index at, row, column;
  };
  std::vector<Entry> entries;
  for (const Block& block : blocks) {
    for (Eigen::Index u = 0; u < scales_[block.cell].size(); ++u) {
      for (Eigen::Index v = 0; v <= u; ++v) {
        if (takes_part(block.cell, u) && takes_part(block.cell, v)) {
          entries.push_back({block.cell, packed(u, v), block.begin + u, block.begin + v});
        }
      }
    }
  }
  Matrix columns(samples_.first.rows(), static_cast<Eigen::Index>(entries.size()) + 1);
  Vector factors(columns.cols());
  for (std::size_t e = 0; e < entries.size(); ++e) {
    const Wide norm = norms_[entries[e].cell][entries[e].at];
    const auto column = static_cast<Eigen::Index>(e);
    factors[column] = norm > Wide(0) ? Wide(1) / norm : Wide(1);
    columns.col(column) = projected_[entries[e].cell].col(entries[e].at) * factors[column];
  }
  // A column of size 1 that depends on no other, so that "relative to the largest" means what it says.
  columns.rightCols(1).setZero();
  Matrix extended(columns.rows() + 1, columns.cols());
  extended << columns, Matrix::Zero(1, columns.cols());
  extended(columns.rows(), columns.cols() - 1) = 1;
  const NullSpace<Wide> null = null_space<Wide>(extended, null_threshold<Wide>());
  std::vector<Matrix> basis;
  for (Eigen::Index b = 0; b < null.nullity(); ++b) {
    Matrix m = Matrix::Zero(size, size);
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const auto at = static_cast<Eigen::Index>(e);
      const Wide value = null.basis(at, b) * factors[at];
      const bool is_diagonal = entries[e].row == entries[e].column;
      m(entries[e].row, entries[e].column) = m(entries[e].column, entries[e].row) =
          is_diagonal ? value : Wide(value / Wide(2));
    }
    basis.push_back(m);
  }
  return orthonormalised(std::move(basis));
}

/// V_j of each cell in its own coordinates; cells without a share are left out. Each V_j of full column rank.
/// A split of atom j changes f by m_j D2Phi_j, so that V_j V_j' is M_j / m_j.
std::vector<CellSplit> Criterion::splits_of(const std::vector<Block>& blocks,
                                            const DenseMatrix<Wide>& factor) const {
  constexpr double kNegligible = 1e-9;
  std::vector<CellSplit> splits;
  for (const Block& block : blocks) {
    const Vector& scale = scales_[block.cell];
    const Matrix rows = scale.asDiagonal() * factor.middleRows(block.begin, scale.size()) /
                        sqrt(functions_.masses()[block.cell]);
    const Eigen::MatrixXd covariance = (rows * rows.transpose()).cast<double>();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(covariance);
    const Eigen::Index rank =
        (eigen.eigenvalues().array() > kNegligible * eigen.eigenvalues().maxCoeff()).count();
    if (eigen.eigenvalues().maxCoeff() > kNegligible && rank > 0) {
      splits.push_back({block.cell, eigen.eigenvectors().rightCols(rank) *
                                        eigen.eigenvalues().tail(rank).cwiseSqrt().asDiagonal()});
    }
  }
  double largest = 0;
  for (const CellSplit& split : splits) {
    largest = std::max(largest, split.directions.colwise().norm().maxCoeff());
  }
  for (CellSplit& split : splits) {
    split.directions /= largest;
  }
  return splits;
}

void Criterion::ask_cone(const std::vector<Block>& blocks, Eigen::Index size, int rank, Stream& stream,
                         CellSetAnswer& answer) const {
  const std::vector<Matrix> basis = relations_of(blocks, size);
  const ConeAnswer cone = meet_cone(basis, size);
  answer.separation = cone.separation;
  if (!cone.member) {
    return;
  }
  const auto largest_rank = static_cast<int>(cone.range.cols());
  // The relations that live on the range of the one of largest rank.
  Matrix flat(size * size, static_cast<Eigen::Index>(basis.size()));
  const Matrix projector = cone.range * cone.range.transpose();
  for (std::size_t b = 0; b < basis.size(); ++b) {
    const Matrix rest = basis[b] - projector * basis[b] * projector;
    flat.col(static_cast<Eigen::Index>(b)) = Eigen::Map<const Vector>(rest.data(), rest.size());
  }
  const NullSpace<Wide> inside = null_space<Wide>(flat, Wide(1e-12));
  std::vector<Matrix> face;
  for (Eigen::Index c = 0; c < inside.nullity(); ++c) {
    Matrix m = Matrix::Zero(size, size);
    for (std::size_t b = 0; b < basis.size(); ++b) {
      m += basis[b] * inside.basis(static_cast<Eigen::Index>(b), c);
    }
    face.emplace_back(cone.range.transpose() * m * cone.range);
  }
  face = orthonormalised(std::move(face));
  std::optional<Matrix> factor;
  int found = largest_rank;
  for (int r = 1; r < largest_rank && face.size() > 1 && !factor; ++r) {
    factor = find_low_rank(face, r, stream);
    found = factor ? r : found;
  }
  if (factor) {
    factor = Matrix(cone.range * *factor);
  } else if (largest_rank > rank && face.size() == 1) {
    answer.separation = 1;  // the only relation, and of a rank that so few atoms do not have
    return;
  } else {
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(*cone.member);
    Matrix root = eigen.eigenvectors().rightCols(largest_rank);
    for (int r = 0; r < largest_rank; ++r) {
      root.col(r) *= sqrt(eigen.eigenvalues()[size - largest_rank + r]);
    }
    factor = root;
  }
  if (found > rank) {
    return;  // not harmful yet, but no proof that no smaller one is
  }
  HarmfulRelation relation{splits_of(blocks, *factor), found, false};
  relation.is_exact = is_exact_split(functions_, truth_, relation.splits, half_width_, stream);
  answer.relations.push_back(std::move(relation));
}

CellSetAnswer Criterion::ask(const std::vector<std::size_t>& set, int rank, Stream& stream) const {
  CellSetAnswer answer;
  for (const std::size_t cell : set) {
    ask_simple(cell, stream, answer);
    if (!answer.relations.empty()) {
      return answer;
    }
  }
  if (truth_.family.expert_has_kink()) {
    return answer;
  }
  std::vector<Block> blocks;
  Eigen::Index size = 0;
  for (const std::size_t cell : set) {
    blocks.push_back({cell, size});
    size += scales_[cell].size();
  }
  ask_cone(blocks, size, rank, stream, answer);
  return answer;
}

}  // namespace moest
