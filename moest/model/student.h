// Intervals around estimates.
#pragma once

namespace moest {

/// The range of levels of confidence.
inline constexpr double kLeastConfidence = 0.5;
inline constexpr double kMostConfidence = 0.9999;

/// How many standard errors an interval reaches to either side: the quantile (1 + confidence) / 2 of
/// Student's law with so many degrees of freedom, > 0. confidence is in the range above.
double student_quantile(double degrees_of_freedom, double confidence);

}  // namespace moest
