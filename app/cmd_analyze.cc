// moest analyze: what data could determine of a mixture, before any are there.
#include <chrono>
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/data_options.h"
#include "app/mixture_options.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/base/json_reader.h"
#include "moest/model/model_json.h"
#include "moest/report/analysis_text.h"
#include "moest/theory/formula_family.h"
#include "moest/theory/identifiability_record.h"

namespace moest::app {
namespace {

struct AnalyzeCommand {
  CommonOptions common;
  MixtureSpec spec;
  std::string activation;
  std::vector<std::string> parameters;
  std::string model;
  std::optional<int> true_experts;
  std::optional<int> experts;
  IdentifiabilityOptions options;
  std::optional<double> num_samples;
  std::optional<double> noise;
  std::string inputs = "uniform:-2.5,2.5";
  std::vector<std::string> merge_gates;
  bool latex = false;
};

MixtureFamily family_of(const CLI::App& parser, const AnalyzeCommand& command) {
  ExpertText text{{}, {}, command.parameters};
  if (parser.count("--expert") > 0) {
    text.kind = command.spec.expert.kind;
  }
  if (parser.count("--activation") > 0) {
    text.activation = command.activation;
  }
  MixtureFamily family = family_with(command.spec, text);
  check_mixture_options(parser, family.spec, family.activation ? "--activation" : "");
  check(family.spec);
  return family;
}

/// The truth of a model file; its scaling stands, and inputs are those in its coordinates.
std::optional<Measure> read_truth(const CLI::App& parser, AnalyzeCommand& command) {
  if (command.model.empty()) {
    return std::nullopt;
  }
  std::vector<std::string> flags{"--gate", "--expert", "--dim", "--true-experts", "--parameters"};
  for (const Option<GateSpec>& option : gate_options()) {
    flags.push_back(flag_of(option));
  }
  for (const Option<ExpertSpec>& option : expert_options()) {
    flags.push_back(flag_of(option));
  }
  for (const std::string& flag : flags) {
    if (parser.count(flag) > 0) {
      throw InputError(fmt::format("{} and --model exclude each other", flag),
                       "the model file says what the truth is", "Leave out one of them.");
    }
  }
  const Model model = read_model(command.model);
  command.spec = model.spec;
  return model.measure();
}

std::pair<int, int> gates_to_merge(const std::vector<std::string>& parts) {
  int first = 0;
  int second = 0;
  if (parts.size() != 2) {
    throw InputError(fmt::format("--merge-gates {} cannot be used", fmt::join(parts, ",")),
                     "two experts are needed", "For example --merge-gates 1,2.");
  }
  read_number("--merge-gates", parts[0], first);
  read_number("--merge-gates", parts[1], second);
  return {first - 1, second - 1};
}

int run_analyze(const CLI::App& parser, AnalyzeCommand command) {
  const std::optional<Measure> measure = read_truth(parser, command);
  if (!measure) {
    command.spec.num_experts = command.true_experts.value_or(2);
  }
  const MixtureFamily family = measure ? MixtureFamily{command.spec} : family_of(parser, command);
  AnalysisRequest request{command.options, command.num_samples, command.noise, {}, {}};
  request.inputs = at_path("--inputs", [&] { return parse_distribution(command.inputs); });
  if (!command.merge_gates.empty()) {
    request.merge_gates = gates_to_merge(command.merge_gates);
  }
  request.options.num_experts = command.experts.value_or(command.spec.num_experts + 1);

  Analysis analysis;
  {
    ProgressLine line;
    const auto begin = std::chrono::steady_clock::now();
    std::function<void(double)> progress;
    if (!command.common.quiet) {
      progress = [&](double share) {
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
        line.show("truths analysed", elapsed.count(), share);
      };
    }
    analysis = full_analysis(family, measure, request, progress);
  }
  if (command.common.json) {
    print_json(to_json(analysis));
  } else {
    write_output("-", analysis_report(analysis, command.latex ? Notation::latex : Notation::text));
  }
  return kDone;
}

}  // namespace

Command make_analyze_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand(
      "analyze",
      "say which parameters of a mixture data can determine, how fast, and what stands in the way");
  const auto command = std::make_shared<AnalyzeCommand>();
  add_mixture_options(*parser, command->spec);
  const std::string group = "Model";
  parser->get_option("--expert")
      ->description("expert: " + listed(expert_names()) +
                    ", or a formula \"expr: c*tanh(a*x1 + b)\" (default linear)");
  parser->remove_option(parser->get_option("--activation"));
  parser
      ->add_option("--activation", command->activation,
                   "of an ffn expert: a kind of neuron; or the link of neurons as a formula of t, \"expr: "
                   "t/(1+exp(-t))\"")
      ->type_name("NAME|EXPR")
      ->group(group);
  add_names(*parser, "--parameters", command->parameters, "names in the formula that are parameters")
      ->type_name("A,B,...")
      ->group(group);
  add_number(*parser, "--dim", command->spec.num_inputs, "number of inputs (default 1)")
      ->type_name("D")
      ->group(group);
  add_number(*parser, "--true-experts", command->true_experts, "number of true experts (default 2)")
      ->type_name("K")
      ->group(group);
  add_number(*parser, "--experts", command->experts,
             "number of fitted experts (default: one more than true ones)")
      ->type_name("K")
      ->group(group);
  parser->add_option("--model", command->model, "a truth to analyse, in place of a kind at random ones")
      ->type_name("TRUTH")
      ->group(group);
  const std::string analysis = "Analysis";
  add_number(*parser, "--truths", command->options.num_truths, "number of random truths (default 3)")
      ->group(analysis);
  add_number(
      *parser, "--half-width", command->options.half_width,
      "inputs are looked at in the box |x_j| <= X, scaled ones if the model has a scaling (default 2.5)")
      ->group(analysis);
  add_number(*parser, "--n", command->num_samples, "sample size for predicted standard errors")
      ->type_name("N")
      ->group(analysis);
  add_number(*parser, "--noise", command->noise,
             "standard deviation of the noise for them, in scaled units if the model has a scaling")
      ->type_name("SD")
      ->group(analysis);
  parser
      ->add_option("--inputs", command->inputs,
                   "distribution of each input for them: uniform:LOW,HIGH or normal:MEAN,SD (default "
                   "uniform:-2.5,2.5)")
      ->type_name("LAW")
      ->group(analysis);
  add_names(*parser, "--merge-gates", command->merge_gates,
            "the smallest singular value of the Jacobian while the gates of two experts merge")
      ->type_name("I,J")
      ->group(analysis);
  parser->add_flag("--latex", command->latex, "relations as LaTeX")->disable_flag_override()->group(analysis);
  add_number(*parser, "--seed", command->options.seed, "same seed, same truths (default 1)")->group(analysis);
  add_threads_option(*parser, command->options.num_threads);
  add_common_options(*parser, command->common);
  return {parser, [parser, command] { return run_analyze(*parser, *command); }, mixture_choices()};
}

}  // namespace moest::app
