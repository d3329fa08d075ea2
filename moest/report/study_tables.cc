#include "moest/report/study_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "moest/base/number.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

std::string field_of(const Json& value) {
  return value.is_null()           ? ""
         : value.is_string()       ? csv_field(value.get<std::string>())
         : value.is_number_float() ? exact_text(value.get<double>())
                                   : value.dump();
}

/// The fields of `object` that are no lists, or their names.
std::vector<std::string> fields_of(const Json& object) {
  std::vector<std::string> fields;
  for (const Json& value : object) {
    if (!value.is_array()) {
      fields.push_back(field_of(value));
    }
  }
  return fields;
}
std::vector<std::string> names_of(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_array()) {
      names.push_back(name);
    }
  }
  return names;
}

std::string line_of(const std::vector<std::string>& fields) {
  return fmt::format("{}\n", fmt::join(fields, ","));
}

/// "$-0.511$ ($0.011$)".
std::string latex_with_error(const std::optional<double>& value, const std::optional<double>& error) {
  return !value  ? "--"
         : error ? fmt::format("${:.3f}$ (${:.3f}$)", *value, *error)
                 : fmt::format("${:.3f}$", *value);
}

std::string latex_row(const RateRow& rate) {
  std::string verdict = rate.verdict ? verdict_name(*rate.verdict) : "--";
  std::ranges::replace(verdict, '_', ' ');
  return fmt::format(
      "{} & {} & {} & {} & {} & {} \\\\\n", latex_text(rate.arm), latex_text(rate.metric),
      rate.atom ? std::to_string(*rate.atom) : "--",
      rate.mean ? latex_with_error(rate.mean, rate.mean_se) : latex_with_error(rate.slope, rate.slope_se),
      rate.expected ? fmt::format("${:.4g}$", rate.expected->value) : "--", verdict);
}

}  // namespace

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string field = "\"";
  for (const char c : text) {
    field += c == '"' ? "\"\"" : std::string(1, c);
  }
  return field + '"';
}

std::string rates_csv(std::span<const RateRow> rates) {
  std::string text = line_of(names_of(to_json(RateRow{})));
  for (const RateRow& rate : rates) {
    text += line_of(fields_of(to_json(rate)));
  }
  return text;
}

std::string points_csv(std::span<const RateRow> rates) {
  RateRow any;
  any.points.emplace_back();
  std::vector<std::string> names{"arm", "atom", "metric"};
  std::ranges::copy(names_of(to_json(any)["points"][0]), std::back_inserter(names));
  std::string text = line_of(names);
  for (const RateRow& rate : rates) {
    const Json json = to_json(rate);
    for (const Json& point : json["points"]) {
      std::vector<std::string> fields{field_of(json["arm"]), field_of(json["atom"]),
                                      field_of(json["metric"])};
      std::ranges::copy(fields_of(point), std::back_inserter(fields));
      text += line_of(fields);
    }
  }
  return text;
}

std::string latex_text(std::string_view text) {
  std::string latex;
  for (const char c : text) {
    if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) {
      latex += fmt::format("\\{}", c);
    } else if (c == '\\') {
      latex += "\\textbackslash{}";
    } else if (c == '~') {
      latex += "\\textasciitilde{}";
    } else if (c == '^') {
      latex += "\\textasciicircum{}";
    } else if (std::string_view(R"(<>|")").find(c) != std::string_view::npos) {
      // In LaTeX's first font encoding these come out as other characters.
      latex += fmt::format(R"(\texttt{{\char`\{}}})", c);
    } else {
      latex += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
  }
  return latex;
}

std::string rates_tex(std::span<const RateRow> rates) {
  const auto is_expected = [](const RateRow& rate) { return rate.expected.has_value(); };
  const bool has_expected = std::ranges::any_of(rates, is_expected);
  std::string text =
      "\\begin{tabular}{lllrrl}\n\\hline\narm & metric & atom & measured (s.e.) & expected & verdict \\\\\n"
      "\\hline\n";
  for (const RateRow& rate : rates) {
    if (is_expected(rate) || !has_expected) {
      text += latex_row(rate);
    }
  }
  return text + "\\hline\n\\end{tabular}\n";
}

}  // namespace moest
