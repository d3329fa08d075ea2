// Models as ONNX files, for runtimes that know nothing of moest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "moest/export/mixture_graph.h"
#include "moest/model/model.h"

namespace moest {

/// What the files declare: the set of operators and the version of the format that they are written in.
inline constexpr int kOnnxOperatorSet = 17;
inline constexpr int kOnnxFormatVersion = 8;

/// Whether this build can export, which takes libonnx.
bool has_onnx();

/// The precisions by name, `float` and `double`. Throws InputError for another name.
std::vector<std::string> onnx_precision_names();
OnnxPrecision onnx_precision(std::string_view name);

/// The model or ensemble as an ONNX model, checked by libonnx. Its input `x` is n x d, columns as in the
/// model's inputs, in the data's units, n free; its outputs are `y`, n x m, as predict_mean() gives it and,
/// of a single model, `weights`, n x k. The metadata `inputs` and `targets` are the names as JSON lists;
/// `categories`, where there are any, is the model file's field. The same model gives the same bytes. Throws
/// InputError for a model without a graph of standard operators, for one with numbers beyond the precision,
/// for one of 2 GB or more, and in a build without libonnx.
std::string onnx_bytes(const Ensemble& ensemble, OnnxPrecision precision);

/// Writes them to a file; "-" is standard output. Throws also EnvironmentError.
void write_onnx(const std::string& path, const Ensemble& ensemble, OnnxPrecision precision);

}  // namespace moest
