#include "nn/domain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "moest/report/text_table.h"

namespace moest::nn {
namespace {

using Json = nlohmann::ordered_json;

bool is_whole(const DomainRun& run) {
  return run.status == TrainingStatus::finished || run.status == TrainingStatus::time_limit;
}

std::string fixed(const Json& value) {
  return value.is_number() ? fmt::format("{:.3f}", value.get<double>()) : "-";
}

Json to_json(const DomainResult& result) {
  const bool is_known = !result.summary.evaluations.empty();
  const auto known = [is_known](double value) { return is_known ? Json(value) : Json(nullptr); };
  return {{"domain", result.domain},
          {"status", name_of(result.summary.status)},
          {"accuracy", known(result.accuracy)},
          {"validation_accuracy", known(result.validation_accuracy)},
          {"final_accuracy", known(result.final_accuracy)},
          {"num_images", result.num_images},
          {"load_shift", result.load_shift},
          {"training_load_shift", result.training_load_shift},
          {"steps", result.summary.steps},
          {"kept_step", result.summary.kept_step},
          {"seconds", result.summary.seconds}};
}

std::string images_text(const DomainSet& set) {
  int least = set.domains.front().images.size();
  int most = least;
  for (const Domain& domain : set.domains) {
    least = std::min(least, domain.images.size());
    most = std::max(most, domain.images.size());
  }
  return least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
}

}  // namespace

std::string domain_report(const DomainSet& set, const VisionOptions& vision, const DomainRun& run) {
  const TransformerOptions& transformer = vision.transformer;
  const int patch = patch_size(vision, set.shape());
  std::string text =
      fmt::format("Domains: {} ({}), {} images of {} x {} pixels each, {} classes\n", set.domains.size(),
                  set.kind, images_text(set), set.shape().height, set.shape().width, set.classes.size());
  text += fmt::format("Model: vision transformer, {} blocks of width {}, patches of {} x {}; {} parameters",
                      transformer.layers, transformer.width, patch, patch, run.num_parameters);
  text += transformer.mixture_every > 0 ? fmt::format(", {} in use at a token\n", run.num_active_parameters)
                                        : "\n";
  if (transformer.mixture_every > 0) {
    text += fmt::format("Router: {}, {} of {} experts\n", router_name(transformer), transformer.mixture.top_k,
                        transformer.mixture.num_experts);
  }
  TextTable table({"left out", "accuracy", "validation", "at the end", "load shift", "among the others",
                   "steps", "seconds"});
  for (const DomainResult& result : run.results) {
    const Json json = to_json(result);
    table.add_row({result.domain, fixed(json.at("accuracy")), fixed(json.at("validation_accuracy")),
                   fixed(json.at("final_accuracy")), fixed(json.at("load_shift")),
                   fixed(json.at("training_load_shift")), std::to_string(result.summary.steps),
                   fmt::format("{:.0f}", result.summary.seconds)});
  }
  if (is_whole(run)) {
    table.add_row({"mean", fmt::format("{:.3f}", run.mean_accuracy())});
  }
  text += fmt::format("\n{}\n", table.text());
  text += wrapped(
      "Accuracy is that on the domain left out, of the model that did best on the validation images: a fifth "
      "of each other domain. Load shift: how differently experts are used there, as total variation of their "
      "loads from those of the other domains; beside it the same among these.",
      0);
  text += fmt::format("\n{} s; {}.\n", short_number(std::round(run.seconds)), run.message);
  return text;
}

Json to_json(const DomainRun& run) {
  Json domains = Json::array();
  for (const DomainResult& result : run.results) {
    domains.push_back(to_json(result));
  }
  return {{"status", name_of(run.status)},
          {"message", run.message},
          {"mean_accuracy", is_whole(run) ? Json(run.mean_accuracy()) : Json(nullptr)},
          {"mean_validation_accuracy", is_whole(run) ? Json(run.mean_validation_accuracy()) : Json(nullptr)},
          {"steps", run.steps()},
          {"domains", domains},
          {"num_parameters", run.num_parameters},
          {"num_active_parameters", run.num_active_parameters},
          {"seconds", run.seconds}};
}

}  // namespace moest::nn
