#include "moest/report/coefficient_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

/// "expert: a_x (scaled)".
std::string row_name(const Coefficient& coefficient, std::string_view part) {
  return fmt::format("{}: {}{}", part, coefficient.name, coefficient.is_scaled ? " (scaled)" : "");
}

std::string text_or_dash(const std::optional<double>& value) { return value ? short_number(*value) : "-"; }

/// One row per name, one column per list of coefficients; an empty list has nothing to say.
void add_rows(const std::vector<std::vector<Coefficient>>& columns, std::string_view part, TextTable& table) {
  const auto named =
      std::find_if_not(columns.begin(), columns.end(), [](const auto& column) { return column.empty(); });
  for (std::size_t row = 0; named != columns.end() && row < named->size(); ++row) {
    std::vector<std::string> cells{row_name((*named)[row], part)};
    for (const std::vector<Coefficient>& column : columns) {
      cells.push_back(column.empty() ? "-" : short_number(column[row].value));
    }
    table.add_row(std::move(cells));
  }
}

std::vector<std::string> numbered(const std::string& name, std::size_t count) {
  std::vector<std::string> header{name};
  for (std::size_t i = 1; i <= count; ++i) {
    header.push_back(std::to_string(i));
  }
  return header;
}

/// Whether an expert is a group by itself, so that its own gate means nothing.
std::vector<bool> alone_in_groups(const MixtureSpec& spec) {
  std::vector<bool> alone;
  for (const int size : group_sizes(spec)) {
    alone.insert(alone.end(), static_cast<std::size_t>(size), size == 1);
  }
  alone.resize(static_cast<std::size_t>(spec.num_experts), false);
  return alone;
}

/// The gates of the groups, where experts come in groups.
std::string group_table(const Model& model, const std::vector<double>& shares) {
  if (model.groups.size() < 2) {
    return "";
  }
  TextTable table(numbered("group", model.groups.size()));
  if (!shares.empty()) {
    std::vector<std::string> cells{"share of the data"};
    auto share = shares.begin();
    for (const int size : group_sizes(model.spec)) {
      cells.push_back(percent(std::accumulate(share, share + size, 0.0)));
      share += size;
    }
    table.add_row(std::move(cells));
  }
  std::vector<std::vector<Coefficient>> gates;
  gates.reserve(model.groups.size());
  for (int group = 0; group < static_cast<int>(model.groups.size()); ++group) {
    gates.push_back(group_coefficients(model, group));
  }
  add_rows(gates, "gate", table);
  return "\n" + table.text();
}

}  // namespace

std::string coefficient_name(const Coefficient& coefficient) {
  return row_name(coefficient, fmt::format("{} {}", name_of(coefficient.part), coefficient.index + 1));
}

TextTable overview(const Model& model, const std::vector<double>& shares,
                   const std::optional<Regimes>& regimes) {
  TextTable table(numbered("expert", model.atoms.size()));
  if (!model.groups.empty()) {
    std::vector<std::string> cells{"group"};
    const std::vector<int> sizes = group_sizes(model.spec);
    for (std::size_t g = 0; g < sizes.size(); ++g) {
      cells.insert(cells.end(), static_cast<std::size_t>(sizes[g]), std::to_string(g + 1));
    }
    table.add_row(std::move(cells));
  }
  // One expert has all the weight everywhere: shares, regimes and gate say nothing then.
  const bool has_gate = model.atoms.size() > 1;
  if (has_gate && !shares.empty()) {
    const bool sums_to_one = weights_sum_to_one(model.spec.gate);
    std::vector<std::string> cells{sums_to_one ? "share of the data" : "mean weight"};
    std::transform(shares.begin(), shares.end(), std::back_inserter(cells), percent);
    table.add_row(std::move(cells));
  }
  if (has_gate && regimes) {
    std::vector<std::string> from{"leads from " + model.inputs.front()};
    std::vector<std::string> to{"leads to " + model.inputs.front()};
    for (const auto& range : regimes->ranges) {
      from.push_back(range ? short_number(range->first) : "nowhere");
      to.push_back(range ? short_number(range->second) : "nowhere");
    }
    table.add_row(std::move(from));
    table.add_row(std::move(to));
  }
  return table;
}

