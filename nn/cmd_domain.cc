// moest-nn domain: how well a model does on a domain that it has not seen.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "app/command.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/base/json_reader.h"
#include "moest/base/option_json.h"
#include "nn/command.h"
#include "nn/domain_generalisation.h"
#include "nn/domain_text.h"

namespace moest::nn {
namespace {

using Json = nlohmann::ordered_json;

// What a run was begun with, in its folder.
constexpr const char* kRunFile = "run.json";

struct DomainCommand {
  app::CommonOptions common;
  int threads = 0;
  std::string data;
  std::string folder;
  std::vector<std::string> left_out;
  bool is_resumed = false;
  DomainOptions domains;
  VisionOptions vision;
  TrainingOptions training = {.steps = 1500, .batch = 64, .evaluate_every = 250};
};

std::string run_file(const DomainCommand& command) {
  return (std::filesystem::path(command.folder) / kRunFile).string();
}

Json run_json(const DomainCommand& command) {
  Json json{{"command", "domain run"}, {"data", command.data}, {"leave_out", command.left_out}};
  const TransformerOptions& transformer = command.vision.transformer;
  json.update(options_json(domain_options(), command.domains));
  json.update(options_json(vision_options(), command.vision));
  json.update(options_json(transformer_options(), transformer));
  json.update(options_json(mixture_options(), transformer.mixture));
  json.update(router_json(transformer.mixture.router));
  json.update(training_specification(command.training));
  return json;
}

/// Sets the options that were not given to those that the run was begun with.
void take_stored(const CLI::App& parser, DomainCommand& command) {
  const std::string path = run_file(command);
  if (!std::filesystem::exists(path)) {
    throw InputError(fmt::format("there is no run in {}", command.folder),
                     fmt::format("it holds no {}", kRunFile), "Name the --output of `moest-nn domain run`.");
  }
  const Json stored =
      parse_json(read_input(path), path, "a run of `moest-nn domain`", "Begin the run again.");
  take_stored(parser, domain_options(), command.domains, stored);
  take_stored(parser, vision_options(), command.vision, stored);
  take_stored_network(parser, command.vision.transformer, stored);
  take_stored_training(parser, command.training, stored);
  ObjectReader reader(stored, "", path);
  if (command.data.empty()) {
    command.data = string_of(reader.require("data"), "data");
  }
  if (command.left_out.empty()) {
    command.left_out = list_of(reader.require("leave_out"), "leave_out", string_of);
  }
}

void check_command(const DomainCommand& command) {
  check_options(command.domains, domain_options());
  check_options(command.vision, vision_options());
  check_options(command.training, training_options());
  if (command.data.empty()) {
    throw InputError("--data is missing", "a run needs pictures",
                     "Name a folder with MNIST's files or with folders of pictures.");
  }
}

/// Makes the folder and writes down what the run is begun with.
void begin_run(const DomainCommand& command) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(run_file(command), error)) {
    throw InputError(fmt::format("{} holds a run already", command.folder), "another would overwrite it",
                     "Go on with it by --resume, or name another folder.");
  }
  fs::create_directories(command.folder, error);
  if (error || !fs::is_empty(command.folder, error)) {
    throw InputError(fmt::format("cannot use the folder {}", command.folder),
                     error ? error.message() : "it is not empty", "Name a new or an empty folder.");
  }
  write_output(run_file(command), run_json(command).dump(2) + "\n");
}

/// The domains that are to be left out: all unless some are named.
std::vector<std::size_t> chosen_domains(const DomainSet& set, const std::vector<std::string>& names) {
  std::vector<std::string> known;
  known.reserve(set.domains.size());
  for (const Domain& domain : set.domains) {
    known.push_back(domain.name);
  }
  std::vector<std::size_t> chosen;
  for (const std::string& name : names.empty() ? known : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      throw InputError(fmt::format("there is no domain `{}` to leave out", name),
                       fmt::format("the domains are {}", listed(known)), "Name one of them.");
    }
    chosen.push_back(static_cast<std::size_t>(found - known.begin()));
  }
  return chosen;
}

