// moest describe: what is in a model file or in a table.
#include <cmath>
#include <memory>

#include "app/command.h"
#include "moest/base/file.h"
#include "moest/data/table_summary.h"
#include "moest/model/model_json.h"
#include "moest/report/model_text.h"

namespace moest::app {
namespace {

struct DescribeCommand {
  CommonOptions common;
  std::string file;
  int threads = 0;
};

nlohmann::ordered_json number_json(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json table_json(const Table& table, const std::vector<ColumnSummary>& columns) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const ColumnSummary& column : columns) {
    rows.push_back({{"name", column.name},
                    {"kind", kind_name(column.kind)},
                    {"missing", column.num_missing},
                    {"bad", column.num_bad},
                    {"distinct", column.num_distinct ? nlohmann::ordered_json(*column.num_distinct)
                                                     : nlohmann::ordered_json(nullptr)},
                    {"min", number_json(column.min)},
                    {"mean", number_json(column.mean)},
                    {"sd", number_json(column.sd)},
                    {"max", number_json(column.max)}});
  }
  return {{"num_rows", table.num_rows}, {"columns", rows}};
}

bool looks_like_model(const std::string& content) {
  const auto first = content.find_first_not_of(" \t\r\n");
  return first != std::string::npos && content[first] == '{';
}

/// The table with the labels of its text columns kept, so that they can be counted.
Table table_with_labels(const std::string& content, const std::string& source) {
  Table table = parse_table(content, source);
  ReadOptions labels;
  for (const ColumnSummary& column : summarise(table)) {
    if (column.kind == ColumnKind::text) {
      labels.categorical.push_back(column.name);
    }
  }
  return labels.categorical.empty() ? table : parse_table(content, source, labels);
}

int run_describe(const DescribeCommand& command) {
  const std::string content = read_input(command.file);
  const std::string source = source_name(command.file);
  nlohmann::ordered_json json{{"command", "describe"}};
  std::string text;
  if (looks_like_model(content)) {
    const Ensemble ensemble = parse_ensemble(content, source);
    json["model"] = to_json(ensemble);
    text = describe_ensemble(ensemble);
  } else {
    const Table table = table_with_labels(content, source);
    const std::vector<ColumnSummary> columns = summarise(table);
    json["table"] = table_json(table, columns);
    text = describe_table(table, columns);
  }
  if (command.common.json) {
    print_json(json);
  } else {
    write_output("-", text);
  }
  return kDone;
}

}  // namespace

Command make_describe_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("describe", "say what is in a model file or in a table");
  const auto command = std::make_shared<DescribeCommand>();
  parser->add_option("file", command->file, "model file or table; - for standard input")
      ->type_name("FILE")
      ->required();
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_describe(*command); }};
}

}  // namespace moest::app
