// Folds of a cross-validation.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "moest/data/parts.h"

namespace moest {

/// Where samples go whose inputs are all the same.
enum class Repeats {
  anywhere,  // right where later data repeat inputs too, as those of a designed experiment do
  together,  // into one fold: right where they are copies, which would tell a fit what it is to predict
};

/// The samples of each of `num_folds` parts, as equal in number as possible, drawn from the stream (seed, 0,
/// "folds"). 2 <= num_folds; throws InputError if there are fewer samples, or distinct inputs, than folds.
std::vector<Indices> deal_folds(const Eigen::MatrixXd& inputs, int num_folds, std::uint64_t seed,
                                Repeats repeats = Repeats::anywhere);

}  // namespace moest
