// Models: files, predictions, samples.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "moest/base/build_info.h"
#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/model/simulate.h"
#include "moest/model/student.h"
#include "moest/report/model_text.h"
#include "python/bindings/bindings.h"

namespace moest::python {
namespace {

namespace py = pybind11;
using Released = py::call_guard<py::gil_scoped_release>;

/// The inputs of a prediction, as many columns as the model has inputs.
MatrixView checked(const Mixture& mixture, const Array& inputs) {
  const MatrixView view = inputs.view();
  const std::size_t wanted = mixture.ensemble.members.front().inputs.size();
  if (static_cast<std::size_t>(view.cols()) != wanted) {
    throw InputError(fmt::format("the array has {} columns", view.cols()),
                     fmt::format("the model has {} inputs", wanted), "Give a column for each of them.");
  }
  return view;
}

template <class Call>
auto unlocked(const Call& call) {
  const py::gil_scoped_release released;
  return call();
}

std::pair<Eigen::MatrixXd, Eigen::MatrixXd> band_of(const Mixture& mixture, const MatrixView& inputs,
                                                    double confidence, int threads) {
  check_range("confidence", confidence, kLeastConfidence, kMostConfidence);
  const Model& model = mixture.single("a confidence band");
  const Eigen::MatrixXd errors = mean_standard_errors(model, inputs, threads);
  const double quantile = student_quantile(model.covariance->degrees_of_freedom, confidence);
  const Eigen::MatrixXd mean = predict_mean(model, inputs, threads);
  return {mean - quantile * errors, mean + quantile * errors};
}

std::vector<double> noise_of(const Mixture& mixture) {
  const Model& model = mixture.ensemble.members.front();
  if (model.noise_variance.empty()) {
    throw InputError("the model does not know its noise", "there were not more samples than parameters",
                     "Give the noise, or fit with more samples.");
  }
  std::vector<double> deviations;
  deviations.reserve(model.noise_variance.size());
  for (const double variance : model.noise_variance) {
    deviations.push_back(std::sqrt(variance));
  }
  return deviations;
}

/// f(X) with noise.
Eigen::MatrixXd sample(const Mixture& mixture, const Array& inputs, std::uint64_t seed, int threads) {
  const MatrixView view = checked(mixture, inputs);
  const std::vector<double> noise = noise_of(mixture);
  return unlocked([&] {
    Eigen::MatrixXd target = predict_mean(mixture.ensemble, view, threads);
    add_noise(target, noise, seed);
    return target;
  });
}

std::pair<Eigen::MatrixXd, Eigen::MatrixXd> simulated(const Mixture& mixture, Eigen::Index num_samples,
                                                      const std::string& distribution,
                                                      std::optional<std::vector<double>> noise_sd,
                                                      std::uint64_t seed, int threads) {
  const Model& model = mixture.single("simulated data");
  const InputDistribution inputs = parse_distribution(distribution);
  const std::vector<double> noise = noise_sd ? *noise_sd : noise_of(mixture);
  check_range("n_samples", static_cast<double>(num_samples), 1, 1e12);
  if (noise.size() != model.targets.size()) {
    throw InputError(fmt::format("there are {} noise levels", noise.size()),
                     fmt::format("the model has {} targets", model.targets.size()), "Give one for each.");
  }
  for (const double sd : noise) {
    check_range("noise", sd, 0, 1e150);
  }
  return unlocked([&]() -> std::pair<Eigen::MatrixXd, Eigen::MatrixXd> {
    SimulatedData data = simulate(model, num_samples, inputs, noise, seed, threads);
    return {std::move(data.inputs), std::move(data.target)};
  });
}

}  // namespace

void bind_model(py::module_& module) {
  module.def("build_info", [] {
    const BuildInfo info = build_info();
    return py::dict(py::arg("version") = info.version, py::arg("git_revision") = info.git_revision,
                    py::arg("compiler") = info.compiler, py::arg("simd_target") = info.simd_target);
  });
  module.def(
      "write_file", [](const std::string& path, const py::bytes& content) { write_output(path, content); },
      py::arg("path"), py::arg("content"));
  py::class_<Mixture>(module, "Mixture")
      .def_static(
          "from_json", [](const std::string& text) { return Mixture{parse_ensemble(text, "model")}; },
          py::arg("text"))
      .def_static(
          "read", [](const std::string& path) { return Mixture{read_ensemble(path)}; }, py::arg("path"),
          Released())
      .def("to_json", [](const Mixture& self) { return to_json(self.ensemble).dump(); })
      .def(
          "write", [](const Mixture& self, const std::string& path) { write_ensemble(path, self.ensemble); },
          py::arg("path"))
      .def("describe", [](const Mixture& self) { return describe_ensemble(self.ensemble); })
      .def_property_readonly("inputs",
                             [](const Mixture& self) { return self.ensemble.members.front().inputs; })
      .def_property_readonly("targets",
                             [](const Mixture& self) { return self.ensemble.members.front().targets; })
      .def_property_readonly("n_members", [](const Mixture& self) { return self.ensemble.members.size(); })
      .def(
          "predict",
          [](const Mixture& self, const py::object& x, int threads) {
            const Array array(x);
            const MatrixView view = checked(self, array);
            return unlocked([&] { return predict_mean(self.ensemble, view, threads); });
          },
          py::arg("x"), py::arg("threads"))
      .def(
          "gate",
          [](const Mixture& self, const py::object& x, int threads) {
            const Array array(x);
            const MatrixView view = checked(self, array);
            const Model& model = self.single("gate weights");
            return unlocked([&] { return std::move(predict(model, view, threads).weights); });
          },
          py::arg("x"), py::arg("threads"))
      .def(
          "experts",
          [](const Mixture& self, const py::object& x, int threads) {
            const Array array(x);
            const MatrixView view = checked(self, array);
            const Model& model = self.single("experts");
            return unlocked([&] { return std::move(predict(model, view, threads).experts); });
          },
          py::arg("x"), py::arg("threads"))
      .def(
          "band",
          [](const Mixture& self, const py::object& x, double confidence, int threads) {
            const Array array(x);
            const MatrixView view = checked(self, array);
            return unlocked([&] { return band_of(self, view, confidence, threads); });
          },
          py::arg("x"), py::arg("confidence"), py::arg("threads"))
      .def(
          "sample",
          [](const Mixture& self, const py::object& x, std::uint64_t seed, int threads) {
            return sample(self, Array(x), seed, threads);
          },
          py::arg("x"), py::arg("seed"), py::arg("threads"))
      .def("simulate", &simulated, py::arg("n_samples"), py::arg("inputs"), py::arg("noise"), py::arg("seed"),
           py::arg("threads"))
      .def(py::pickle([](const Mixture& self) { return to_json(self.ensemble).dump(); },
                      [](const std::string& text) { return Mixture{parse_ensemble(text, "pickle")}; }));
}

}  // namespace moest::python
