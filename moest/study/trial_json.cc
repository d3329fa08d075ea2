#include "moest/study/trial_json.h"

#include <cmath>
#include <string>

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(std::optional<double> value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

std::optional<double> number_or_none(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

}  // namespace

Json to_json(const TrialRow::Values& values) {
  Json list = Json::array();
  for (const std::optional<double>& value : values) {
    list.push_back(or_null(value));
  }
  return list;
}

TrialRow::Values values_from_json(const Json& json) {
  TrialRow::Values values;
  for (const Json& value : json) {
    values.push_back(number_or_none(value));
  }
  return values;
}

Json to_json(const TrialKey& key) {
  return {{"arm", key.arm}, {"size", key.size}, {"replicate", key.replicate}};
}

TrialKey key_from_json(const Json& json) {
  return {json.at("arm").get<std::string>(), json.at("size").get<std::int64_t>(),
          json.at("replicate").get<int>()};
}

Json to_json(const TrialRow& row) {
  Json json{{"key", row.key.text()}};
  json.update(to_json(row.key));
  json.update({{"seed", row.seed}, {"status", row.status}, {"message", row.message}});
  for (std::size_t m = 0; m < metrics().size(); ++m) {
    const TrialRow::Values& values = row.values[m];
    json[metrics()[m].name] = metrics()[m].is_of_atoms ? to_json(values)
                              : values.empty()         ? Json(nullptr)
                                                       : or_null(values.front());
  }
  json.update({{"regression_l2_se", or_null(row.regression_l2_se)},
               {"rss", row.rss},
               {"iterations", row.iterations},
               {"starts", row.num_starts},
               {"agreeing_starts", row.agreeing_starts},
               {"active_bounds", row.active_bounds},
               {"estimates", row.estimates},
               {"truth", row.truth},
               {"simulate_seconds", row.simulate_seconds},
               {"fit_seconds", row.fit_seconds},
               {"measure_seconds", row.measure_seconds},
               {"version", row.by.version},
               {"host", row.by.host},
               {"threads", row.by.threads},
               {"rank", row.by.rank}});
  return json;
}

TrialRow trial_from_json(const Json& json) {
  TrialRow row;
  row.key = key_from_json(json);
  json.at("seed").get_to(row.seed);
  json.at("status").get_to(row.status);
  json.at("message").get_to(row.message);
  for (const Metric& metric : metrics()) {
    const Json& values = json.at(metric.name);
    row.values.push_back(metric.is_of_atoms ? values_from_json(values)
                         : values.is_null() ? TrialRow::Values{}
                                            : TrialRow::Values{values.get<double>()});
  }
  row.regression_l2_se = number_or_none(json.at("regression_l2_se"));
  json.at("rss").get_to(row.rss);
  json.at("iterations").get_to(row.iterations);
  json.at("starts").get_to(row.num_starts);
  json.at("agreeing_starts").get_to(row.agreeing_starts);
  json.at("active_bounds").get_to(row.active_bounds);
  row.estimates = json.at("estimates");
  row.truth = json.at("truth");
  json.at("simulate_seconds").get_to(row.simulate_seconds);
  json.at("fit_seconds").get_to(row.fit_seconds);
  json.at("measure_seconds").get_to(row.measure_seconds);
  json.at("version").get_to(row.by.version);
  json.at("host").get_to(row.by.host);
  json.at("threads").get_to(row.by.threads);
  json.at("rank").get_to(row.by.rank);
  return row;
}

}  // namespace moest
