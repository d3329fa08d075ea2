// The extension module moest._onnx, apart from moest._core so that only those who export load ONNX's
// libraries.
#include "moest/export/onnx.h"

#include <pybind11/pybind11.h>

#include <stdexcept>

#include "moest/base/error.h"
#include "moest/model/model_json.h"

namespace {

pybind11::bytes bytes_of(const std::string& model, const std::string& precision) {
  try {
    return moest::onnx_bytes(moest::parse_ensemble(model, "model"), moest::onnx_precision(precision));
  } catch (const moest::InputError& error) {
    throw pybind11::value_error(error.what());
  }
}

}  // namespace

PYBIND11_MODULE(_onnx, module) {
  module.doc() = "Models as ONNX; use moest.Model.to_onnx.";
  module.def("onnx_bytes", &bytes_of, pybind11::arg("model"), pybind11::arg("precision"));
}
