// A mixture of experts as a graph of operators.
#pragma once

#include <string>

#include "moest/export/graph_writer.h"
#include "moest/model/model.h"

namespace moest {

/// The arrays of a mixture's graph that are known outside, all in the data's units.
inline constexpr const char* kGraphInputs = "x";  // n x d
inline constexpr const char* kGraphMean = "y";    // n x m: f(x), within the target ranges if there are any
inline constexpr const char* kGraphWeights = "weights";  // n x k: w_i(x), of a single model only

/// The graph of a model or an ensemble, of which `weights` is only made for a single model.
/// It gives what predict() and predict_mean() give, from the same charts, links and combiners. Distances and
/// lengths are those of differences, in units of the largest coordinate; in float32 an offset of the inputs
/// is taken off in two parts, so that a large one costs no accuracy. Where all inputs of the cosine gate are
/// 0, which predict() refuses, f is not a number. Throws InputError as check() does, and for a gate that has
/// no graph.
Graph mixture_graph(const Ensemble& ensemble, OnnxPrecision precision);

}  // namespace moest
