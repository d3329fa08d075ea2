#include "moest/theory/identifiability_record.h"

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/theory/formula_family.h"
#include "moest/theory/random_truth.h"

namespace moest {
namespace {

nlohmann::ordered_json to_json(const std::vector<Relation>& relations) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Relation& relation : relations) {
    list.push_back({{"text", relation.text}, {"kind", kind_name(relation.kind)}, {"latex", relation.latex}});
  }
  return list;
}

nlohmann::ordered_json to_json(const Setting& setting) {
  return {{"verdict", verdict_name(setting.verdict)},
          {"rate", setting.rate},
          {"reason", setting.reason},
          {"relations", to_json(setting.relations)}};
}

/// A number that was computed, or null.
nlohmann::ordered_json positive_or_null(double value) {
  return value > 0 ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

nlohmann::ordered_json to_json(const TruthRecord& truth) {
  return {{"exact", verdict_name(truth.exact)},        {"over", verdict_name(truth.over)},
          {"num_jacobian_null", truth.num_first_null}, {"smallest_non_null", truth.smallest_non_null},
          {"largest_null", truth.largest_null},        {"separation", positive_or_null(truth.separation)},
          {"order", positive_or_null(truth.order)},    {"reason", truth.reason}};
}

nlohmann::ordered_json to_json(const PredictedErrors& errors) {
  nlohmann::ordered_json parameters = nlohmann::ordered_json::array();
  for (const PredictedError& error : errors.parameters) {
    parameters.push_back({{error.is_group ? "group" : "atom",
                           error.atom < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(error.atom)},
                          {"parameter", error.parameter},
                          {"standard_error", error.standard_error}});
  }
  return parameters;
}

nlohmann::ordered_json splits_json(const PredictedErrors& errors) {
  nlohmann::ordered_json splits = nlohmann::ordered_json::array();
  for (const PredictedSplit& split : errors.splits) {
    splits.push_back({{"atom", split.atom}, {"split_rms", positive_or_null(split.root_mean_square)}});
  }
  return splits;
}

nlohmann::ordered_json to_json(const Merging& merging) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const MergingPoint& point : merging.points) {
    points.push_back({{"distance", point.distance}, {"smallest_singular_value", point.singular_value}});
  }
  return {{"points", points}, {"exponent", merging.exponent}};
}

void check_request(const MixtureSpec& spec, const AnalysisRequest& request) {
  constexpr int kMostTruths = 1000;
  constexpr double kLeastWidth = 0.01;
  constexpr double kMostWidth = 100;
  check_size(spec);
  check_range("truths", request.options.num_truths, 1, kMostTruths);
  check_range("half_width", request.options.half_width, kLeastWidth, kMostWidth);
  if (request.num_samples.has_value() != request.noise.has_value()) {
    throw InputError("--n and --noise belong together", "standard errors depend on both",
                     "Give both, or none.");
  }
  if (request.num_samples && !(*request.num_samples >= 1)) {
    throw InputError("--n cannot be used", "it must be 1 or more", "For example --n 10000.");
  }
  if (request.noise && !(*request.noise > 0)) {
    throw InputError("--noise cannot be used", "it must be positive", "For example --noise 0.1.");
  }
  if (request.num_samples && spec.num_outputs > 1) {
    throw InputError("--n takes one target", "the noise of several targets is not one number",
                     "Leave out --n and --noise.");
  }
  if (request.merge_gates) {
    check_mergeable(spec, request.merge_gates->first, request.merge_gates->second);
  }
}

/// What was asked of one truth: predicted errors, merging gates.
void look_at(const Truth& truth, const AnalysisRequest& request, Analysis& analysis) {
  if (request.num_samples) {
    analysis.predicted =
        predicted_errors(truth, *request.num_samples, *request.noise, request.inputs, request.options.seed);
    const Verdict over = analysis.result.over.verdict;
    if (over != Verdict::regular && over != Verdict::scale_gauge) {
      analysis.predicted->splits.clear();  // there is no rate to predict with
    }
    analysis.num_samples = *request.num_samples;
    analysis.noise = *request.noise;
  }
  if (request.merge_gates) {
    const auto [first, second] = *request.merge_gates;
    analysis.merging = merge_gates(truth, first, second, request.options.half_width, request.options.seed);
  }
}

}  // namespace

Analysis full_analysis(const MixtureFamily& family, const std::optional<Measure>& measure,
                       const AnalysisRequest& request, const std::function<void(double)>& progress) {
  check_request(family.spec, request);
  Analysis analysis;
  analysis.is_given = measure.has_value();
  analysis.result = analyze(family, measure, request.options, progress);
  analysis.neighbours = regular_neighbours(analysis.result, request.options.seed);
  if (request.num_samples || request.merge_gates) {
    Stream stream(request.options.seed, 0, "identifiability");
    look_at(measure ? Truth{family, *measure} : random_truth(family, request.options.half_width, stream),
            request, analysis);
  }
  return analysis;
}

nlohmann::ordered_json to_json(const Analysis& analysis) {
  const Identifiability& result = analysis.result;
  const MixtureSpec& spec = result.family.spec;
  nlohmann::ordered_json json{{"command", "analyze"},
                              {"gate", kind_json(gate_info(spec.gate.kind), gate_options(), spec.gate)},
                              {"expert", result.family.expert_title()},
                              {"dim", spec.num_inputs},
                              {"true_experts", spec.num_experts},
                              {"experts", result.num_experts},
                              {"exact", to_json(result.exact)},
                              {"over", to_json(result.over)}};
  json["over"]["min_extra_experts"] = result.min_extra_experts > 0
                                          ? nlohmann::ordered_json(result.min_extra_experts)
                                          : nlohmann::ordered_json();
  const Dictionary& dictionary = result.dictionary;
  json["num_null"] =
      dictionary.num_null >= 0 ? nlohmann::ordered_json(dictionary.num_null) : nlohmann::ordered_json();
  json["num_columns"] = dictionary.num_columns;
  json["smallest_non_null"] = positive_or_null(dictionary.smallest_non_null);
  json["largest_null"] =
      dictionary.num_null >= 0 ? nlohmann::ordered_json(dictionary.largest_null) : nlohmann::ordered_json();
  json["harmless_relations"] = to_json(result.harmless);
  nlohmann::ordered_json advice = nlohmann::ordered_json::array();
  for (const Neighbour& neighbour : analysis.neighbours) {
    advice.push_back({{"change", neighbour.change},
                      {"options", neighbour.options},
                      {"verdict", verdict_name(neighbour.over)}});
  }
  json["advice"] = advice;
  nlohmann::ordered_json truths = nlohmann::ordered_json::array();
  for (const TruthRecord& truth : result.truths) {
    truths.push_back(to_json(truth));
  }
  json["truths"] = truths;
  json["gauge_error"] = result.gauge_error;
  if (analysis.predicted) {
    json["n"] = analysis.num_samples;
    json["noise"] = analysis.noise;
    json["predicted_standard_errors"] = to_json(*analysis.predicted);
    json["predicted_splits"] = splits_json(*analysis.predicted);
  }
  if (analysis.merging) {
    json["merging"] = to_json(*analysis.merging);
  }
  json["seconds"] = result.seconds;
  return json;
}

}  // namespace moest
