// Studies as text: what is planned, how far they are, and the rates.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "moest/study/plan.h"
#include "moest/study/rates.h"
#include "moest/study/specification.h"

namespace moest {

/// "softmax gate, 3 tanh experts of 2 inputs; truth: 2 experts; blind starts": an arm in one line.
std::string arm_title(const Arm& arm);

/// The design, the predicted errors at the smallest, middle and largest size, and the warnings.
std::string plan_text(const Study& study, std::span<const PlannedArm> planned);

/// By arm and size: trials that are there, failed, not converged; iterations, agreeing starts, active bounds.
std::string status_text(const Study& study, std::span<const TrialRow> rows);

/// One line per rate: those of which something is expected first.
std::string rates_text(const Study& study, std::span<const RateRow> rates);

/// A number of seconds, minutes or hours.
std::string duration_text(double seconds);

}  // namespace moest
