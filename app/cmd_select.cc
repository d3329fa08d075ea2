// moest select: how many experts.
#include <memory>

#include "app/command.h"
#include "app/data_options.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/data/dataset.h"
#include "moest/model/model_json.h"
#include "moest/report/gnuplot.h"
#include "moest/report/model_text.h"
#include "moest/report/selection_text.h"
#include "moest/selection/selection.h"

namespace moest::app {
namespace {

struct SelectCommand {
  CommonOptions common;
  ModelDataOptions data;
  SelectionOptions options;
  std::string output;
  std::string picture;
};

int run_select(const SelectCommand& command) {
  check_files(command.common, {command.data.model, command.data.data}, command.output);
  check_files({}, {command.data.model, command.data.data}, command.picture);
  check_distinct({command.output, command.picture});
  if (!command.picture.empty()) {
    check_picture(command.picture);
  }
  const Model model = read_model(command.data.model);
  const Dataset data = samples_for(model, command.data);
  Selection selection;
  {
    const InterruptGuard guard;
    ProgressLine line;
    std::function<void(int, int, double)> progress;
    if (!command.common.quiet) {
      progress = [&](int done, int planned, double seconds) {
        line.show(fmt::format("{} of {} fits", done, planned), seconds, static_cast<double>(done) / planned);
      };
    }
    selection = select(model, data, command.options, {guard.flag(), {}}, progress);
  }
  const bool is_whole = selection.status == FitStatus::converged;
  if (!command.output.empty() && is_whole && selection.by_bic >= 0) {
    write_model(command.output, selection.rows[static_cast<std::size_t>(selection.by_bic)].fit.model);
  }
  if (!command.picture.empty()) {
    plot_selection(selection, command.picture);
  }
  if (command.common.json) {
    nlohmann::ordered_json json{{"command", "select"}};
    json.update(to_json(selection));
    print_json(json);
  } else {
    write_output("-",
                 selection_report(selection, fmt::format("{}: from {} on", source_name(command.data.data),
                                                         model_title(model))));
  }
  if (!is_whole) {
    note(command.common, "interrupted; the table holds what was done");
  }
  return is_whole ? kDone : kNotConverged;
}

}  // namespace

Command make_select_command(CLI::App& program) {
  CLI::App* parser =
      program.add_subcommand("select", "say how many experts a table needs, from a model with more");
  const auto command = std::make_shared<SelectCommand>();
  add_model_data_options(*parser, command->data);
  add_options<SelectionOptions>(*parser, selection_options(), command->options, "Selection");
  parser->add_option("--output", command->output, "where the model that BIC chooses goes")
      ->type_name("MODEL");
  parser->add_option("--picture", command->picture, "dendrogram and criteria: .svg, .pdf or .png")
      ->type_name("PICTURE");
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_select(*command); }};
}

}  // namespace moest::app