Regimes find_regimes(const Eigen::MatrixXd& inputs, const Eigen::MatrixXd& weights) {
  MOEST_EXPECT(inputs.cols() == 1 && inputs.rows() == weights.rows());
  Regimes regimes{
      std::vector<std::optional<std::pair<double, double>>>(static_cast<std::size_t>(weights.cols()))};
  for (Eigen::Index row = 0; row < weights.rows(); ++row) {
    Eigen::Index leader = 0;
    weights.row(row).maxCoeff(&leader);
    const double x = inputs(row, 0);
    auto& range = regimes.ranges[static_cast<std::size_t>(leader)];
    range = range ? std::pair(std::min(range->first, x), std::max(range->second, x)) : std::pair(x, x);
  }
  return regimes;
}

std::string coefficient_table(const Model& model, const std::vector<double>& shares,
                              const std::optional<Regimes>& regimes) {
  TextTable table = overview(model, shares, regimes);
  const bool has_gate = model.atoms.size() > 1;
  std::vector<std::vector<Coefficient>> gates;
  std::vector<std::vector<Coefficient>> experts;
  const std::vector<bool> alone = alone_in_groups(model.spec);
  for (int i = 0; i < model.spec.num_experts; ++i) {
    const bool has_own = !alone[static_cast<std::size_t>(i)];
    gates.push_back(has_own ? gate_coefficients(model, i) : std::vector<Coefficient>{});
    experts.push_back(expert_coefficients(model, i));
  }
  if (has_gate) {
    add_rows(gates, "gate", table);
  }
  add_rows(experts, "expert", table);
  return table.text() + group_table(model, shares);
}

std::string estimates_table(const std::vector<CoefficientEstimate>& estimates, double confidence) {
  const std::string level = short_number(100 * confidence);
  TextTable table({"coefficient", "estimate", "std. error", level + " % from", "to", ""});
  for (const CoefficientEstimate& estimate : estimates) {
    const Coefficient& coefficient = estimate.coefficient;
    if (estimate.is_convention && coefficient.value == 0) {
      continue;
    }
    table.add_row({coefficient_name(coefficient), short_number(coefficient.value),
                   text_or_dash(estimate.standard_error), text_or_dash(estimate.low),
                   text_or_dash(estimate.high), estimate.reason});
  }
  return table.text();
}

std::string bootstrap_report(const std::string& source, const Model& model, const Bootstrap& bootstrap) {
  const BootstrapOptions& options = bootstrap.options;
  std::string text =
      wrapped(fmt::format("{}: {} bootstrap of a {} gate with {} {} expert(s), {} replicates{}", source,
                          options.kind, model.spec.gate.kind, model.spec.num_experts, model.spec.expert.kind,
                          bootstrap.replicates.size(),
                          bootstrap.status == FitStatus::interrupted ? ", interrupted" : ""),
              0) +
      "\n\n";
  const std::string level = short_number(100 * options.confidence);
  TextTable table({"coefficient", "estimate", "std. error", "bias", level + " % from", "to", ""});
  for (const BootstrapRow& row : bootstrap.rows) {
    if (!row.standard_error && row.coefficient.value == 0) {
      continue;
    }
    table.add_row({coefficient_name(row.coefficient), short_number(row.coefficient.value),
                   text_or_dash(row.standard_error), text_or_dash(row.bias), text_or_dash(row.low),
                   text_or_dash(row.high), row.reason});
  }
  text += table.text();
  const auto say = [&](int number, std::string_view what) {
    if (number > 0) {
      text += "\n  " + wrapped(fmt::format("{} {}", number, what), 2) + "\n";
    }
  };
  say(bootstrap.num_not_converged, "of them were still descending at the iteration limit.");
  say(bootstrap.num_failed, "more found no finite residual sum of squares, and are left out.");
  say(bootstrap.num_elsewhere,
      "of them found a lower optimum from another start: where that is often, the table mixes optima.");
  return text;
}

}  // namespace moest
