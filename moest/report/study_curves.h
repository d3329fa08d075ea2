// The curves of a study's figures, and their data.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "moest/study/rates.h"
#include "moest/study/specification.h"

namespace moest {

/// One metric of one arm, or of one of its true atoms, over the sizes. Lines have a value for each point or
/// none: they are straight on logarithmic scales and go through the middle of the points; those of a mean are
/// level, and the fitted one is there where the mean is taken.
struct StudyCurve {
  const RateRow* rate;
  std::string name;    // of the arm, and the atom
  std::string legend;  // the same with the rates, measured and expected
  std::vector<std::optional<double>> fitted, expected;
};

/// Of all arms and, for metrics of atoms, the largest over the atoms and those atoms of which something is
/// expected; without what has no place on the axes. They refer to `rates`.
std::vector<StudyCurve> study_curves(std::span<const RateRow> rates, const std::string& metric);

/// Whether a metric has a mean instead of a slope, on an axis that is not logarithmic.
bool is_level(const std::string& metric);

/// What each curve has in the data, after the column of the sizes.
inline constexpr std::array<const char*, 6> kCurveColumns{"value",       "standard_error", "replicates",
                                                          "local_slope", "fitted",         "expected"};

/// CSV: a line of names and one for each size, with kCurveColumns of each curve, empty where it has no point.
std::string curves_csv(const Study& study, const std::vector<StudyCurve>& curves);

}  // namespace moest
