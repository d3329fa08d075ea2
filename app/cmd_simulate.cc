// moest simulate: data drawn from a model.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/data_options.h"
#include "moest/base/file.h"
#include "moest/base/json_reader.h"
#include "moest/data/csv.h"
#include "moest/model/model_json.h"
#include "moest/model/simulate.h"

namespace moest::app {
namespace {

constexpr double kMostSamples = 1e9;

struct SimulateCommand {
  CommonOptions common;
  std::string model;
  double num_samples = 0;
  std::string inputs = "uniform:-1,1";
  std::optional<double> noise;
  std::uint64_t seed = 0;
  int threads = 0;
  std::string output;
};

/// One number per target.
std::vector<double> noise_sd(const SimulateCommand& command, const Model& model) {
  if (command.noise) {
    check_range("noise", *command.noise, 0, 1e150);
    return std::vector<double>(model.targets.size(), *command.noise);
  }
  if (model.noise_variance.empty()) {
    throw InputError("the noise is not known", "the model has no noise_variance and --noise was not given",
                     "Give --noise SD, for example --noise 0.1, or --noise 0.");
  }
  std::vector<double> sd;
  std::transform(model.noise_variance.begin(), model.noise_variance.end(), std::back_inserter(sd),
                 [](double variance) { return std::sqrt(variance); });
  return sd;
}

int run_simulate(const SimulateCommand& command) {
  check_files(command.common, {command.model}, command.output);
  check_range("n", command.num_samples, 1, kMostSamples);
  if (command.num_samples != std::floor(command.num_samples)) {
    throw InputError(fmt::format("--n {} cannot be used", command.num_samples), "it must be a whole number",
                     "For example --n 1000 or --n 1e6.");
  }
  const InputDistribution distribution =
      at_path("--inputs", [&] { return parse_distribution(command.inputs); });
  const Model model = read_model(command.model);
  if (!model.categories.empty()) {
    throw InputError("cannot draw categorical inputs",
                     "the model has indicator inputs, which are not numbers to draw",
                     "Simulate from a model of numeric inputs.");
  }
  const std::vector<double> noise = noise_sd(command, model);
  const SimulatedData data = simulate(model, static_cast<Eigen::Index>(command.num_samples), distribution,
                                      noise, command.seed, command.threads);
  std::vector<std::string> names = model.inputs;
  names.insert(names.end(), model.targets.begin(), model.targets.end());
  Eigen::MatrixXd values(data.inputs.rows(), data.inputs.cols() + data.target.cols());
  values << data.inputs, data.target;
  if (command.common.json) {
    nlohmann::ordered_json lists = nlohmann::ordered_json::object();
    for (std::size_t j = 0; j < names.size(); ++j) {
      const auto column = values.col(static_cast<Eigen::Index>(j));
      lists[names[j]] = std::vector<double>(column.begin(), column.end());
    }
    print_json({{"command", "simulate"},
                {"num_samples", values.rows()},
                {"noise", one_or_all(noise)},
                {"seed", command.seed},
                {"columns", lists}});
  }
  if (!command.output.empty() || !command.common.json) {
    write_output(command.output.empty() ? "-" : command.output, csv_text(names, values));
  }
  return kDone;
}

}  // namespace

Command make_simulate_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("simulate", "draw data from a model");
  const auto command = std::make_shared<SimulateCommand>();
  parser->add_option("model", command->model, "model file")->type_name("MODEL")->required();
  add_number(*parser, "--n", command->num_samples, "number of samples")->type_name("N")->required();
  parser
      ->add_option("--inputs", command->inputs,
                   "distribution of each input: uniform:LOW,HIGH or normal:MEAN,SD (default uniform:-1,1)")
      ->type_name("LAW");
  add_number(*parser, "--noise", command->noise, "standard deviation of the noise (default: the model's)")
      ->type_name("SD");
  add_number(*parser, "--seed", command->seed, "same seed, same data (default 0)");
  parser->add_option("--output", command->output, "where the CSV goes (default: standard output)")
      ->type_name("CSV");
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_simulate(*command); }};
}

}  // namespace moest::app
