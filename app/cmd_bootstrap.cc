// moest bootstrap: how the coefficients of a fit vary with the data.
#include <memory>
#include <optional>
#include <string>

#include "app/command.h"
#include "app/data_options.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/data/csv.h"
#include "moest/fit/bootstrap.h"
#include "moest/model/model_json.h"
#include "moest/report/coefficient_text.h"

namespace moest::app {
namespace {

struct BootstrapCommand {
  CommonOptions common;
  ModelDataOptions data;
  std::string store;
  std::string output;
  BootstrapOptions options;
};

/// One row per replicate, one column per coefficient.
std::string replicates_csv(const Bootstrap& bootstrap) {
  std::vector<std::string> names{"replicate"};
  for (const BootstrapRow& row : bootstrap.rows) {
    names.push_back(coefficient_name(row.coefficient));
  }
  Eigen::MatrixXd values(bootstrap.estimates.rows(), 1 + bootstrap.estimates.cols());
  for (Eigen::Index r = 0; r < values.rows(); ++r) {
    values.row(r) << bootstrap.replicates[static_cast<std::size_t>(r)], bootstrap.estimates.row(r);
  }
  return csv_text(names, values);
}

int run_bootstrap(const BootstrapCommand& command) {
  check_files(command.common, {command.data.model, command.data.data}, command.output);
  check_files({}, {command.data.model, command.data.data}, command.store);
  check_distinct({command.output, command.store});
  const Model model = read_model(command.data.model);
  const Dataset data = samples_for(model, command.data);
  if (!model.fit) {
    note(command.common, "the model has no record of a fit: its refits have the default options");
  }
  std::optional<Journal> journal;
  if (!command.store.empty()) {
    journal.emplace(command.store);
  }
  Bootstrap result;
  {
    const InterruptGuard guard;
    ProgressLine line;
    std::function<void(int, int, double)> progress;
    if (!command.common.quiet) {
      progress = [&](int done, int planned, double seconds) {
        line.show(fmt::format("{} of {} replicates", done, planned), seconds,
                  static_cast<double>(done) / planned);
      };
    }
    result =
        bootstrap(model, data, command.options, journal ? &*journal : nullptr, {guard.flag(), {}}, progress);
  }
  if (!command.output.empty()) {
    write_output(command.output, replicates_csv(result));
  }
  if (command.common.json) {
    nlohmann::ordered_json json{{"command", "bootstrap"}};
    json.update(to_json(result));
    print_json(json);
  } else if (command.output != "-") {
    write_output("-", bootstrap_report(source_name(command.data.data), model, result));
  }
  if (result.status == FitStatus::interrupted) {
    note(command.common, command.store.empty() ? "interrupted; the table holds what was done"
                                               : "interrupted; the same command goes on from here");
    return kNotConverged;
  }
  return kDone;
}

}  // namespace

Command make_bootstrap_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand(
      "bootstrap", "say how surely a model is known, from refits to data that are drawn again");
  const auto command = std::make_shared<BootstrapCommand>();
  add_model_data_options(*parser, command->data);
  add_options<BootstrapOptions>(*parser, bootstrap_options(), command->options, "Bootstrap");
  parser
      ->add_option(
          "--store", command->store,
          "file that keeps each replicate as it comes; the same command goes on where it stopped, and "
          "with more --replicates adds to what is there")
      ->type_name("FILE");
  parser->add_option("--output", command->output, "where the replicates' coefficients go, as CSV")
      ->type_name("CSV");
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_bootstrap(*command); }};
}

}  // namespace moest::app
