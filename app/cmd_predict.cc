// moest predict: predictions of a model for the rows of a table.
#include <cmath>
#include <memory>
#include <optional>

#include "app/command.h"
#include "moest/base/file.h"
#include "moest/data/csv.h"
#include "moest/data/dataset.h"
#include "moest/model/model_json.h"
#include "moest/model/predict.h"
#include "moest/model/student.h"
#include "moest/report/text_table.h"

namespace moest::app {
namespace {

struct PredictCommand {
  CommonOptions common;
  std::string model;
  std::string data;
  bool weights = false;
  bool experts = false;
  std::optional<double> interval;
  int threads = 0;
  std::string output;
};

struct Columns {
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;

  void add(std::string name, const Eigen::Ref<const Eigen::VectorXd>& column) {
    names.push_back(std::move(name));
    values.emplace_back(column.begin(), column.end());
  }
};

/// Where the table has a target too, says how far the predictions are from it.
void note_errors(const PredictCommand& command, const Model& model, const Table& table,
                 const Eigen::MatrixXd& mean) {
  for (Eigen::Index j = 0; j < mean.cols(); ++j) {
    const std::string& name = model.targets[static_cast<std::size_t>(j)];
    const Column* target = table.find(name);
    if (target == nullptr || target->num_missing + target->num_bad > 0) {
      continue;
    }
    const Eigen::Map<const Eigen::VectorXd> observed(target->values.data(), mean.rows());
    const double rmse = std::sqrt((observed - mean.col(j)).squaredNorm() / static_cast<double>(mean.rows()));
    note(command.common,
         fmt::format("root mean square error against the column {}: {}", name, short_number(rmse)));
  }
}

/// The pointwise confidence interval of f(x).
template <class TargetSuffix>
void add_intervals(double confidence, const Model& model, const Eigen::MatrixXd& inputs,
                   const Eigen::MatrixXd& mean, int threads, const TargetSuffix& of_target,
                   Columns& columns) {
  const Eigen::MatrixXd errors = mean_standard_errors(model, inputs, threads);
  const double quantile = student_quantile(model.covariance->degrees_of_freedom, confidence);
  for (Eigen::Index j = 0; j < mean.cols(); ++j) {
    columns.add("lower" + of_target(j), mean.col(j) - quantile * errors.col(j));
    columns.add("upper" + of_target(j), mean.col(j) + quantile * errors.col(j));
  }
}

void refuse_details_of_ensemble(const PredictCommand& command) {
  const std::string flag = command.weights    ? "--weights"
                           : command.experts  ? "--experts"
                           : command.interval ? "--interval"
                                              : "";
  if (!flag.empty()) {
    throw InputError(fmt::format("{} is not for {}", flag, command.model),
                     "it holds an ensemble, whose members have gates and experts of their own",
                     "Leave it out, or fit without --ensemble.");
  }
}

int run_predict(const PredictCommand& command) {
  if (command.interval) {
    check_range("interval", *command.interval, kLeastConfidence, kMostConfidence);
  }
  check_files(command.common, {command.model, command.data}, command.output);
  const Ensemble ensemble = read_ensemble(command.model);
  const Model& model = ensemble.members.front();
  if (ensemble.members.size() > 1) {
    refuse_details_of_ensemble(command);
  }
  const Table table = read_table_for(model, command.data);
  const Eigen::MatrixXd inputs = input_matrix(table, model.inputs, model.categories);
  Predictions predictions = predict(model, inputs, command.threads);
  if (ensemble.members.size() > 1) {
    predictions.mean = predict_mean(ensemble, inputs, command.threads);
  }
  if (!predictions.mean.allFinite() || !predictions.experts.allFinite()) {
    throw InputError("the predictions overflow", "inputs or parameters of the model are too large",
                     "Check the model and the units of the data.");
  }

  Columns columns;
  const auto num_experts = predictions.weights.cols();
  const auto of_target = [&](Eigen::Index j) {
    return predictions.mean.cols() > 1 ? "_" + model.targets[static_cast<std::size_t>(j)] : "";
  };
  for (Eigen::Index j = 0; j < predictions.mean.cols(); ++j) {
    columns.add("prediction" + of_target(j), predictions.mean.col(j));
  }
  if (command.interval) {
    add_intervals(*command.interval, model, inputs, predictions.mean, command.threads, of_target, columns);
  }
  for (Eigen::Index i = 0; command.weights && i < predictions.weights.cols(); ++i) {
    columns.add(fmt::format("weight_{}", i + 1), predictions.weights.col(i));
  }
  for (Eigen::Index i = 0; command.experts && i < predictions.experts.cols(); ++i) {
    columns.add(fmt::format("expert_{}{}", i % num_experts + 1, of_target(i / num_experts)),
                predictions.experts.col(i));
  }
  if (command.common.json) {
    nlohmann::ordered_json lists = nlohmann::ordered_json::object();
    for (std::size_t j = 0; j < columns.names.size(); ++j) {
      lists[columns.names[j]] = columns.values[j];
    }
    print_json({{"command", "predict"}, {"num_samples", predictions.mean.rows()}, {"columns", lists}});
  }
  if (!command.output.empty() || !command.common.json) {
    write_output(command.output.empty() ? "-" : command.output, csv_text(columns.names, columns.values));
  }
  note_errors(command, model, table, predictions.mean);
  return kDone;
}

}  // namespace

Command make_predict_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("predict", "predict the targets for the rows of a table");
  const auto command = std::make_shared<PredictCommand>();
  parser->add_option("model", command->model, "model file")->type_name("MODEL")->required();
  parser->add_option("data", command->data, "table with the model's inputs; - for standard input")
      ->type_name("DATA")
      ->required();
  parser->add_flag("--weights", command->weights, "add the gate weights weight_1, .., weight_k");
  parser->add_flag(
      "--experts", command->experts,
      "add the values of the experts expert_1, .., expert_k (of several targets expert_1_TARGET, ..)");
  add_number(*parser, "--interval", command->interval,
             "add lower and upper: the confidence interval of the mean, for example of 0.95")
      ->type_name("LEVEL");
  parser->add_option("--output", command->output, "where the CSV goes (default: standard output)")
      ->type_name("CSV");
  add_threads_option(*parser, command->threads);
  add_common_options(*parser, command->common);
  return {parser, [command] { return run_predict(*command); }};
}

}  // namespace moest::app
