// Changes of parameters that leave the function exactly as it is.
#pragma once

#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/model/model.h"
#include "moest/theory/local_functions.h"
#include "moest/theory/wide.h"

namespace moest {

/// A continuous invariance of a gate: what it says, and how many dimensions it has. A shift is common to all
/// atoms and a convention settles it; a scale makes raw parameters meaningless and is what reduced
/// coordinates forget.
struct Gauge {
  enum class Kind { shift, scale };

  Kind kind = Kind::shift;
  std::string text;
  std::string latex;
  int dimension = 0;
};

/// The continuous invariances of a mixture of k experts, besides those of its experts. Permutations are not
/// listed.
std::vector<Gauge> gauges(const MixtureSpec& spec, Coordinates coordinates);

/// Their dimension: how many null directions the first-order functions of an identified mixture have.
int gauge_dimension(const MixtureSpec& spec, Coordinates coordinates);

/// Whether raw parameters have a scale that reduced coordinates forget.
bool has_scale_gauge(const MixtureSpec& spec);

/// A measure with a temperature.
struct WideMeasure {
  BasicMeasure<Wide> measure;
  Wide temperature = 1;
};

WideMeasure wide_measure(const Truth& truth);

/// The measure moved along all gauges of raw coordinates at random, by about `size`: another measure with the
/// same f.
WideMeasure moved_along_gauges(const Truth& truth, double size, Stream& stream);

/// An output of f at x.
Wide wide_value(const MixtureFamily& family, const WideMeasure& measure, const std::vector<Wide>& x,
                int output);

}  // namespace moest
