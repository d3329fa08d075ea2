// What a study is: truths, designs, fits, and the rates that theory expects.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/fit/options.h"
#include "moest/model/model.h"
#include "moest/model/simulate.h"

namespace moest {

inline constexpr int kStudyFormat = 1;

/// The gate or the whole of one true atom approaches another one as the sample grows:
/// theta_move = theta_towards + (size / from)^-exponent (theta_move - theta_towards) at size `from`.
struct TruthSequence {
  enum class What { gate, atom };

  What what = What::gate;
  int move = 1, towards = 0;  // atoms, from 0
  double exponent = 0;        // gamma >= 0
  double from = 0;            // the size at which the atoms are where they are written
};

/// The truth of an arm: a model, the same for all trials, or one that is drawn for each replicate.
struct TruthSource {
  Model model;             // without atoms where they are drawn
  bool is_random = false;  // drawn as random_truth() does over the box |x_j| <= 2.5
  std::optional<TruthSequence> sequence;
};

/// What is measured of a trial. A metric of the truth's atoms has a value for each; others have one.
struct Metric {
  std::string name;
  bool is_of_atoms = false;
  std::string sentence;
};

/// In the order of reports:
/// - regression_l2: ‖f_n - f*‖ in L2 of the inputs' law;
/// - voronoi_raw, voronoi_reduced, l2r: the losses of voronoi.h, L2,r in reduced coordinates;
/// - split_rms, largest_error, mass_error: of the true atoms' cells in reduced coordinates;
/// - chi_square: (sum of squared noise - RSS) / sigma^2, which has no rate but a mean.
std::span<const Metric> metrics();
/// Throws InputError for an unknown name.
const Metric& metric(const std::string& name);

inline constexpr const char* kChiSquare = "chi_square";

/// What theory says of a metric: the slope of its logarithm against log n, or for chi_square the mean.
struct ExpectedRate {
  std::string metric;
  std::optional<int>
      atom;  // true one, from 0; absent: the largest over all atoms, where a metric is of atoms
  double value = 0;
  double tolerance = 0.05;  // what a slope may differ by before its noise is counted
  std::string source;
};

/// One way to fit one truth.
struct Arm {
  enum class Start {
    blind,  // the estimator's own starts: an approximation of the least-squares estimator
    near,   // one start beside the truth: shows the optimum there, and not what the estimator finds
  };

  std::string name;
  std::string note;
  TruthSource truth;
  MixtureSpec fitted;
  Start start = Start::blind;
  FitOptions fit;
  double power = 2;        // r of l2r
  bool has_losses = true;  // whether truth and fit can be compared by their atoms
  std::vector<ExpectedRate> expected;
};

/// How the trials of one size become one number.
struct Statistic {
  enum class Kind { mean, quantile };

  Kind kind = Kind::mean;
  double quantile = 0.5;
};

struct Study {
  std::string name, claim, source;
  std::uint64_t seed = 1;
  std::vector<std::int64_t> sizes;  // ascending
  int replicates = 1;
  double noise = 0;  // standard deviation
  InputDistribution inputs;
  Statistic statistic;
  std::vector<Arm> arms;
  nlohmann::ordered_json document;  // as it was read, models in place of their files
};

/// The study in a TOML text, which messages call `source_name`; files of models are looked for in `folder`.
/// docs/studies.md has the fields. Throws InputError that names line and column, or the field.
Study parse_study(const std::string& text, const std::string& source_name, const std::string& folder);
/// That of a file.
Study read_study(const std::string& path);
/// That of a document of another study.
Study study_of(const nlohmann::ordered_json& document);

/// Whether all trials of `before` are trials of `after` with the same rows: sizes, replicates and arms may
/// have been added, and the texts and expectations may differ. Else what differs, as a field.
std::optional<std::string> difference(const Study& before, const Study& after);

}  // namespace moest
