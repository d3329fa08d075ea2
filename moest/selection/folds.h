// Parts of a data set: for training, and for judging what was trained.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "moest/data/dataset.h"

namespace moest {

/// Samples by their index in a data set, in increasing order.
using Indices = std::vector<Eigen::Index>;

/// Where samples go whose inputs are all the same.
enum class Repeats {
  anywhere,  // right where later data repeat inputs too, as those of a designed experiment do
  together,  // into one fold: right where they are copies, which would tell a fit what it is to predict
};

/// The samples of each of `num_folds` parts, as equal in number as possible, drawn from the stream (seed, 0,
/// "folds"). 2 <= num_folds; throws InputError if there are fewer samples, or distinct inputs, than folds.
std::vector<Indices> deal_folds(const Eigen::MatrixXd& inputs, int num_folds, std::uint64_t seed,
                                Repeats repeats = Repeats::anywhere);

/// All of 0 .. n - 1 that are not in `left_out`.
Indices complement(const Indices& left_out, Eigen::Index n);

/// The data set of some of its samples. An input that is the same in all of them stays.
Dataset subset(const Dataset& data, const Indices& samples);

/// The weights of the samples: ones where they have none.
Eigen::ArrayXd sample_weights(const Dataset& data);

}  // namespace moest
