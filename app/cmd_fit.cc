// moest fit: a model from a table.
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/data/dataset.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/report/model_text.h"

namespace moest::app {
namespace {

struct FitCommand {
  CommonOptions common;
  std::string data;
  DatasetOptions columns;
  bool drop_missing = false;
  bool dry_run = false;
  MixtureSpec spec;
  std::string start_from;
  std::string output;
  FitOptions options;
};

/// Refuses options that were given but do not belong to the kind.
template <class Owner>
void refuse_foreign_options(const CLI::App& parser, std::string_view what, const KindInfo& info,
                            std::span<const Option<Owner>> options) {
  std::vector<std::string> own;
  for (const std::string_view name : info.options) {
    own.push_back(name == "bias" ? "--no-bias" : flag_name(name));
  }
  for (const Option<Owner>& option : options) {
    const std::string flag = option.name == "bias" ? "--no-bias" : flag_name(option.name);
    const bool belongs = std::find(own.begin(), own.end(), flag) != own.end();
    if (!belongs && parser.count(flag) > 0) {
      throw InputError(fmt::format("{} does not belong to the {} {}", flag, info.name, what),
                       own.empty() ? std::string("it has no options") : fmt::format("its options: {}", listed(own)),
                       "Leave it out or choose another kind.");
    }
  }
}

/// Kind and number of experts are those of the start where they were not given.
std::optional<Model> read_start(const CLI::App& parser, FitCommand& command) {
  if (command.start_from.empty()) {
    return std::nullopt;
  }
  Model start = read_model(command.start_from);
  if (parser.count("--gate") == 0) {
    command.spec.gate = start.spec.gate;
  }
  if (parser.count("--expert") == 0) {
    command.spec.expert = start.spec.expert;
  }
  if (parser.count("--experts") == 0) {
    command.spec.num_experts = start.spec.num_experts;
  }
  if (command.columns.inputs.empty() && start.categories.empty()) {
    command.columns.inputs = start.inputs;
  }
  return start;
}

Dataset read_data(const FitCommand& command) {
  const Table table = read_table(command.data, {command.columns.categorical});
  DatasetOptions columns = command.columns;
  columns.missing = command.drop_missing ? MissingPolicy::drop : MissingPolicy::refuse;
  return make_dataset(table, columns);
}

void check_enough_rows(const FitCommand& command, const Dataset& data) {
  const int needed = num_free_parameters(command.spec);
  if (data.target.size() < needed) {
    throw InputError(
        fmt::format("{} rows are too few for {} parameters", data.target.size(), needed),
        fmt::format("{} {} experts of {} inputs with a {} gate have that many", command.spec.num_experts,
                    command.spec.expert.kind, data.input_names.size(), command.spec.gate.kind),
        "Take fewer --experts, fewer --inputs or more data.");
  }
}

std::optional<Regimes> regimes_of(const Model& model, const Dataset& data, int threads) {
  if (data.inputs.cols() != 1) {
    return std::nullopt;
  }
  return find_regimes(data.inputs, predict(model, data.inputs, threads).weights);
}

int report_dry_run(const FitCommand& command, const Dataset& data) {
  const int num_parameters = num_free_parameters(command.spec);
  if (command.common.json) {
    print_json({{"command", "fit"},
                {"dry_run", true},
                {"num_samples", data.target.size()},
                {"inputs", data.input_names},
                {"target", data.target_name},
                {"num_free_parameters", num_parameters}});
    return kDone;
  }
  fmt::print("all is well: {} samples, target {}, {} inputs ({}), {} free parameters; nothing was fitted\n",
             data.target.size(), data.target_name, data.input_names.size(), listed(data.input_names), num_parameters);
  return kDone;
}

int run_fit(const CLI::App& parser, FitCommand command) {
  refuse_foreign_options(parser, "gate", gate_info(command.spec.gate.kind), gate_options());
  refuse_foreign_options(parser, "expert", expert_kind(command.spec.expert.kind).info, expert_options());
  check_options(command.options, fit_options());
  check_output(command.output);
  if (command.options.starts == 0 && command.start_from.empty()) {
    throw InputError("--starts 0 leaves nothing to do", "there is no --start-from model either",
                     "Give --starts a positive number, or leave it out.");
  }
  const std::optional<Model> start = read_start(parser, command);
  check(command.spec);
  const Dataset data = read_data(command);
  for (const std::string& text : data.notes) {
    note(command.common, text);
  }
  command.spec.num_inputs = static_cast<int>(data.input_names.size());
  check(command.spec);
  check_enough_rows(command, data);
  if (command.dry_run) {
    return report_dry_run(command, data);
  }

  FitResult result;
  {
    const InterruptGuard guard;
    ProgressLine progress;
    FitControl control{guard.flag(), {}};
    if (!command.common.quiet) {
      control.progress = [&](const FitProgress& state) { progress.show(state); };
    }
    result = fit(command.spec, data, command.options, control, start);
  }
  if (!command.output.empty()) {
    write_model(command.output, result.model);
  }
  if (command.output == "-") {
    return result.summary.any_start_converged() ? kDone : kNotConverged;
  }
  if (command.common.json) {
    print_json({{"command", "fit"}, {"model", to_json(result.model)}, {"summary", to_json(result.summary)}});
  } else {
    fmt::print("{}", fit_report(source_name(command.data), result.model, result.summary,
                                regimes_of(result.model, data, command.options.threads)));
    if (!command.output.empty()) {
      fmt::print("\nmodel written to {}\n", command.output);
    }
  }
  return result.summary.status != FitStatus::interrupted && result.summary.any_start_converged() ? kDone
                                                                                                 : kNotConverged;
}

}  // namespace

Command make_fit_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("fit", "fit a mixture of experts to a table by least squares");
  const auto command = std::make_shared<FitCommand>();
  parser->add_option("data", command->data, "table: CSV (also .gz) or .npy; - for standard input")
      ->type_name("DATA")
      ->required();
  parser->add_option("--target", command->columns.target, "column to predict")->type_name("COLUMN")->required();
  parser->add_option("--inputs", command->columns.inputs, "columns to predict from (default: all others)")
      ->type_name("COLUMN,...")
      ->delimiter(',');
  parser->add_option("--categorical", command->columns.categorical, "inputs whose cells are labels: one indicator each")
      ->type_name("COLUMN,...")
      ->delimiter(',');
  parser->add_flag("--drop-missing", command->drop_missing, "leave out rows with missing values");
  parser->add_option("--gate", command->spec.gate.kind, "gate: " + listed(gate_names()) + " (default softmax)")
      ->type_name("KIND");
  parser->add_option("--expert", command->spec.expert.kind, "expert: " + listed(expert_names()) + " (default linear)")
      ->type_name("KIND");
  command->spec.num_experts = 2;
  parser->add_option("--experts", command->spec.num_experts, "number of experts (default 2)")->type_name("K");
  add_options(*parser, gate_options(), command->spec.gate);
  add_options(*parser, expert_options(), command->spec.expert);
  add_options(*parser, fit_options(), command->options);
  parser->add_option("--start-from", command->start_from, "a model that adds one start; with --starts 0 the only one")
      ->type_name("MODEL");
  parser->add_option("--output", command->output, "where the model goes; without it only the summary is printed")
      ->type_name("MODEL");
  parser->add_flag("--dry-run", command->dry_run, "check the options and the data, fit nothing");
  add_common_options(*parser, command->common);
  return {parser, [parser, command] { return run_fit(*parser, *command); }};
}

}  // namespace moest::app
