// Fitting, and choosing the number of experts.
#include <optional>

#include "moest/base/error.h"
#include "moest/base/json_reader.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/report/model_text.h"
#include "moest/report/selection_text.h"
#include "moest/selection/selection.h"
#include "python/bindings/bindings.h"

namespace moest::python {
namespace {

namespace py = pybind11;

struct ArrayArguments {
  ArrayArguments(const py::object& x, const py::object& y, const py::object& weights,
                 std::vector<std::string> inputs, std::vector<std::string> targets)
      : x_(x), y_(y), inputs_(std::move(inputs)), targets_(std::move(targets)) {
    if (!weights.is_none()) {
      weights_.emplace(weights);
    }
  }

  Dataset dataset() const {
    Arrays arrays{x_.view(), y_.view(), {}, inputs_, targets_};
    if (weights_) {
      arrays.weights.emplace(weights_->view());
    }
    return make_dataset(arrays);
  }

 private:
  Array x_, y_;
  std::optional<Array> weights_;
  std::vector<std::string> inputs_, targets_;
};

FitOptions options_of(const std::string& text) {
  const nlohmann::ordered_json json = json_of(text);
  ObjectReader reader(json, "", "options");
  FitOptions options;
  read_options(reader, fit_options(), options, [](std::string_view) { return true; });
  if (const nlohmann::ordered_json* fix = reader.find("fix")) {
    options.fix = list_of(*fix, "fix", string_of);
  }
  reader.refuse_the_rest();
  return options;
}

MixtureSpec spec_of(const std::string& gate, const std::string& expert, int num_experts) {
  check_range("n_experts", num_experts, 1, 1e6);
  MixtureSpec spec;
  spec.gate = gate_from_json(json_of(gate), "gate");
  spec.expert = expert_from_json(json_of(expert), "expert");
  spec.num_experts = num_experts;
  return spec;
}

FitControl control_of(const std::atomic<bool>* interrupt, const py::object& progress) {
  FitControl control{interrupt, {}};
  if (!progress.is_none()) {
    control.progress = [&progress](const FitProgress& state) {
      report_to(progress, state.starts_done, state.starts_planned, state.share_done, state.seconds,
                state.best_rss);
    };
  }
  return control;
}

py::dict fit_arrays(const py::object& x, const py::object& y, const py::object& weights,
                    const std::vector<std::string>& inputs, const std::vector<std::string>& targets,
                    const std::string& gate, const std::string& expert, int num_experts,
                    const std::string& options_text, const std::optional<Mixture>& start,
                    const py::object& progress) {
  const ArrayArguments arguments(x, y, weights, inputs, targets);
  const FitOptions options = options_of(options_text);
  const MixtureSpec spec = spec_of(gate, expert, num_experts);
  if (options.starts == 0 && !start) {
    throw InputError("starts = 0 leaves nothing to do", "there is no start either",
                     "Give starts a positive number, or leave it out.");
  }
  struct Found {
    FitResult fit;
    std::vector<std::string> notes;
    std::string report;
  };
  const auto outcome = interruptible([&](const std::atomic<bool>* interrupt) {
    const Dataset data = arguments.dataset();
    std::optional<Model> first;
    if (start) {
      first = start->ensemble.members.front();
    }
    Found found{fit(spec, data, options, control_of(interrupt, progress), first), data.notes, {}};
    std::optional<Regimes> regimes;
    if (data.inputs.cols() == 1 && !found.fit.model.atoms.empty()) {
      regimes = find_regimes(data.inputs, predict(found.fit.model, data.inputs, options.threads).weights);
    }
    if (!found.fit.model.atoms.empty()) {
      found.report = fit_report("X, y", found.fit.model, found.fit.summary, regimes);
    }
    return found;
  });
  const Found& found = outcome.result;
  return py::dict(py::arg("mixture") = found.fit.model.atoms.empty() ? py::object(py::none())
                                                                     : py::cast(Mixture{found.fit.ensemble}),
                  py::arg("summary") = to_json(found.fit.summary).dump(), py::arg("report") = found.report,
                  py::arg("notes") = found.notes, py::arg("was_interrupted") = outcome.was_interrupted);
}

py::dict select_arrays(const Mixture& mixture, const py::object& x, const py::object& y,
                       const py::object& weights, const std::vector<std::string>& inputs,
                       const std::vector<std::string>& targets, const std::string& options_text,
                       const py::object& progress) {
  const ArrayArguments arguments(x, y, weights, inputs, targets);
  const Model& model = mixture.single("the number of experts");
  const nlohmann::ordered_json json = json_of(options_text);
  ObjectReader reader(json, "", "options");
  SelectionOptions options;
  read_options(reader, selection_options(), options, [](std::string_view) { return true; });
  reader.refuse_the_rest();
  const auto outcome = interruptible([&](const std::atomic<bool>* interrupt) {
    std::function<void(int, int, double)> report;
    if (!progress.is_none()) {
      report = [&](int done, int planned, double seconds) { report_to(progress, done, planned, seconds); };
    }
    const Dataset data = arguments.dataset();
    if (data.input_names != model.inputs || data.target_names != model.targets) {
      throw InputError(fmt::format("the data have the inputs {}", listed(data.input_names)),
                       fmt::format("those of the fit that vary are {}", listed(model.inputs)),
                       "Give the data of the fit.");
    }
    return select(model, data, options, {interrupt, {}}, report);
  });
  const Selection& selection = outcome.result;
  py::list models;
  for (const SelectionRow& row : selection.rows) {
    models.append(Mixture{row.fit.ensemble});
  }
  return py::dict(py::arg("record") = to_json(selection).dump(),
                  py::arg("report") = selection_report(selection, "X, y"), py::arg("mixtures") = models,
                  py::arg("was_interrupted") = outcome.was_interrupted);
}

/// [{"name", "default", "sentence", "unit", "choices"}, ..]: what the signatures and docstrings are held to.
template <class Owner>
nlohmann::ordered_json declarations(std::span<const Option<Owner>> options) {
  static const Owner kDefaults{};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Option<Owner>& option : options) {
    list.push_back({{"name", option.name},
                    {"default", option_json(option, kDefaults)},
                    {"sentence", option.sentence},
                    {"unit", option.unit},
                    {"choices", option.choices}});
  }
  return list;
}

/// {kind: {"formula", "summary", "options"}, ..}
template <class InfoOf>
nlohmann::ordered_json kinds_of(const std::vector<std::string>& names, const InfoOf& info_of) {
  nlohmann::ordered_json kinds;
  for (const std::string& name : names) {
    const KindInfo& info = info_of(name);
    kinds[name] = {{"formula", info.formula}, {"summary", info.summary}, {"options", info.options}};
  }
  return kinds;
}

}  // namespace

void bind_fit(py::module_& module) {
  module.def("fit", &fit_arrays, py::arg("x"), py::arg("y"), py::arg("weights"), py::arg("inputs"),
             py::arg("targets"), py::arg("gate"), py::arg("expert"), py::arg("n_experts"), py::arg("options"),
             py::arg("start"), py::arg("progress"));
  module.def("select", &select_arrays, py::arg("mixture"), py::arg("x"), py::arg("y"), py::arg("weights"),
             py::arg("inputs"), py::arg("targets"), py::arg("options"), py::arg("progress"));
  module.def("kinds", [] {
    const auto expert_info = [](const std::string& name) -> const KindInfo& {
      return expert_kind(name).info;
    };
    return nlohmann::ordered_json{{"gate", kinds_of(gate_names(), gate_info)},
                                  {"expert", kinds_of(expert_names(), expert_info)}}
        .dump();
  });
  module.def("options", [] {
    return nlohmann::ordered_json{{"fit", declarations(fit_options())},
                                  {"gate", declarations(gate_options())},
                                  {"expert", declarations(expert_options())},
                                  {"selection", declarations(selection_options())}}
        .dump();
  });
}

}  // namespace moest::python
