// The extension module moest._core: the library's functions for Python, with specifications, options and
// records as JSON texts. moest/*.py gives them their Python faces.
#include <fmt/format.h>

#include "moest/base/build_info.h"
#include "moest/base/error.h"
#include "moest/base/json_text.h"
#include "python/bindings/bindings.h"

namespace moest::python {
namespace {

/// A problem of the user's is a ValueError, one of the environment or of the library a RuntimeError.
void translate(std::exception_ptr thrown) {
  try {
    if (thrown) {
      std::rethrow_exception(std::move(thrown));
    }
  } catch (const InputError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const EnvironmentError& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

}  // namespace

Array::Array(const pybind11::object& array) : array_(pybind11::array_t<double>::ensure(array)) {
  if (!array_ || array_.ndim() != 2) {
    PyErr_Clear();
    throw std::invalid_argument("a two-dimensional array of numbers is needed");
  }
  constexpr auto kSize = static_cast<pybind11::ssize_t>(sizeof(double));
  const auto is_plain = [&](int axis) {
    return array_.strides(axis) >= 0 && array_.strides(axis) % kSize == 0;
  };
  const bool is_aligned = (array_.flags() & pybind11::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  if (!is_aligned || !is_plain(0) || !is_plain(1)) {
    array_ = pybind11::array_t<double, pybind11::array::c_style | pybind11::array::forcecast>(array_);
  }
}

MatrixView Array::view() const {
  constexpr auto kSize = static_cast<pybind11::ssize_t>(sizeof(double));
  using Strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  return Eigen::Map<const Eigen::MatrixXd, 0, Strides>(
      array_.data(), array_.shape(0), array_.shape(1),
      Strides(array_.strides(1) / kSize, array_.strides(0) / kSize));
}

const Model& Mixture::single(const std::string& what) const {
  if (ensemble.members.size() > 1) {
    throw InputError(fmt::format("{} cannot be had of an ensemble", what),
                     "its members have gates and experts of their own", "Fit with ensemble=1.");
  }
  return ensemble.members.front();
}

nlohmann::ordered_json json_of(const std::string& text) { return parse_json(text, "argument", "JSON", "it"); }

}  // namespace moest::python

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled core of moest; use the package's own functions.";
  module.attr("__version__") = moest::build_info().version;
  pybind11::register_exception_translator(moest::python::translate);
  moest::python::bind_model(module);
  moest::python::bind_fit(module);
  moest::python::bind_theory(module);
  moest::python::bind_study(module);
}