DomainRun run_watched(const DomainCommand& command, const DomainSet& set,
                      const std::vector<std::size_t>& chosen) {
  const app::InterruptGuard guard;
  app::ProgressLine line;
  double seconds_before = 0;  // of the domains that are done
  double seconds = 0;         // of the one at hand
  std::size_t current = 0;
  const auto progress = [&](std::size_t i, const TrainingProgress& state) {
    if (i != current) {
      seconds_before += seconds;
      current = i;
    }
    seconds = state.seconds;
    line.show(fmt::format("without {} ({} of {}): step {} of {}, loss {:.3f}", set.domains[chosen[i]].name,
                          i + 1, chosen.size(), state.step, command.training.steps, state.loss),
              seconds_before + seconds,
              (static_cast<double>(i) + state.share_done) / static_cast<double>(chosen.size()));
  };
  return leave_each_out(
      set, chosen, command.vision, command.training, command.folder, guard.flag(),
      command.common.quiet ? std::function<void(std::size_t, const TrainingProgress&)>() : progress);
}

int run_domain(const CLI::App& parser, DomainCommand command) {
  if (command.is_resumed) {
    take_stored(parser, command);
  }
  command.domains.seed = command.training.seed;
  settle_network(parser, command.vision.transformer);
  check_command(command);
  const DomainSet set = read_domains(command.data, command.domains, command.threads);
  patch_size(command.vision, set.shape());
  const std::vector<std::size_t> chosen = chosen_domains(set, command.left_out);
  command.data = std::filesystem::absolute(command.data).lexically_normal().string();
  if (!command.is_resumed) {
    begin_run(command);
  }
  const DomainRun run = run_watched(command, set, chosen);
  const std::string router = router_name(command.vision.transformer);
  const bool is_whole = run.status == TrainingStatus::finished || run.status == TrainingStatus::time_limit;
  if (command.common.json) {
    Json json{{"command", "domain run"}, {"router", router}};
    json.update(to_json(run));
    json["data"] = command.data;
    json["data_fingerprint"] = set.data_fingerprint;
    json["kind"] = set.kind;
    json["output"] = command.folder;
    json["options"] = run_json(command);
    app::print_json(json);
  } else {
    write_output("-", domain_report(set, command.vision, run));
    if (run.status != TrainingStatus::finished) {
      fmt::print("\nNext: moest-nn domain run --output {} --resume\n", command.folder);
    }
  }
  if (run.status == TrainingStatus::failed) {
    fmt::print(stderr, "moest-nn: {}\n", run.message);
    return app::kFailed;
  }
  return is_whole ? app::kDone : kStopped;
}

void add_run(CLI::App& parser, DomainCommand& command) {
  parser
      .add_option("--data", command.data,
                  "folder with MNIST's files, or with pictures as DIR/domain/class/picture.png (or .jpg)")
      ->type_name("DIR");
  parser.add_option("--output", command.folder, "folder of the run: a training for each domain left out")
      ->type_name("DIR")
      ->required();
  app::add_names(parser, "--leave-out", command.left_out,
                 "domains to leave out, one after the other (default: all of them)");
  parser
      .add_flag("--resume", command.is_resumed,
                "go on with the run in this folder; what it was begun with needs no repeating")
      ->disable_flag_override();
  app::add_options(parser, domain_options(), command.domains, "Domains");
  add_network_options(parser, command.vision.transformer);
  app::add_options(parser, vision_options(), command.vision, "Network");
  app::add_options(parser, training_options(), command.training, "Training");
}

}  // namespace

app::Command make_domain_command(CLI::App& program) {
  CLI::App* parser =
      program.add_subcommand("domain", "leave out a domain of pictures, and see how well it is done");
  parser->require_subcommand(1);
  const auto command = std::make_shared<DomainCommand>();
  CLI::App* run = parser->add_subcommand("run", "train on all domains but one, for each of them");
  app::add_threads_option(*run, command->threads);
  app::add_common_options(*run, command->common);
  add_run(*run, *command);
  return {
      parser,
      [run, command] { return run_with_torch(command->threads, [&] { return run_domain(*run, *command); }); },
      {{parser->get_name(), {"run"}}, {"--router", router_names()}}};
}

}  // namespace moest::nn
