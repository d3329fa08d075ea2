// moest fit: a model from a table.
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/data_options.h"
#include "app/mixture_options.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/data/dataset.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/constraints.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/report/model_text.h"

namespace moest::app {
namespace {

struct FitCommand {
  CommonOptions common;
  DataOptions data;
  bool dry_run = false;
  MixtureSpec spec;
  std::string start_from;
  std::string output;
  FitOptions options;
};

/// Gate or expert of the start, but for what was given on the command line.
template <class Owner>
void take_from_start(const CLI::App& parser, const std::string& kind_flag,
                     std::span<const Option<Owner>> options, const Owner& start, Owner& given) {
  if (parser.count(kind_flag) > 0 && given.kind != start.kind) {
    return;
  }
  given.kind = start.kind;
  for (const Option<Owner>& option : options) {
    if (parser.count(flag_of(option)) == 0) {
      std::visit([&](auto member) { given.*member = start.*member; }, option.member);
    }
  }
}

/// Inputs, kinds, their options and the number of experts are those of the start where they were not given.
std::optional<Model> read_start(const CLI::App& parser, FitCommand& command) {
  if (command.start_from.empty()) {
    return std::nullopt;
  }
  Model start = read_model(command.start_from);
  take_from_start(parser, "--gate", gate_options(), start.spec.gate, command.spec.gate);
  take_from_start(parser, "--expert", expert_options(), start.spec.expert, command.spec.expert);
  if (parser.count("--experts") == 0) {
    command.spec.num_experts = start.spec.num_experts;
  } else if (command.spec.num_experts != start.spec.num_experts && parser.count("--groups") == 0) {
    command.spec.gate.groups = {};  // those of the start are not of so many experts
  }
  if (command.data.columns.inputs.empty()) {
    take_columns(start, command.data.columns);
  }
  return start;
}

/// Everything that can be refused before the data are read.
void check_command(const CLI::App& parser, const FitCommand& command) {
  check_mixture_options(parser, command.spec);
  check_options(command.options, fit_options());
  parse_equations(command.options.fix);
  if (command.spec.num_experts < 1) {
    throw InputError(fmt::format("--experts {} cannot be used", command.spec.num_experts),
                     "a mixture has at least one expert", "Give --experts a positive number.");
  }
  if (command.options.starts == 0 && command.start_from.empty()) {
    throw InputError("--starts 0 leaves nothing to do", "there is no --start-from model either",
                     "Give --starts a positive number, or leave it out.");
  }
}

void check_enough_rows(const FitCommand& command, const Dataset& data) {
  // Each expert has at least one parameter; a number of experts without bounds must not come near an
  // allocation.
  const int experts = command.spec.num_experts;
  const bool enough = data.target.rows() >= experts &&
                      data.target.size() >= num_free_parameters(command.spec, command.options.fix);
  if (!enough) {
    const std::string needed =
        data.target.rows() < experts
            ? ""
            : fmt::format(" for {} parameters", num_free_parameters(command.spec, command.options.fix));
    const std::string of_targets =
        data.target.cols() > 1
            ? fmt::format(" of {} targets ({} numbers)", data.target.cols(), data.target.size())
            : "";
    throw InputError(fmt::format("{}: {} rows{} are too few{}", source_name(command.data.data),
                                 data.target.rows(), of_targets, needed),
                     fmt::format("{} gate, {} {} expert(s), {} input(s)", command.spec.gate.kind, experts,
                                 command.spec.expert.kind, data.input_names.size()),
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
  const int num_parameters = num_free_parameters(command.spec, command.options.fix);
  if (command.common.json) {
    print_json({{"command", "fit"},
                {"dry_run", true},
                {"num_samples", data.target.rows()},
                {"inputs", data.input_names},
                {"target", one_or_all(data.target_names)},
                {"num_free_parameters", num_parameters}});
    return kDone;
  }
  write_output(
      "-",
      fmt::format("all is well: {} samples, target {}, inputs {}; {} free parameters; nothing was fitted\n",
                  data.target.rows(), listed(data.target_names), listed(data.input_names), num_parameters));
  return kDone;
}

/// The summary for people: on standard output, or on standard error when the model goes to standard output.
void print_report(const FitCommand& command, const FitResult& result, const Dataset& data) {
  const std::string text = fit_report(source_name(command.data.data), result.model, result.summary,
                                      regimes_of(result.model, data, command.options.threads));
  if (command.output != "-") {
    const std::string written =
        command.output.empty() ? "" : fmt::format("\nmodel written to {}\n", command.output);
    write_output("-", text + written);
  } else if (!command.common.quiet) {
    fmt::print(stderr, "{}", text);
  }
}

int run_fit(const CLI::App& parser, FitCommand command) {
  check_files(command.common, {command.data.data}, command.output);
  check_files({}, {command.data.data, command.start_from}, "");
  const std::optional<Model> start = read_start(parser, command);
  check_command(parser, command);
  const Dataset data = read_data(command.data);
  for (const std::string& text : data.notes) {
    note(command.common, text);
  }
  command.spec.num_inputs = static_cast<int>(data.input_names.size());
  command.spec.num_outputs = static_cast<int>(data.target_names.size());
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
    write_ensemble(command.output, result.ensemble);
  }
  if (command.common.json) {
    print_json(
        {{"command", "fit"}, {"model", to_json(result.ensemble)}, {"summary", to_json(result.summary)}});
  } else {
    print_report(command, result, data);
  }
  return result.summary.status != FitStatus::interrupted && result.summary.any_start_converged()
             ? kDone
             : kNotConverged;
}

}  // namespace

Command make_fit_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("fit", "fit a mixture of experts to a table by least squares");
  const auto command = std::make_shared<FitCommand>();
  add_data_options(*parser, command->data, "column to predict, or several, which share the gate");

  add_mixture_options(*parser, command->spec);
  command->spec.num_experts = 2;
  add_number(*parser, "--experts", command->spec.num_experts, "number of experts (default 2)")
      ->type_name("K")
      ->group("Model");
  const std::string fit = "Fit";
  add_options<FitOptions>(*parser, fit_options(), command->options, fit);
  add_names(
      *parser, "--fix", command->options.fix,
      "numbers of the model file that are given, or equal to others: atoms[0].expert[2]=0, "
      "atoms[*].gate[1]=0, atoms[0].expert[0]=atoms[1].expert[0]; in the file's (scaled) coordinates, and "
      "the order of the experts is kept")
      ->type_name("PATH=VALUE|PATH,...")
      ->join(',')
      ->group(fit);
  parser
      ->add_option("--start-from", command->start_from,
                   "a model that adds one start; with --starts 0 the only one")
      ->type_name("MODEL")
      ->group(fit);
  parser->add_flag("--dry-run", command->dry_run, "check the options and the data, fit nothing")
      ->disable_flag_override()
      ->group(fit);
  parser
      ->add_option("--output", command->output,
                   "where the model goes; without it only the summary is printed")
      ->type_name("MODEL");
  add_common_options(*parser, command->common);
  return {parser, [parser, command] { return run_fit(*parser, *command); }, mixture_choices()};
}

}  // namespace moest::app
