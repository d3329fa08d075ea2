// Losses against a truth, and the identifiability analysis.
#include <fmt/format.h>

#include <map>
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

std::map<std::string, std::string> loss_between(const Mixture& fitted, const Mixture& truth, double power) {
  const Model& first = fitted.single("a loss");
  const Model& second = truth.single("a loss");
  const VoronoiLoss raw = voronoi_loss(first, second, {Coordinates::raw, power});
  const VoronoiLoss reduced = voronoi_loss(first, second, {Coordinates::reduced, power});
  const nlohmann::ordered_json record{{"power", power}, {"raw", to_json(raw)}, {"reduced", to_json(reduced)}};
  const std::string title = fmt::format("{}; against the truth: {}", model_title(first), model_title(second));
  return {{"record", record.dump()}, {"report", loss_report(title, raw, reduced, power)}};
}

/// What moest/_theory.py makes of the arguments of analyze().
class Question {
 public:
  explicit Question(const nlohmann::ordered_json& json) : reader_(json, "", "question") {}

  bool has(const char* name) { return !reader_.require(name).is_null(); }
  double number(const char* name) { return number_of(reader_.require(name), name); }
  int whole(const char* name) { return whole_of(reader_.require(name), name); }
  std::string text(const char* name) { return string_of(reader_.require(name), name); }
  std::optional<double> optional_number(const char* name) {
    return has(name) ? std::optional(number(name)) : std::nullopt;
  }
  std::optional<std::string> optional_text(const char* name) {
    return has(name) ? std::optional(text(name)) : std::nullopt;
  }

  /// The gate, and the expert's options; the expert's kind is left to family_with().
  MixtureSpec spec() {
    MixtureSpec spec;
    spec.gate = gate_from_json(reader_.require("gate"), "gate");
    ObjectReader options(reader_.require("expert_options"), "expert", "question");
    read_options(options, expert_options(), spec.expert, [](std::string_view) { return true; });
    options.refuse_the_rest();
    spec.num_inputs = whole("n_inputs");
    spec.num_experts = whole("n_true");
    return spec;
  }

  ExpertText expert() {
    return {optional_text("expert"), optional_text("activation"),
            list_of(reader_.require("parameters"), "parameters", string_of)};
  }

  AnalysisRequest request(int num_true) {
    constexpr double kMostSeed = 9.007199254740992e15;
    AnalysisRequest request;
    request.options.num_experts = has("n_experts") ? whole("n_experts") : num_true + 1;
    request.options.num_truths = whole("truths");
    request.options.half_width = number("half_width");
    check_range("seed", number("seed"), 0, kMostSeed);
    request.options.seed = static_cast<std::uint64_t>(number("seed"));
    request.options.num_threads = whole("threads");
    request.num_samples = optional_number("n_samples");
    request.noise = optional_number("noise");
    request.inputs = parse_distribution(text("inputs"));
    if (has("merge_gates")) {
      const nlohmann::ordered_json& gates = reader_.require("merge_gates");
      if (!is_list_of_numbers(gates, 2)) {
        refuse_type("merge_gates", gates, "two experts");
      }
      request.merge_gates = {gates[0].get<int>(), gates[1].get<int>()};
    }
    return request;
  }

 private:
  ObjectReader reader_;
};

py::dict analyze_question(const std::string& text, const std::optional<Mixture>& truth) {
  const nlohmann::ordered_json json = json_of(text);
  Question question(json);
  std::optional<Measure> measure;
  MixtureFamily family;
  if (truth) {
    const Model& model = truth->single("an analysis");
    measure = model.measure();
    family.spec = model.spec;
  } else {
    family = family_with(question.spec(), question.expert());
    check(family.spec);
  }
  const AnalysisRequest request = question.request(family.spec.num_experts);
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
  return py::dict(py::arg("record") = to_json(analysis).dump(),
                  py::arg("report") = analysis_report(analysis, Notation::text),
                  py::arg("latex") = analysis_report(analysis, Notation::latex));
}

}  // namespace

void bind_theory(py::module_& module) {
  module.def("loss", &loss_between, py::arg("fitted"), py::arg("truth"), py::arg("power"),
             py::call_guard<py::gil_scoped_release>());
  module.def("analyze", &analyze_question, py::arg("question"), py::arg("truth"));
}

}  // namespace moest::python
