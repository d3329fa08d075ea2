#include "moest/study/specification.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/json_reader.h"
#include "moest/base/number.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/model/model_json.h"
#include "moest/study/toml.h"
#include "moest/study/truth.h"
#include "moest/theory/mixing_measure.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kWhole = "study";
constexpr double kLargestSize = 1e8;
constexpr double kLargestNoise = 1e150;

double number_in(const Json& json, const std::string& path, double low, double high) {
  const double value = number_of(json, path);
  if (!(value >= low && value <= high)) {
    refuse_type(path, json, fmt::format("a number from {} to {}", low, high));
  }
  return value;
}

std::int64_t whole_in(const Json& json, const std::string& path, double low, double high) {
  const double value = number_in(json, path, low, high);
  if (value != std::round(value)) {
    refuse_type(path, json, "a whole number");
  }
  return static_cast<std::int64_t>(value);
}

std::string text_or(ObjectReader& reader, std::string_view field, const std::string& otherwise) {
  const Json* found = reader.find(field);
  return found == nullptr ? otherwise : string_of(*found, reader.path_of(field));
}

/// One of the choices, by its index.
std::size_t choice_of(const Json& json, const std::string& path, std::span<const std::string_view> choices) {
  const std::string text = string_of(json, path);
  const auto found = std::ranges::find(choices, text);
  if (found == choices.end()) {
    refuse_type(path, json, fmt::format("one of {}", fmt::join(choices, ", ")));
  }
  return static_cast<std::size_t>(found - choices.begin());
}

/// A list, or `number` sizes from `from` to `to` with equal ratios, rounded.
std::vector<std::int64_t> sizes_of(const Json& json, const std::string& path) {
  std::vector<std::int64_t> sizes;
  if (json.is_object()) {
    ObjectReader reader(json, path, kWhole);
    const auto whole = [&](std::string_view field, double low, double high) {
      return whole_in(reader.require(field), reader.path_of(field), low, high);
    };
    const auto from = static_cast<double>(whole("from", 1, kLargestSize));
    const auto to = static_cast<double>(whole("to", from, kLargestSize));
    constexpr double kMostSizes = 10'000;
    const auto number = whole("number", 1, kMostSizes);
    reader.refuse_the_rest();
    for (std::int64_t i = 0; i < number; ++i) {
      const double share = number == 1 ? 1 : static_cast<double>(i) / static_cast<double>(number - 1);
      sizes.push_back(std::llround(from * std::pow(to / from, share)));
    }
  } else {
    sizes = list_of(json, path, [](const Json& item, const std::string& at) {
      return whole_in(item, at, 1, kLargestSize);
    });
  }
  std::ranges::sort(sizes);
  const auto repeated = std::ranges::unique(sizes);
  sizes.erase(repeated.begin(), repeated.end());
  if (sizes.empty()) {
    refuse_type(path, json, "a list with at least one size");
  }
  return sizes;
}

Statistic statistic_of(const Json& json, const std::string& path) {
  const std::string text = string_of(json, path);
  constexpr std::string_view kQuantile = "quantile:";
  if (text == "mean") {
    return {};
  }
  if (text == "median") {
    return {Statistic::Kind::quantile, 0.5};
  }
  if (text.starts_with(kQuantile)) {
    const ParsedNumber number = parse_number(std::string_view(text).substr(kQuantile.size()));
    if (number.status == NumberStatus::ok && number.value > 0 && number.value < 1) {
      return {Statistic::Kind::quantile, number.value};
    }
  }
  refuse_type(path, json, "mean, median, or quantile:Q with 0 < Q < 1");
}

TruthSequence sequence_of(const Json& json, const std::string& path, int num_atoms) {
  static constexpr std::array<std::string_view, 2> kWhat{"gate", "atom"};
  ObjectReader reader(json, path, kWhole);
  TruthSequence sequence;
  if (const Json* what = reader.find("what")) {
    sequence.what = choice_of(*what, reader.path_of("what"), kWhat) == 0 ? TruthSequence::What::gate
                                                                         : TruthSequence::What::atom;
  }
  const auto atom = [&](std::string_view field) {
    return static_cast<int>(whole_in(reader.require(field), reader.path_of(field), 0, num_atoms - 1));
  };
  sequence.move = atom("move");
  sequence.towards = atom("towards");
  if (sequence.move == sequence.towards) {
    refuse_type(reader.path_of("move"), json["move"], "another atom than `towards`");
  }
  constexpr double kLargestExponent = 10;
  sequence.exponent = number_in(reader.require("exponent"), reader.path_of("exponent"), 0, kLargestExponent);
  sequence.from = number_in(reader.require("from"), reader.path_of("from"), 1, kLargestSize);
  reader.refuse_the_rest();
  return sequence;
}

