// moest export: a model as a file for other programs.
#include <memory>

#include "app/command.h"
#include "moest/export/onnx.h"
#include "moest/model/model_json.h"

namespace moest::app {
namespace {

struct ExportCommand {
  CommonOptions common;
  std::string model;
  std::string onnx;
  std::string precision = "float";
  int threads = 0;
};

std::string outputs_text(const Ensemble& ensemble) {
  const Model& model = ensemble.members.front();
  const std::string mean =
      fmt::format("{} (n x {}: {})", kGraphMean, model.targets.size(), listed(model.targets));
  return ensemble.members.size() > 1
             ? "output " + mean
             : fmt::format("outputs {} and {} (n x {})", mean, kGraphWeights, model.atoms.size());
}

int run_export(const ExportCommand& command) {
  const OnnxPrecision precision = onnx_precision(command.precision);
  check_files(command.common, {command.model}, command.onnx);
  const Ensemble ensemble = read_ensemble(command.model);
  const Model& model = ensemble.members.front();
  write_onnx(command.onnx, ensemble, precision);
  if (command.common.json) {
    print_json({{"command", "export"},
                {"onnx", command.onnx},
                {"precision", command.precision},
                {"operator_set", kOnnxOperatorSet},
                {"members", ensemble.members.size()},
                {"inputs", model.inputs},
                {"targets", model.targets}});
  }
  note(command.common, fmt::format("input {} (n x {}: {}), {}, all {}", kGraphInputs, model.inputs.size(),
                                   listed(model.inputs), outputs_text(ensemble), command.precision));
  return kDone;
}

}  // namespace

Command make_export_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("export", "write a model as a file for other programs");
  const auto command = std::make_shared<ExportCommand>();
  parser->add_option("model", command->model, "model file; - for standard input")
      ->type_name("MODEL")
      ->required();
  parser->add_option("--onnx", command->onnx, "the ONNX file; - for standard output")
      ->type_name("FILE")
      ->required();
  parser
      ->add_option("--precision", command->precision,
                   "of its numbers: " + listed(onnx_precision_names()) + " (default float)")
      ->type_name("NAME");
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_export(*command); }, {{"--precision", onnx_precision_names()}}};
}

}  // namespace moest::app
