// moest loss: how far a fit's experts are from those of a known truth.
#include <memory>

#include "app/command.h"
#include "moest/base/file.h"
#include "moest/model/model_json.h"
#include "moest/report/loss_text.h"
#include "moest/report/model_text.h"
#include "moest/theory/loss_record.h"
#include "moest/theory/voronoi.h"

namespace moest::app {
namespace {

struct LossCommand {
  CommonOptions common;
  std::string fitted;
  std::string truth;
  double power = 2;
  std::string picture;
  int threads = 0;
};

int run_loss(const LossCommand& command) {
  check_files(command.common, {command.fitted, command.truth}, command.picture);
  const Model fitted = read_model(command.fitted);
  const Model truth = read_model(command.truth);
  if (!command.picture.empty()) {
    check_loss_picture(truth, command.picture);
  }
  const VoronoiLoss raw = voronoi_loss(fitted, truth, {Coordinates::raw, command.power});
  const VoronoiLoss reduced = voronoi_loss(fitted, truth, {Coordinates::reduced, command.power});
  if (!command.picture.empty()) {
    plot_loss(fitted, truth, reduced, command.picture);
  }
  if (command.common.json) {
    print_json({{"command", "loss"},
                {"power", command.power},
                {"raw", to_json(raw)},
                {"reduced", to_json(reduced)}});
  } else {
    const std::string title =
        fmt::format("{}: {}; against {}: {}", source_name(command.fitted), model_title(fitted),
                    source_name(command.truth), model_title(truth));
    write_output("-", loss_report(title, raw, reduced, command.power));
  }
  return kDone;
}

}  // namespace

Command make_loss_command(CLI::App& program) {
  CLI::App* parser =
      program.add_subcommand("loss", "say how far a model's experts are from those of a known truth");
  const auto command = std::make_shared<LossCommand>();
  parser->add_option("fitted", command->fitted, "model file of the fit; - for standard input")
      ->type_name("FITTED")
      ->required();
  parser->add_option("truth", command->truth, "model file of the truth")->type_name("TRUTH")->required();
  add_number(*parser, "--power", command->power,
             "r >= 1 of the loss L2,r, whose differences all have this power (default 2)");
  parser
      ->add_option("--picture", command->picture,
                   "atoms and cells of models with one or two inputs: .svg, .pdf or .png")
      ->type_name("PICTURE");
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_loss(*command); }};
}

}  // namespace moest::app