/// The kinds and the numbers of a truth that is drawn.
Model random_model(ObjectReader& reader) {
  MixtureSpec spec;
  spec.gate = gate_from_json(reader.require("gate"), reader.path_of("gate"));
  spec.expert = expert_from_json(reader.require("expert"), reader.path_of("expert"));
  constexpr double kMostExperts = 100;
  constexpr double kMostInputs = 1000;
  spec.num_experts =
      static_cast<int>(whole_in(reader.require("experts"), reader.path_of("experts"), 1, kMostExperts));
  const Json* dim = reader.find("dim");
  spec.num_inputs =
      dim == nullptr ? 1 : static_cast<int>(whole_in(*dim, reader.path_of("dim"), 1, kMostInputs));
  reader.refuse_the_rest();
  at_path(reader.path_of("gate"), [&] { group_sizes(spec); });
  return unnamed_model(spec);
}

/// The fields of a model file, `dim` in place of the names.
Model written_model(Json json, const std::string& path) {
  constexpr double kMostInputs = 1000;
  MixtureSpec spec;
  if (json.contains("dim")) {
    spec.num_inputs = static_cast<int>(whole_in(json["dim"], path + ".dim", 1, kMostInputs));
    json.erase("dim");
  }
  if (!json.contains("inputs")) {
    json["inputs"] = unnamed_model(spec).inputs;
  }
  if (!json.contains("target")) {
    json["target"] = "y";
  }
  json["moest_model"] = kModelFileVersion;
  Model model = at_path(path, [&] { return model_from_json(json); });
  if (model.scaling || model.spec.num_outputs > 1 || !model.categories.empty()) {
    throw InputError(fmt::format("{} cannot be the truth of a study", path),
                     model.scaling ? "it has a scaling, and studies fit unscaled data"
                                   : "it has several targets or categorical inputs",
                     "Write its atoms in the units of the data; for a fit, use --no-scaling.");
  }
  return model;
}

TruthSource truth_of(Json json, const std::string& path) {
  if (!json.is_object()) {
    refuse_type(path, json, "a table");
  }
  TruthSource truth;
  const Json sequence = json.contains("sequence") ? json["sequence"] : Json();
  json.erase("sequence");
  truth.is_random = json.value("random", Json(false)) == Json(true);
  json.erase("random");
  if (truth.is_random) {
    ObjectReader reader(json, path, kWhole);
    truth.model = random_model(reader);
  } else {
    truth.model = written_model(json, path);
  }
  if (!sequence.is_null()) {
    truth.sequence = sequence_of(sequence, path + ".sequence", truth.model.spec.num_experts);
  }
  return truth;
}

ExpectedRate expected_of(const Json& json, const std::string& path, const Arm& arm) {
  ObjectReader reader(json, path, kWhole);
  ExpectedRate expected;
  expected.metric = string_of(reader.require("metric"), reader.path_of("metric"));
  const Metric* of = at_path(reader.path_of("metric"), [&] { return &metric(expected.metric); });
  if (const Json* atom = reader.find("atom")) {
    expected.atom =
        static_cast<int>(whole_in(*atom, reader.path_of("atom"), 0, arm.truth.model.spec.num_experts - 1));
    if (!of->is_of_atoms) {
      refuse_type(reader.path_of("atom"), *atom, fmt::format("left out: {} is of the whole fit", of->name));
    }
  }
  const char* field = expected.metric == kChiSquare ? "mean" : "slope";
  constexpr double kLargest = 1e6;
  expected.value = number_in(reader.require(field), reader.path_of(field), -kLargest, kLargest);
  if (const Json* tolerance = reader.find("tolerance")) {
    expected.tolerance = number_in(*tolerance, reader.path_of("tolerance"), 0, kLargest);
  }
  expected.source = text_or(reader, "source", "");
  reader.refuse_the_rest();
  return expected;
}

/// Options of the fit that a study may set: those that do not belong to the program that runs it.
void read_fit(const Json& json, const std::string& path, FitOptions& options) {
  static constexpr std::array<std::string_view, 6> kNot{"scaling",    "seed",       "threads",
                                                        "confidence", "covariance", "ensemble"};
  ObjectReader reader(json, path, kWhole);
  read_options(reader, fit_options(), options,
               [&](std::string_view name) { return std::ranges::find(kNot, name) == kNot.end(); });
  if (const Json* fix = reader.find("fix")) {
    options.fix = list_of(*fix, reader.path_of("fix"), string_of);
  }
  reader.refuse_the_rest();
}

