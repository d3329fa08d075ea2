// Which parameters of a mixture the data determine, how fast, and which relation is to blame if they do not.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "moest/theory/gauges.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/mixture_family.h"
#include "moest/theory/verdict.h"

namespace moest {

/// A relation between local functions that says why.
struct Relation {
  enum class Kind { shift, scale, flat, slow, harmless };

  Kind kind = Kind::harmless;
  std::string text;
  std::string latex;
};
std::string kind_name(Relation::Kind kind);

/// The verdict of one setting over all truths that were looked at.
struct Setting {
  Verdict verdict = Verdict::undecided;
  std::string rate;    // "n^-1/2", or "none" where nothing converges
  std::string reason;  // one sentence
  std::vector<Relation> relations;
};

/// The order of |f - f*| where a kink is split.
inline constexpr double kKinkOrder = 1.5;

/// What was computed at one truth.
struct TruthRecord {
  Verdict exact = Verdict::undecided;
  Verdict over = Verdict::undecided;
  int num_first_null = 0;                          // null directions of the Jacobian in reduced coordinates
  double smallest_non_null = 0, largest_null = 0;  // of it, relative
  double separation = 0;                           // smallest certificate over the cell sets; 0 without
  double order = 0;  // of the residual of a slow split, at the first truth that has one
  std::string reason;
};

/// The null space of the dictionary of all derivatives up to order 2 of all local functions, in raw
/// coordinates, a learned temperature counted per atom, at the first truth.
struct Dictionary {
  int num_columns = 0;
  int num_null = -1;  // -1: not counted, too many columns
  double smallest_non_null = 0;
  double largest_null = 0;
};

struct IdentifiabilityOptions {
  int num_experts = 0;  // of the fitted mixture; at least as many as the truth has
  int num_truths = 3;   // random ones, where no measure is given
  double half_width = 2.5;
  std::uint64_t seed = 1;
  int num_threads = 0;
};

struct Identifiability {
  MixtureFamily family;  // of the truth
  int num_experts = 0;   // of the fit
  Setting exact;
  Setting over;
  /// The least number of extra experts that is known to do harm; 0 where none is.
  int min_extra_experts = 0;
  Dictionary dictionary;
  std::vector<Relation> harmless;  // relations that no spread of atoms can use
  std::vector<TruthRecord> truths;
  double gauge_error = 0;  // largest change of f under moves along all gauges
  double seconds = 0;
};

/// Analyses the family with k* = family.spec.num_experts atoms at the given measure or at random ones, and
/// k - k* = options.num_experts - k* extra atoms (section 5 of the theory). Ranks and cone tests are done
/// with 50 digits, and the ranks again in quadruple precision. Throws InputError for what cannot be asked.
/// `progress` is called with the finished share in (0, 1].
Identifiability analyze(const MixtureFamily& family, const std::optional<Measure>& measure,
                        const IdentifiabilityOptions& options,
                        const std::function<void(double)>& progress = {});

}  // namespace moest
