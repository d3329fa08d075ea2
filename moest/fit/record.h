// What a model file remembers of its fit.
#pragma once

#include <nlohmann/json.hpp>

#include "moest/fit/options.h"
#include "moest/fit/summary.h"
#include "moest/model/model.h"

namespace moest {

/// Program, outcome and options. Nothing in it depends on the machine's speed or the number of threads.
nlohmann::ordered_json record_of(const FitSummary& summary);

/// The options in a model's record; defaults where there is none. Throws InputError, with the path, for
/// options that no fit can have had.
FitOptions recorded_options(const Model& model);

}  // namespace moest
