#include "moest/fit/summary.h"

#include <algorithm>

#include "moest/base/json_text.h"
#include "moest/base/option_json.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json coefficients_json(const std::vector<CoefficientEstimate>& estimates) {
  Json list = Json::array();
  for (const CoefficientEstimate& estimate : estimates) {
    const Coefficient& coefficient = estimate.coefficient;
    list.push_back({{"part", name_of(coefficient.part)},
                    {"number", coefficient.index + 1},
                    {"name", coefficient.name},
                    {"scaled", coefficient.is_scaled},
                    {"estimate", coefficient.value},
                    {"standard_error", optional_json(estimate.standard_error)},
                    {"low", optional_json(estimate.low)},
                    {"high", optional_json(estimate.high)},
                    {"reason", estimate.reason.empty() ? Json(nullptr) : Json(estimate.reason)}});
  }
  return list;
}

Json residuals_json(const std::vector<ResidualDiagnostics>& residuals) {
  Json list = Json::array();
  for (const ResidualDiagnostics& of_target : residuals) {
    list.push_back({{"skewness", of_target.skewness},
                    {"kurtosis", of_target.kurtosis},
                    {"largest", of_target.largest},
                    {"largest_row", of_target.largest_row},
                    {"even_variance_p", of_target.even_variance_p},
                    {"autocorrelation", of_target.autocorrelation},
                    {"independence_p", of_target.independence_p}});
  }
  return list;
}

}  // namespace

bool FitSummary::any_start_converged() const {
  return std::any_of(starts.begin(), starts.end(),
                     [](const StartRow& start) { return start.status == FitStatus::converged; });
}

Json to_json(const FitSummary& summary) {
  Json starts = Json::array();
  for (const StartRow& start : summary.starts) {
    starts.push_back({{"rss", start.rss},
                      {"iterations", start.iterations},
                      {"status", name_of(start.status)},
                      {"kind", name_of(start.kind)}});
  }
  Json given = options_json(fit_options(), summary.options);
  given["fix"] = summary.options.fix;
  Json used = given;
  used["starts"] = summary.starts.size();
  return {{"status", name_of(summary.status)},
          {"message", summary.message},
          {"rss", summary.rss},
          {"r_squared", summary.r_squared},
          {"rss_by_target", summary.rss_by_target},
          {"r_squared_by_target", summary.r_squared_by_target},
          {"noise_variance", one_or_all(summary.noise_variance)},
          {"num_samples", summary.num_samples},
          {"num_parameters", summary.num_parameters},
          {"num_identifiable_parameters", summary.num_identifiable_parameters},
          {"effective_parameters", summary.effective_parameters},
          {"ensemble_members", summary.num_members},
          {"starts", starts},
          {"agreeing_starts", summary.agreeing_starts},
          {"active_bounds", summary.active_bounds},
          {"samples_near_tie", summary.samples_near_tie ? Json(*summary.samples_near_tie) : Json(nullptr)},
          {"outliers", summary.outliers ? Json(*summary.outliers) : Json(nullptr)},
          {"rank_deficient", summary.rank_deficient},
          {"best_single_expert_rss", optional_json(summary.best_single_expert_rss)},
          {"best_single_expert_rss_by_target", one_or_all(summary.best_single_expert_rss_by_target)},
          {"aic", optional_json(summary.aic)},
          {"bic", optional_json(summary.bic)},
          {"residuals", residuals_json(summary.residuals)},
          {"expert_shares", summary.expert_shares},
          {"coefficients", coefficients_json(summary.coefficients)},
          {"advice", summary.advice},
          {"seconds", summary.seconds},
          {"options_given", given},
          {"options_used", used}};
}

}  // namespace moest
