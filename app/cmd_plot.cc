// moest plot: a picture of a model on a table.
#include <algorithm>
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
  std::string target;
  int threads = 0;
  std::string output;
};

/// The model's inputs from the table and, unless the picture is of the gate, the target that is drawn.
Dataset samples_of(const Model& model, const std::string& path, PlotKind kind, int target) {
  const Table table = read_table_for(model, path);
  Dataset data;
  data.input_names = model.inputs;
  data.inputs = input_matrix(table, model.inputs, model.categories);
  if (kind != PlotKind::gate && kind != PlotKind::effects) {
    data.target_names = {model.targets[static_cast<std::size_t>(target)]};
    data.target = target_column(table, data.target_names.front());
  }
  return data;
}

/// Which of the model's targets is drawn.
int chosen_target(const Model& model, const std::string& name) {
  if (name.empty()) {
    return 0;
  }
  const auto found = std::find(model.targets.begin(), model.targets.end(), name);
  if (found == model.targets.end()) {
    throw InputError(fmt::format("the model has no target `{}`", name),
                     fmt::format("its targets: {}", listed(model.targets)), "Name one of them.");
  }
  return static_cast<int>(found - model.targets.begin());
}

int run_plot(const PlotCommand& command) {
  check_files(command.common, {command.model, command.data}, command.output);
  const PlotKind kind = plot_kind(command.kind);
  const Ensemble ensemble =
      is_of_ensembles(kind) ? read_ensemble(command.model) : Ensemble{{read_model(command.model)}};
  const Model& model = ensemble.members.front();
  const int target = chosen_target(model, command.target);
  plot(ensemble, samples_of(model, command.data, kind, target), kind, target, command.output,
       command.threads);
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
  parser
      ->add_option(
          "data", command->data,
          "table with the model's inputs and, for fit and residuals, the target; - for standard input")
      ->type_name("DATA")
      ->required();
  parser->add_option("--kind", command->kind, "picture: " + listed(plot_kind_names()) + " (default fit)")
      ->type_name("KIND");
  parser
      ->add_option("--target", command->target,
                   "which target of a model with several is drawn (default: the first); gate shows none")
      ->type_name("COLUMN");
  parser->add_option("--output", command->output, "the picture: .svg, .pdf or .png")
      ->type_name("PICTURE")
      ->required();
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_plot(*command); }, {{"--kind", plot_kind_names()}}};
}

}  // namespace moest::app
