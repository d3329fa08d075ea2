// moest plot: a picture of a model on a table.
#include <memory>

#include "app/command.h"
#include "moest/base/file.h"
#include "moest/data/dataset.h"
#include "moest/model/model_json.h"
#include "moest/report/plot.h"

namespace moest::app {
namespace {

struct PlotCommand {
  CommonOptions common;
  std::string model;
  std::string data;
  std::string kind = "fit";
  int threads = 0;
  std::string output;
};

/// The model's inputs and target from the table; the target must be there and be numbers.
Dataset samples_of(const Model& model, const std::string& path) {
  const Table table = read_table_for(model, path);
  const std::vector<std::string> target{model.target};
  Dataset data;
  data.input_names = model.inputs;
  data.inputs = input_matrix(table, model.inputs, model.categories);
  data.target_name = model.target;
  data.target = input_matrix(table, target, {}).col(0);
  return data;
}

int run_plot(const PlotCommand& command) {
  check_files(command.common, {command.model, command.data}, command.output);
  const PlotKind kind = plot_kind(command.kind);
  const Model model = read_model(command.model);
  plot(model, samples_of(model, command.data), kind, command.output, command.threads);
  if (command.common.json) {
    print_json({{"command", "plot"}, {"kind", command.kind}, {"output", command.output}});
  }
  return kDone;
}

}  // namespace

Command make_plot_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("plot", "draw a model on a table");
  const auto command = std::make_shared<PlotCommand>();
  parser->add_option("model", command->model, "model file")->type_name("MODEL")->required();
  parser->add_option("data", command->data, "table with the model's inputs and target; - for standard input")
      ->type_name("DATA")
      ->required();
  parser->add_option("--kind", command->kind, "picture: " + listed(plot_kind_names()) + " (default fit)")
      ->type_name("KIND");
  parser->add_option("--output", command->output, "the picture: .svg, .pdf or .png")
      ->type_name("PICTURE")
      ->required();
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_plot(*command); }, {{"--kind", plot_kind_names()}}};
}

}  // namespace moest::app
