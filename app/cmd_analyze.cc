// moest analyze: what data could determine of a mixture, before any are there.
#include <algorithm>
#include <cctype>
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
#include "moest/theory/identifiability_record.h"
#include "moest/theory/neighbours.h"
#include "moest/theory/prediction.h"
#include "moest/theory/random_truth.h"

namespace moest::app {
namespace {

constexpr std::string_view kFormula = "expr:";

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

bool is_formula(const std::string& text) { return text.starts_with(kFormula); }

/// What follows "expr:".
std::string formula_of(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ', kFormula.size());
  return begin == std::string::npos ? "" : text.substr(begin);
}

/// x1..xd and then the parameters.
std::vector<std::string> formula_names(const AnalyzeCommand& command) {
  std::vector<std::string> names;
  for (int j = 1; j <= command.spec.num_inputs; ++j) {
    names.push_back("x" + std::to_string(j));
  }
  if (command.parameters.empty()) {
    throw InputError("--expert has a formula without --parameters",
                     "the names in it that are not inputs x1, x2, .. must be declared",
                     "For example --expert \"expr: c*tanh(a*x1 + b)\" --parameters a,b,c.");
  }
  for (const std::string& name : command.parameters) {
    const bool is_name =
        !name.empty() && std::isalpha(static_cast<unsigned char>(name.front())) != 0 &&
        std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    const bool is_taken = std::ranges::find(names, name) != names.end() ||
                          std::ranges::find(Expression::kFunctions, name) != Expression::kFunctions.end();
    if (!is_name || is_taken) {
      throw InputError(fmt::format("--parameters: `{}` cannot be a name", name),
                       is_taken ? "it is an input, a function or another parameter"
                                : "names are letters, digits and _, and begin with a letter",
                       "For example --parameters a,b,c.");
    }
    names.push_back(name);
  }
  return names;
}

MixtureFamily family_of(const CLI::App& parser, AnalyzeCommand command) {
  MixtureFamily family;
  const bool has_activation = parser.count("--activation") > 0;
  const bool own_activation = is_formula(command.activation);
  if (is_formula(command.spec.expert.kind)) {
    const std::vector<std::string> names = formula_names(command);
    family.formula = Expression("--expert", formula_of(command.spec.expert.kind), names);
    for (auto p = static_cast<std::size_t>(command.spec.num_inputs); p < names.size(); ++p) {
      if (!family.formula->uses(p)) {
        throw InputError(fmt::format("--parameters: the formula does not use `{}`", names[p]),
                         "a parameter without effect is never identified",
                         "Leave it out, or write it into --expert.");
      }
    }
    command.spec.expert = ExpertSpec{};
  } else if (!command.parameters.empty()) {
    throw InputError("--parameters belongs to a formula", "--expert is a kind of the catalogue",
                     "Give --expert \"expr: ...\", or leave it out.");
  }
  if (own_activation) {
    family.activation = Expression("--activation", formula_of(command.activation), {"t"});
    if (parser.count("--expert") == 0) {
      command.spec.expert.kind = "tanh";  // a neuron: its link is the formula
    } else if (!expert_form(command.spec.expert).is_network) {
      throw InputError(fmt::format("--activation does not belong to the {} expert", command.spec.expert.kind),
                       "the expert has a link of its own", "Leave out --expert, or take --expert ffn.");
    }
  } else if (has_activation) {
    command.spec.expert.activation = command.activation;
  }
  check_mixture_options(parser, command.spec, own_activation ? "--activation" : "");
  family.spec = command.spec;
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

void check_numbers(const AnalyzeCommand& command) {
  constexpr int kMostInputs = 8;
  constexpr int kMostExperts = 16;
  constexpr int kMostTruths = 1000;
  check_range("dim", command.spec.num_inputs, 1, kMostInputs);
  check_range("true_experts", command.spec.num_experts, 1, kMostExperts);
  check_range("truths", command.options.num_truths, 1, kMostTruths);
  constexpr double kLeastWidth = 0.01;
  constexpr double kMostWidth = 100;
  check_range("half_width", command.options.half_width, kLeastWidth, kMostWidth);
  if (command.num_samples.has_value() != command.noise.has_value()) {
    throw InputError("--n and --noise belong together", "standard errors depend on both",
                     "Give both, or none.");
  }
  if (command.num_samples && !(*command.num_samples >= 1)) {
    throw InputError("--n cannot be used", "it must be 1 or more", "For example --n 10000.");
  }
  if (command.noise && !(*command.noise > 0)) {
    throw InputError("--noise cannot be used", "it must be positive", "For example --noise 0.1.");
  }
}

/// What was asked of one truth: predicted errors, merging gates.
void look_at(const Truth& truth, const AnalyzeCommand& command, const InputDistribution& inputs,
             Analysis& analysis) {
  if (command.num_samples) {
    analysis.predicted =
        predicted_errors(truth, *command.num_samples, *command.noise, inputs, command.options.seed);
    const Verdict over = analysis.result.over.verdict;
    if (over != Verdict::regular && over != Verdict::scale_gauge) {
      analysis.predicted->splits.clear();  // there is no rate to predict with
    }
    analysis.num_samples = *command.num_samples;
    analysis.noise = *command.noise;
  }
  if (!command.merge_gates.empty()) {
    const auto [first, second] = gates_to_merge(command.merge_gates);
    analysis.merging = merge_gates(truth, first, second, command.options.half_width, command.options.seed);
  }
}

int run_analyze(const CLI::App& parser, AnalyzeCommand command) {
  const std::optional<Measure> measure = read_truth(parser, command);
  if (!measure) {
    command.spec.num_experts = command.true_experts.value_or(2);
  }
  check_numbers(command);
  const MixtureFamily family = measure ? MixtureFamily{command.spec} : family_of(parser, command);
  const InputDistribution inputs = at_path("--inputs", [&] { return parse_distribution(command.inputs); });
  if (command.num_samples && family.spec.num_outputs > 1) {
    throw InputError("--n takes one target", "the noise of several targets is not one number",
                     "Leave out --n and --noise.");
  }
  if (!command.merge_gates.empty()) {
    const auto [first, second] = gates_to_merge(command.merge_gates);
    check_mergeable(family.spec, first, second);
  }
  command.options.num_experts = command.experts.value_or(command.spec.num_experts + 1);

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
    analysis.result = analyze(family, measure, command.options, progress);
  }
  analysis.neighbours = regular_neighbours(analysis.result, command.options.seed);
  if (command.num_samples || !command.merge_gates.empty()) {
    Stream stream(command.options.seed, 0, "identifiability");
    const Truth truth =
        measure ? Truth{family, *measure} : random_truth(family, command.options.half_width, stream);
    look_at(truth, command, inputs, analysis);
  }
  analysis.is_given = measure.has_value();
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
