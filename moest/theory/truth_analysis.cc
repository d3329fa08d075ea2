#include "moest/theory/truth_analysis.h"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/theory/gauges.h"

namespace moest {
namespace {

using CellSet = std::vector<std::size_t>;

/// All subsets of first .. last - 1 with `size` members, or the whole range if it is smaller.
std::vector<CellSet> subsets(std::size_t first, std::size_t last, std::size_t size) {
  const std::size_t count = last - first;
  std::vector<bool> chosen(count, false);
  std::fill_n(chosen.begin(), std::min(size, count), true);
  std::vector<CellSet> result;
  do {
    CellSet set;
    for (std::size_t i = 0; i < count; ++i) {
      if (chosen[i]) {
        set.push_back(first + i);
      }
    }
    result.push_back(set);
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  return result;
}

/// The sets of cells that `extra` atoms can split. Of a hierarchical gate: atoms as the larger partition adds
/// them, and each group as a whole.
std::vector<CellSet> cell_sets(const MixtureSpec& spec, int extra) {
  const auto k = static_cast<std::size_t>(spec.num_experts);
  if (!has_groups(spec.gate)) {
    return subsets(0, k, static_cast<std::size_t>(extra));
  }
  MixtureSpec larger = spec;
  larger.num_experts += extra;
  if (!spec.gate.groups.sizes.empty()) {
    larger.gate.groups.sizes.front() += extra;
  }
  const std::vector<int> before = group_sizes(spec);
  const std::vector<int> after = group_sizes(larger);
  std::vector<CellSet> sets{{}};
  std::size_t first = 0;
  for (std::size_t g = 0; g < before.size(); ++g) {
    const auto last = first + static_cast<std::size_t>(before[g]);
    std::vector<CellSet> longer;
    for (const CellSet& inside :
         subsets(first, last, static_cast<std::size_t>(std::max(0, after[g] - before[g])))) {
      for (CellSet set : sets) {
        set.insert(set.end(), inside.begin(), inside.end());
        longer.push_back(set);
      }
    }
    sets = longer;
    first = last;
  }
  for (std::size_t g = 0; g < before.size(); ++g) {
    sets.push_back({k + g});
  }
  return sets;
}

/// What all sets of one number of extra atoms say together.
struct SetsAnswer {
  std::optional<HarmfulRelation> relation;
  double separation = 1;
  bool all_proved = true;
};

SetsAnswer ask_sets(const Criterion& criterion, const std::vector<CellSet>& sets, int rank, Stream& stream) {
  SetsAnswer answer;
  for (const CellSet& set : sets) {
    const CellSetAnswer one = criterion.ask(set, rank, stream);
    for (const HarmfulRelation& relation : one.relations) {
      if (!answer.relation || relation.is_exact) {
        answer.relation = relation;
      }
    }
    if (answer.relation && answer.relation->is_exact) {
      return answer;
    }
    answer.separation = std::min(answer.separation, one.separation);
    answer.all_proved = answer.all_proved && one.separation > kLeastSeparation;
  }
  return answer;
}

/// A direction of one cell in which f does not change to first order, if there is one.
std::optional<CellSplit> local_null_direction(const LocalFunctions<Wide>& functions,
                                              const Criterion& criterion) {
  for (std::size_t cell = 0; cell < functions.cells().size(); ++cell) {
    if (functions.cells()[cell].kind != Cell::Kind::atom) {
      continue;
    }
    const auto [begin, size] = functions.first_order(cell);
    const NullSpace<Wide> null = relations_between<Wide>(criterion.samples().first.middleCols(begin, size));
    if (null.nullity() > 0) {
      const Eigen::VectorXd theta = null.basis.col(0).tail(functions.cells()[cell].num_first).cast<double>();
      return CellSplit{cell, theta / theta.norm(), true};
    }
  }
  return std::nullopt;
}

/// The Jacobian: as many null directions as there are gauges, in both precisions?
void judge_exact(const Truth& truth, const LocalFunctions<Wide>& functions, const Criterion& criterion,
                 const IdentifiabilityOptions& options, Stream& stream, TruthFindings& findings) {
  TruthRecord& record = findings.record;
  const NullSpace<Wide>& first = criterion.first_order();
  const int expected = gauge_dimension(truth.family.spec, Coordinates::reduced);
  record.num_first_null = first.nullity();
  record.smallest_non_null = static_cast<double>(first.smallest_non_null);
  record.largest_null = static_cast<double>(first.largest_null);
  const NullSpace<Quad> again = relations_between(
      sampled(LocalFunctions<Quad>(truth, Coordinates::reduced), criterion.points(), options.num_threads)
          .first);
  if (again.nullity() != first.nullity() || !first.is_clear) {
    record.reason = "the rank of the Jacobian is not the same in two precisions";
  } else if (first.nullity() == expected) {
    record.exact = has_scale_gauge(truth.family.spec) ? Verdict::scale_gauge : Verdict::regular;
  } else if (first.nullity() > expected) {
    record.reason = fmt::format("the Jacobian has {} null directions, {} more than gauges", first.nullity(),
                                first.nullity() - expected);
    const std::optional<CellSplit> direction = local_null_direction(functions, criterion);
    if (direction && is_exact_split(functions, truth, {*direction}, options.half_width, stream)) {
      record.exact = Verdict::flat;
    }
  } else {
    record.reason = "the Jacobian has fewer null directions than gauges";
  }
}

void judge_over(const Truth& truth, const LocalFunctions<Wide>& functions, const Criterion& criterion,
                const IdentifiabilityOptions& options, Stream& stream, TruthFindings& findings) {
  TruthRecord& record = findings.record;
  const MixtureSpec& spec = truth.family.spec;
  const int extra = options.num_experts - spec.num_experts;
  const auto size_of = [&](const CellSet& set) {
    int size = 0;
    for (const std::size_t cell : set) {
      size += static_cast<int>(functions.cells()[cell].at.size());
    }
    return size;
  };
  const int last = has_groups(spec.gate) ? extra : std::max(extra, spec.num_experts);
  for (int e = 1; e <= last; ++e) {
    const std::vector<CellSet> sets = cell_sets(spec, e);
    if (e > extra && (size_of(sets.front()) > Criterion::kSmallSet || record.over == Verdict::undecided)) {
      return;
    }
    const SetsAnswer answer = ask_sets(criterion, sets, e, stream);
    if (answer.relation) {
      findings.min_extra_experts = e;
      if (e <= extra) {
        findings.relation = answer.relation;
        record.over = answer.relation->is_exact ? Verdict::flat : Verdict::slow;
      }
      return;
    }
    if (e == extra) {
      record.separation = answer.all_proved ? answer.separation : 0;
      record.over = answer.all_proved ? record.exact : Verdict::undecided;
      if (answer.all_proved && has_gate_kink(spec)) {
        // e^-|x - omega| is its own second derivative but for what the kink adds: a split of omega leaves |x
        // - omega| as it was outside an interval of length 2 s, and moves it by s inside.
        record.over = Verdict::slow;
        record.order = kKinkOrder;
        findings.min_extra_experts = 1;
        return;
      }
      if (!answer.all_proved) {
        record.reason = truth.family.expert_has_kink()
                            ? "the expert has a kink, which second derivatives miss"
                            : "neither a relation nor a proof that there is none was found";
      }
    }
  }
}

}  // namespace

std::optional<DenseVector<Wide>> relation_coefficients(const LocalFunctions<Wide>& functions,
                                                       const SampledFunctions<Wide>& samples,
                                                       const CellSplit& split) {
  const Cell& cell = functions.cells()[split.cell];
  const auto size = static_cast<Eigen::Index>(cell.at.size());
  const auto [begin, count] = functions.first_order(split.cell);
  if (cell.num_first != size) {
    return std::nullopt;
  }
  DenseVector<Wide> coefficients = DenseVector<Wide>::Zero(count + size * (size + 1) / 2);
  const DenseMatrix<Wide> v = split.directions.cast<Wide>();
  const DenseMatrix<Wide> m = v * v.transpose();
  DenseVector<Wide> second = DenseVector<Wide>::Zero(samples.first.rows());
  for (Eigen::Index u = 0, at = 0; u < size; ++u) {
    for (Eigen::Index w = 0; w <= u; ++w, ++at) {
      coefficients[count + at] = m(u, w) * Wide(u == w ? 1 : 2);
      second += samples.second[split.cell].col(at) * coefficients[count + at];
    }
  }
  const DenseMatrix<Wide> own = samples.first.middleCols(begin, count);
  const DenseVector<Wide> factors = normalising_factors(own);
  Eigen::CompleteOrthogonalDecomposition<DenseMatrix<Wide>> decomposition;
  decomposition.setThreshold(null_threshold<Wide>());
  decomposition.compute(own * factors.asDiagonal());
  coefficients.head(count) = -(factors.asDiagonal() * decomposition.solve(second));
  const DenseVector<Wide> rest = second + own * coefficients.head(count);
  if (column_norm<Wide>(rest) > Wide(1e-25) * (column_norm<Wide>(second) + Wide(1e-30))) {
    return std::nullopt;
  }
  return coefficients;
}

TruthFindings analyze_truth(const Truth& truth, const IdentifiabilityOptions& options, Stream& stream) {
  TruthFindings findings;
  const LocalFunctions<Wide> functions(truth, Coordinates::reduced);
  const int extra = options.num_experts - truth.family.spec.num_experts;
  const Criterion criterion(functions, truth, std::max(1, extra), options.half_width, options.num_threads,
                            stream);
  judge_exact(truth, functions, criterion, options, stream, findings);
  if (extra == 0) {
    return findings;
  }
  if (findings.record.exact == Verdict::flat) {
    findings.record.over = Verdict::flat;
    findings.min_extra_experts = 1;
  } else if (findings.record.exact != Verdict::undecided) {
    judge_over(truth, functions, criterion, options, stream, findings);
  }
  return findings;
}

}  // namespace moest
