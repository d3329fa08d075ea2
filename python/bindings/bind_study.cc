// Studies: run, resumed, read.
#include <map>
#include <memory>
#include <optional>

#include "moest/report/page.h"
#include "moest/report/study_report.h"
#include "moest/report/study_text.h"
#include "moest/study/library.h"
#include "moest/study/plan.h"
#include "moest/study/rates.h"
#include "moest/study/runner.h"
#include "moest/study/store.h"
#include "moest/study/trial_json.h"
#include "python/bindings/bindings.h"

namespace moest::python {
namespace {

namespace py = pybind11;
using Released = py::call_guard<py::gil_scoped_release>;

template <class Row>
std::string list_text(const std::vector<Row>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    list.push_back(to_json(row));
  }
  return list.dump();
}

StudyRun run(const Study& study, const std::string& path, bool extends, int threads,
             const py::object& progress, bool& was_interrupted) {
  const auto outcome = interruptible([&](const std::atomic<bool>* interrupt) {
    StudyStore store(path, StudyStore::Access::write);
    adopt_study(study, store, extends ? Extension::allow : Extension::refuse);
    RunOptions options{threads, interrupt, {}};
    if (!progress.is_none()) {
      options.progress = [&progress](const StudyProgress& state) {
        report_to(progress, state.num_done, state.num_planned, state.num_failed, state.share_done,
                  state.seconds);
      };
    }
    Communicator alone;
    return run_trials(study, store, missing_keys(study, store), options, alone);
  });
  was_interrupted = outcome.was_interrupted;
  return outcome.result;
}

StudyResults results_of(const Study& study, const std::string& path) {
  StudyResults results;
  results.study = study;
  results.rows = StudyStore(path, StudyStore::Access::read).rows();
  results.planned = plan(study);
  results.rates = rates(study, results.rows, results.planned);
  return results;
}

}  // namespace

void bind_study(py::module_& module) {
  module.def("shipped_studies", [] {
    std::vector<std::string> names;
    for (const ShippedStudy& shipped : shipped_studies()) {
      names.emplace_back(shipped.name);
    }
    return names;
  });
  py::class_<Study>(module, "Study")
      .def_static("read", &read_study, py::arg("path"))
      .def_static(
          "parse", [](const std::string& text) { return parse_study(text, "study", ""); }, py::arg("text"))
      .def_static(
          "of_json", [](const std::string& text) { return study_of(json_of(text)); }, py::arg("text"))
      .def_static(
          "shipped",
          [](const std::string& name) {
            const ShippedStudy& shipped = shipped_study(name);
            return parse_study(std::string(shipped.text), std::string(shipped.name) + ".toml", "");
          },
          py::arg("name"))
      .def_static(
          "stored",
          [](const std::string& path) { return StudyStore(path, StudyStore::Access::read).study(); },
          py::arg("path"))
      .def_readonly("name", &Study::name)
      .def_readonly("claim", &Study::claim)
      .def_property_readonly("document", [](const Study& self) { return self.document.dump(); })
      .def_property_readonly("n_trials", [](const Study& self) { return trial_keys(self).size(); })
      .def(
          "plan", [](const Study& self) { return plan_text(self, plan(self)); }, Released())
      .def(
          "run",
          [](const Study& self, const std::string& store, bool extends, int threads,
             const py::object& progress) {
            bool was_interrupted = false;
            const StudyRun done = run(self, store, extends, threads, progress, was_interrupted);
            return py::dict(py::arg("n_run") = done.num_run, py::arg("n_failed") = done.num_failed,
                            py::arg("n_missing") = done.num_missing, py::arg("seconds") = done.seconds,
                            py::arg("was_interrupted") = was_interrupted);
          },
          py::arg("store"), py::arg("extends"), py::arg("threads"), py::arg("progress"))
      .def(
          "rates",
          [](const Study& self, const std::string& store) {
            const StudyResults results = results_of(self, store);
            return std::map<std::string, std::string>{{"rows", list_text(results.rates)},
                                                      {"report", rates_text(self, results.rates)}};
          },
          py::arg("store"), Released())
      .def(
          "trials",
          [](const Study&, const std::string& store) {
            return list_text(StudyStore(store, StudyStore::Access::read).rows());
          },
          py::arg("store"), Released())
      .def(
          "report",
          [](const Study& self, const std::string& store, const std::string& folder) {
            check_report_folder(folder);
            write_study_report(results_of(self, store), folder);
          },
          py::arg("store"), py::arg("folder"), Released());
}

}  // namespace moest::python