/// The mixture that an arm fits: the truth's, but for what the arm says.
MixtureSpec fitted_of(ObjectReader& reader, const TruthSource& truth) {
  MixtureSpec fitted = truth.model.spec;
  if (const Json* gate = reader.find("gate")) {
    fitted.gate = gate_from_json(*gate, reader.path_of("gate"));
  }
  if (const Json* expert = reader.find("expert")) {
    fitted.expert = expert_from_json(*expert, reader.path_of("expert"));
  }
  if (const Json* experts = reader.find("experts")) {
    constexpr double kMostExperts = 100;
    fitted.num_experts = static_cast<int>(whole_in(*experts, reader.path_of("experts"), 1, kMostExperts));
  }
  at_path(reader.path_of("experts"), [&] { group_sizes(fitted); });
  return fitted;
}

void check_near_start(const Arm& arm, const std::string& path) {
  const bool has_room =
      arm.fitted.num_experts == arm.truth.model.spec.num_experts ||
      (arm.fitted.num_experts > arm.truth.model.spec.num_experts && !has_groups(arm.fitted.gate));
  if (!arm.has_losses || !has_room) {
    throw InputError(
        fmt::format("{} = \"near\" cannot be used", path),
        "a start beside the truth is of the truth's kind, has no fewer experts, and with groups as many",
        "Write start = \"blind\".");
  }
}

/// Fields that an arm has of its own, or else those of the study.
Arm arm_of(const Json& json, const std::string& path, const Json& study_truth, const Json& study_fit) {
  static constexpr std::array<std::string_view, 2> kStarts{"blind", "near"};
  ObjectReader reader(json, path, kWhole);
  Arm arm;
  arm.name = string_of(reader.require("name"), reader.path_of("name"));
  arm.note = text_or(reader, "note", "");
  const Json* own_truth = reader.find("truth");
  if (own_truth == nullptr && study_truth.is_null()) {
    throw InputError(fmt::format("{} has no truth", path), "neither has the study",
                     "Add a [truth] table to the study or to the arm.");
  }
  arm.truth =
      own_truth == nullptr ? truth_of(study_truth, "truth") : truth_of(*own_truth, reader.path_of("truth"));
  arm.fitted = fitted_of(reader, arm.truth);
  arm.fit.scaling = false;
  if (!study_fit.is_null()) {
    read_fit(study_fit, "fit", arm.fit);
  }
  if (const Json* fit = reader.find("fit")) {
    read_fit(*fit, reader.path_of("fit"), arm.fit);
  }
  if (const Json* power = reader.find("power")) {
    constexpr double kLargestPower = 100;
    arm.power = number_in(*power, reader.path_of("power"), 1, kLargestPower);
  }
  at_path(reader.path_of("fit.fix"), [&] { num_free_parameters(arm.fitted, arm.fit.fix); });
  arm.has_losses = !why_not_comparable(arm);
  if (const Json* start = reader.find("start")) {
    arm.start =
        choice_of(*start, reader.path_of("start"), kStarts) == 0 ? Arm::Start::blind : Arm::Start::near;
  }
  if (arm.start == Arm::Start::near) {
    check_near_start(arm, reader.path_of("start"));
    arm.fit.starts = 0;
  }
  if (const Json* expected = reader.find("expected")) {
    arm.expected =
        list_of(*expected, reader.path_of("expected"),
                [&](const Json& item, const std::string& at) { return expected_of(item, at, arm); });
  }
  reader.refuse_the_rest();
  return arm;
}

void check_names(const Study& study) {
  for (auto arm = study.arms.begin(); arm != study.arms.end(); ++arm) {
    if (arm->name.empty() ||
        std::any_of(study.arms.begin(), arm, [&](const Arm& a) { return a.name == arm->name; })) {
      throw InputError(
          fmt::format("arms[{}].name = \"{}\" cannot be used", arm - study.arms.begin(), arm->name),
          "each arm has a name of its own", "Give it another name.");
    }
  }
}

/// Puts the models into the document that it names by their files.
void inline_models(Json& truth, const std::string& path, const std::string& folder) {
  if (!truth.is_object() || !truth.contains("model")) {
    return;
  }
  const std::filesystem::path file = string_of(truth["model"], path + ".model");
  Json model = to_json(read_model((file.is_absolute() ? file : folder / file).string()));
  for (const char* field : {"moest_model", "noise_variance", "fit", "covariance"}) {
    model.erase(field);
  }
  truth.erase("model");
  for (const auto& [field, value] : truth.items()) {
    if (field != "sequence") {
      throw InputError(fmt::format("unknown field {}.{}", path, field),
                       "beside `model` only `sequence` can be given",
                       "Remove it, or write the truth's fields in place of its file.");
    }
    model[field] = value;
  }
  truth = model;
}

Json field_or_null(ObjectReader& reader, std::string_view field) {
  const Json* found = reader.find(field);
  return found == nullptr ? Json() : *found;
}

}  // namespace

