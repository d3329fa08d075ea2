// Parts of a data set: for learning, for judging what was learned, or drawn again.
#pragma once

#include <Eigen/Core>
#include <string>
#include <string_view>
#include <vector>

#include "moest/data/dataset.h"

namespace moest {

/// Samples by their index in a data set.
using Indices = std::vector<Eigen::Index>;

/// All of 0 .. n - 1 that are not in `left_out`, which is in increasing order.
Indices complement(const Indices& left_out, Eigen::Index n);

/// The data set of some of its samples, which may be repeated. An input that is the same in all of them
/// stays.
Dataset subset(const Dataset& data, const Indices& samples);

/// The weights of the samples: ones where they have none.
Eigen::ArrayXd sample_weights(const Dataset& data);

/// What the names and numbers of a data set are, or a text, as one number (FNV-1a over the bytes) in
/// hexadecimal.
std::string fingerprint(const Dataset& data);
std::string fingerprint(std::string_view text);

}  // namespace moest
