// Losses against a truth, and the identifiability analysis.
#include <fmt/format.h>

#include <optional>

#include "moest/base/error.h"
#include "moest/base/json_reader.h"
#include "moest/model/catalogue.h"
#include "moest/model/model_json.h"
#include "moest/report/analysis_text.h"
#include "moest/report/loss_text.h"
#include "moest/report/model_text.h"
#include "moest/theory/formula_family.h"
#include "moest/theory/identifiability_record.h"
#include "moest/theory/loss_record.h"
#include "moest/theory/voronoi.h"
#include "python/bindings/bindings.h"

namespace moest::python {
namespace {

namespace py = pybind11;

py::dict loss_between(const Mixture& fitted, const Mixture& truth, double power) {
  const Model& first = fitted.single("a loss");
  const Model& second = truth.single("a loss");
  const VoronoiLoss raw = voronoi_loss(first, second, {Coordinates::raw, power});
  const VoronoiLoss reduced = voronoi_loss(first, second, {Coordinates::reduced, power});
  const nlohmann::ordered_json record{{"power", power}, {"raw", to_json(raw)}, {"reduced", to_json(reduced)}};
  const std::string title = fmt::format("{}; against the truth: {}", model_title(first), model_title(second));
  using namespace py::literals;
  return py::dict("record"_a = record.dump(), "report"_a = loss_report(title, raw, reduced, power));
}

/// The gate, and the expert's options, from their JSON; the expert's kind is left to family_with().
MixtureSpec spec_of(const nlohmann::ordered_json& question) {
  MixtureSpec spec;
  spec.gate = gate_from_json(question.at("gate"), "gate");
  ObjectReader reader(question.at("expert_options"), "expert", "question");
  read_options(reader, expert_options(), spec.expert, [](std::string_view) { return true; });
  reader.refuse_the_rest();
  spec.num_inputs = question.at("n_inputs").get<int>();
  spec.num_experts = question.at("n_true").get<int>();
  return spec;
}

template <class T>
std::optional<T> find(const nlohmann::ordered_json& question, const char* name) {
  const nlohmann::ordered_json& value = question.at(name);
  return value.is_null() ? std::nullopt : std::optional(value.get<T>());
}

AnalysisRequest request_of(const nlohmann::ordered_json& question, int num_true) {
  AnalysisRequest request;
  request.options.num_experts = find<int>(question, "n_experts").value_or(num_true + 1);
  request.options.num_truths = question.at("truths").get<int>();
  request.options.half_width = question.at("half_width").get<double>();
  request.options.seed = question.at("seed").get<std::uint64_t>();
  request.options.num_threads = question.at("threads").get<int>();
  request.num_samples = find<double>(question, "n_samples");
  request.noise = find<double>(question, "noise");
  request.inputs = parse_distribution(question.at("inputs").get<std::string>());
  if (const auto gates = find<std::vector<int>>(question, "merge_gates")) {
    request.merge_gates = {gates->at(0), gates->at(1)};
  }
  return request;
}

/// `question`: what moest/_theory.py makes of the arguments of analyze().
py::dict analyze_question(const std::string& text, const std::optional<Mixture>& truth) {
  const nlohmann::ordered_json question = json_of(text);
  std::optional<Measure> measure;
  MixtureFamily family;
  if (truth) {
    const Model& model = truth->single("an analysis");
    measure = model.measure();
    family.spec = model.spec;
  } else {
    family = family_with(spec_of(question),
                         {find<std::string>(question, "expert"), find<std::string>(question, "activation"),
                          question.at("parameters").get<std::vector<std::string>>()});
    check(family.spec);
  }
  const AnalysisRequest request = request_of(question, family.spec.num_experts);
  struct Interrupted {};
  // Between two truths it can be ended.
  const auto outcome = interruptible([&](const std::atomic<bool>* interrupt) -> std::optional<Analysis> {
    try {
      return full_analysis(family, measure, request, [&](double /*share*/) {
        if (*interrupt) {
          throw Interrupted{};
        }
      });
    } catch (const Interrupted&) {
      return std::nullopt;
    }
  });
  if (outcome.was_interrupted || !outcome.result) {
    PyErr_SetNone(PyExc_KeyboardInterrupt);
    throw py::error_already_set();
  }
  const Analysis& analysis = *outcome.result;
  using namespace py::literals;
  return py::dict("record"_a = to_json(analysis).dump(),
                  "report"_a = analysis_report(analysis, Notation::text),
                  "latex"_a = analysis_report(analysis, Notation::latex));
}

}  // namespace

void bind_theory(py::module_& module) {
  module.def("loss", &loss_between, py::arg("fitted"), py::arg("truth"), py::arg("power"));
  module.def("analyze", &analyze_question, py::arg("question"), py::arg("truth"));
}

}  // namespace moest::python