std::span<const Metric> metrics() {
  static const std::array kMetrics{
      Metric{"regression_l2", false, "distance of the regression functions in L2 of the inputs' law"},
      Metric{"voronoi_raw", false, "Voronoi loss L1 in raw coordinates"},
      Metric{"voronoi_reduced", false, "Voronoi loss L1 in reduced coordinates"},
      Metric{"l2r", false, "Voronoi loss L2,r in reduced coordinates"},
      Metric{"split_rms", true, "weighted root mean square of the distances in a cell of several atoms"},
      Metric{"largest_error", true, "distance of an atom that is alone in its cell"},
      Metric{"mass_error", true, "error of a cell's mass"},
      Metric{kChiSquare, false, "(sum of squared noise - residual sum of squares) / noise variance"},
  };
  return kMetrics;
}

const Metric& metric(const std::string& name) {
  std::vector<std::string> names;
  for (const Metric& known : metrics()) {
    if (known.name == name) {
      return known;
    }
    names.push_back(known.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw InputError(fmt::format("there is no metric `{}`", name), fmt::format("known: {}", listed(names)),
                   nearest.empty() ? "Choose one of them." : fmt::format("Did you mean `{}`?", nearest));
}

Study study_of(const Json& document) {
  ObjectReader reader(document, "", kWhole);
  Study study;
  if (reader.require("moest_study") != Json(kStudyFormat)) {
    throw InputError(fmt::format("moest_study = {} is not supported", document["moest_study"].dump()),
                     fmt::format("this program reads version {}", kStudyFormat),
                     "Use the moest that the study was written for, or a newer one.");
  }
  study.name = string_of(reader.require("name"), "name");
  study.claim = text_or(reader, "claim", "");
  study.source = text_or(reader, "source", "");
  constexpr double kLargestSeed = 9.007199254740992e15;
  if (const Json* seed = reader.find("seed")) {
    study.seed = static_cast<std::uint64_t>(whole_in(*seed, "seed", 0, kLargestSeed));
  }
  study.sizes = sizes_of(reader.require("sizes"), "sizes");
  study.replicates = whole_of(reader.require("replicates"), "replicates");
  study.noise = number_in(reader.require("noise"), "noise", 0, kLargestNoise);
  study.inputs =
      at_path("inputs", [&] { return parse_distribution(string_of(reader.require("inputs"), "inputs")); });
  if (const Json* statistic = reader.find("statistic")) {
    study.statistic = statistic_of(*statistic, "statistic");
  }
  const Json truth = field_or_null(reader, "truth");
  const Json fit = field_or_null(reader, "fit");
  study.arms = list_of(reader.require("arms"), "arms", [&](const Json& arm, const std::string& path) {
    return arm_of(arm, path, truth, fit);
  });
  if (study.arms.empty()) {
    refuse_type("arms", document["arms"], "a list with at least one arm");
  }
  reader.refuse_the_rest();
  check_names(study);
  study.document = document;
  return study;
}

Study parse_study(const std::string& text, const std::string& source_name, const std::string& folder) {
  Json document = json_of_toml(text, source_name);
  try {
    if (document.contains("truth")) {
      inline_models(document["truth"], "truth", folder);
    }
    if (document.contains("arms") && document["arms"].is_array()) {
      for (std::size_t i = 0; i < document["arms"].size(); ++i) {
        Json& arm = document["arms"][i];
        if (arm.is_object() && arm.contains("truth")) {
          inline_models(arm["truth"], fmt::format("arms[{}].truth", i), folder);
        }
      }
    }
    return study_of(document);
  } catch (const InputError& error) {
    throw InputError::at(source_name, error);
  }
}

Study read_study(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return parse_study(read_input(path), path == "-" ? "standard input" : path, folder);
}

std::optional<std::string> difference(const Study& before, const Study& after) {
  const auto field_of = [](const Json& json, const char* field) {
    return json.is_object() && json.contains(field) ? json[field] : Json();
  };
  for (const char* field : {"moest_study", "seed", "noise", "inputs", "truth", "fit"}) {
    if (field_of(before.document, field) != field_of(after.document, field)) {
      return field;
    }
  }
  if (after.replicates < before.replicates) {
    return "replicates";
  }
  if (!std::ranges::includes(after.sizes, before.sizes)) {
    return "sizes";
  }
  for (std::size_t i = 0; i < before.arms.size(); ++i) {
    const auto same = std::ranges::find(after.arms, before.arms[i].name, &Arm::name);
    const std::string path = fmt::format("arms[{}]", i);
    if (same == after.arms.end()) {
      return path;
    }
    Json old_arm = before.document["arms"][i];
    Json new_arm = after.document["arms"][static_cast<std::size_t>(same - after.arms.begin())];
    for (const char* text : {"note", "expected"}) {
      old_arm.erase(text);
      new_arm.erase(text);
    }
    if (old_arm != new_arm) {
      return path;
    }
  }
  return std::nullopt;
}

}  // namespace moest
