#include "moest/fit/record.h"

#include <fmt/format.h>

#include <string_view>

#include "moest/base/build_info.h"
#include "moest/base/json_reader.h"
#include "moest/base/option_json.h"

namespace moest {

nlohmann::ordered_json record_of(const FitSummary& summary) {
  nlohmann::ordered_json options = options_json(fit_options(), summary.options);
  options.erase("threads");
  if (!summary.options.fix.empty()) {
    options["fix"] = summary.options.fix;
  }
  return {{"program", fmt::format("moest {}", build_info().version)},
          {"status", name_of(summary.status)},
          {"num_samples", summary.num_samples},
          {"rss", summary.rss},
          {"num_identifiable_parameters", summary.num_identifiable_parameters},
          {"agreeing_starts", summary.agreeing_starts},
          {"num_starts", summary.starts.size()},
          {"options", options}};
}

FitOptions recorded_options(const Model& model) {
  FitOptions options;
  if (!model.fit || !model.fit->is_object() || !model.fit->contains("options")) {
    return options;
  }
  ObjectReader recorded((*model.fit)["options"], "fit.options");
  read_options(recorded, fit_options(), options, [](std::string_view) { return true; });
  if (const nlohmann::ordered_json* fix = recorded.find("fix")) {
    options.fix = list_of(*fix, "fit.options.fix", string_of);
  }
  return options;
}

}  // namespace moest
