// moest-nn lm: language models with mixture layers.
#include <algorithm>
#include <chrono>
#include <memory>

#include "app/command.h"
#include "app/progress.h"
#include "moest/base/option_json.h"
#include "moest/report/text_table.h"
#include "nn/command.h"
#include "nn/language_model.h"
#include "nn/language_text.h"

namespace moest::nn {
namespace {

using Json = nlohmann::ordered_json;

struct LanguageCommand {
  app::CommonOptions common;
  int threads = 0;
  std::vector<std::string> text;
  std::string folder;
  bool is_resumed = false;
  LanguageSpecification specification;
  TextOptions tokens;
  TrainingOptions training;
  JudgementOptions judgement;
  std::string prompt;
  SampleOptions sample;
};

void check_command(const LanguageCommand& command) {
  check_options(command.specification.language, language_options());
  check_options(command.tokens, text_options());
  check_options(command.training, training_options());
  check_options(command.judgement, judgement_options());
}

/// The options of the training that is to go on, where the command line does not say otherwise.
void take_stored(const CLI::App& parser, LanguageCommand& command) {
  const Json stored = read_specification(command.folder);
  const Json& task = stored.at("task");
  const Json& model = task.at("model");
  take_stored_training(parser, command.training, stored.at("training"));
  take_stored_network(parser, command.specification.transformer, model);
  take_stored(parser, language_options(), command.specification.language, model);
  take_stored(parser, text_options(), command.tokens, task.at("text"));
  if (command.text.empty()) {
    command.text = task.at("text").at("files").get<std::vector<std::string>>();
  }
}

/// Shows progress on standard error unless --quiet.
class Watch {
 public:
  Watch(const app::CommonOptions& options, std::int64_t steps) : is_quiet_(options.quiet), steps_(steps) {}

  TrainingControl control() {
    TrainingControl control{guard_.flag()};
    if (!is_quiet_) {
      control.progress = [this](const TrainingProgress& state) {
        line_.show(fmt::format("step {} of {}, loss {:.3f}", state.step, steps_, state.loss), state.seconds,
                   state.share_done);
      };
    }
    return control;
  }

 private:
  bool is_quiet_;
  std::int64_t steps_;
  app::InterruptGuard guard_;
  app::ProgressLine line_;
};

/// The final score of a model on a text, with progress.
TextScore final_score(const LanguageCommand& command, const SavedLanguageModel& saved,
                      const torch::Tensor& tokens) {
  app::ProgressLine line;
  const auto begin = std::chrono::steady_clock::now();
  const std::int64_t max_tokens = command.judgement.final_tokens.value_or(tokens.numel());
  return score_text(saved.model, saved.vocabulary, tokens, max_tokens, command.training.batch,
                    [&](double share) {
                      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
                      if (!command.common.quiet) {
                        line.show(fmt::format("{} evaluated", percent(share)), elapsed.count(), share);
                      }
                    });
}

/// What there is to say of the model that a training has kept.
struct KeptModel {
  TextScore validation;
  std::optional<TextScore> test;
  std::string sample;
};

KeptModel judge(const LanguageCommand& command, const Corpus& corpus) {
  const SavedLanguageModel saved = load_language_model(command.folder, training_device(command.training));
  KeptModel kept{final_score(command, saved, corpus.validation), std::nullopt, ""};
  if (corpus.test.numel() > 1) {
    kept.test = final_score(command, saved, corpus.test);
  }
  SampleOptions options;
  options.seed = command.training.seed;
  kept.sample = as_utf8(sample_text(saved.model, saved.vocabulary, "", options));
  return kept;
}

/// The line of the log of the model that was kept.
const Json& kept_line(const TrainingSummary& summary) {
  const auto found = std::ranges::find_if(
      summary.evaluations, [&](const Json& line) { return line.at("step") == summary.kept_step; });
  return found == summary.evaluations.end() ? summary.evaluations.back() : *found;
}

Json optional_json(const std::optional<TextScore>& score) {
  return score ? score_json(*score) : Json(nullptr);
}

double tokens_per_second(const LanguageCommand& command, const TrainingSummary& summary) {
  const double tokens = static_cast<double>(summary.steps_of_run) * command.training.batch *
                        command.specification.language.context;
  return summary.steps_of_run > 0 ? tokens / summary.step_seconds : 0;
}

Json summary_json(const LanguageCommand& command, const LanguageTask& task, const Corpus& corpus,
                  const TrainingSummary& summary, const std::optional<KeptModel>& kept) {
  const bool has_evaluations = !summary.evaluations.empty();
  const auto of_kept = [&](const char* field) {
    return has_evaluations ? kept_line(summary).at(field) : Json(nullptr);
  };
  Json json{{"command", "lm train"},
            {"router", router_name(command.specification.transformer)},
            {"status", name_of(summary.status)},
            {"message", summary.message},
            {"validation_bits_per_character", of_kept("validation_bits_per_character")},
            {"train_bits_per_character", of_kept("train_bits_per_character")},
            {"validation_perplexity", of_kept("validation_perplexity")},
            {"test_bits_per_character", nullptr},
            {"steps", summary.steps},
            {"kept_step", summary.kept_step},
            {"num_parameters", summary.num_parameters},
            {"num_active_parameters", num_active_parameters(task.model())},
            {"seconds", summary.seconds},
            {"tokens_per_second", tokens_per_second(command, summary)},
            {"unit", corpus.vocabulary.unit()},
            {"vocabulary_size", corpus.vocabulary.size()},
            {"data_fingerprint", corpus.hash},
            {"output", command.folder},
            {"validation", nullptr},
            {"test", nullptr},
            {"sample", nullptr},
            {"training", training_specification(command.training)},
            {"task", task.specification()},
            {"evaluations", summary.evaluations}};
  json["task"].erase("vocabulary");
  if (kept) {
    json["validation_bits_per_character"] = kept->validation.bits_per_character();
    json["validation_perplexity"] = kept->validation.perplexity();
    json["validation"] = score_json(kept->validation);
    json["test"] = optional_json(kept->test);
    if (kept->test) {
      json["test_bits_per_character"] = kept->test->bits_per_character();
    }
    json["sample"] = kept->sample;
  }
  return json;
}

void print_report(const LanguageCommand& command, const LanguageTask& task, const Corpus& corpus,
                  const TrainingSummary& summary, const std::optional<KeptModel>& kept) {
  const std::string unit = bits_unit(corpus.vocabulary);
  fmt::print("{}\n{}\n", model_text(task, command.specification, corpus),
             evaluations_text(summary.evaluations, unit));
  if (summary.status == TrainingStatus::failed) {
    return;  // the message says what to do
  }
  fmt::print("Training: {}; {} s, {} tokens per second.\n", summary.message,
             short_number(std::round(summary.seconds)),
             short_number(std::round(tokens_per_second(command, summary))));
  if (kept) {
    const bool is_all = kept->validation.tokens == kept->validation.of_tokens;
    fmt::print("Validation{}, with the model of step {}: {}.\n", is_all ? ", all of it" : "",
               summary.kept_step, score_line(kept->validation, corpus.vocabulary));
    if (kept->test) {
      fmt::print("Test: {}.\n", score_line(*kept->test, corpus.vocabulary));
    }
    fmt::print("\nSample:\n\n{}\n", kept->sample);
  }
  const bool is_done = summary.status == TrainingStatus::finished;
  fmt::print("\nNext: {}\n", is_done ? fmt::format("moest-nn lm sample {} --prompt TEXT", command.folder)
                                     : fmt::format("moest-nn lm train --output {} --resume", command.folder));
}

int run_train(const CLI::App& parser, LanguageCommand command) {
  if (command.is_resumed) {
    take_stored(parser, command);
  }
  settle_network(parser, command.specification.transformer);
  check_command(command);
  Corpus corpus =
      make_corpus(read_text(command.text), command.tokens, command.specification.language.context + 1);
  if (command.is_resumed) {
    // The same text may have moved.
    corpus.files = read_specification(command.folder).at("task").at("text").at("files");
  }
  LanguageTask task(corpus, command.specification, command.training);
  TrainingSummary summary;
  {
    Watch watch(command.common, command.training.steps);
    summary = train(task, command.training, command.folder,
                    command.is_resumed ? Beginning::checkpoint : Beginning::fresh, watch.control());
  }
  const bool is_whole =
      summary.status == TrainingStatus::finished || summary.status == TrainingStatus::time_limit;
  const auto kept = is_whole ? std::optional(judge(command, corpus)) : std::nullopt;
  if (command.common.json) {
    app::print_json(summary_json(command, task, corpus, summary, kept));
  } else {
    print_report(command, task, corpus, summary, kept);
  }
  if (summary.status == TrainingStatus::failed) {
    fmt::print(stderr, "moest-nn: {}\n", summary.message);
    return app::kFailed;
  }
  return summary.status == TrainingStatus::interrupted ? kStopped : app::kDone;
}

/// The parts of a text to judge a model on, by their names: of another text than that of the training all,
/// unless results on its own parts are usual.
std::vector<std::pair<std::string, std::string>> parts_to_score(const TextParts& text, bool is_another) {
  if (is_another && !text.has_usual_split) {
    return {{"text", text.training + text.validation + text.test}};
  }
  std::vector<std::pair<std::string, std::string>> parts{{"validation", text.validation}};
  if (!text.test.empty()) {
    parts.emplace_back("test", text.test);
  }
  return parts;
}

int run_evaluate(const CLI::App&, LanguageCommand command) {
  check_options(command.training, training_options());
  check_options(command.judgement, judgement_options());
  const SavedLanguageModel saved = load_language_model(command.folder, training_device(command.training));
  const bool is_another = !command.text.empty();
  TextParts text =
      read_text(is_another ? command.text : saved.text.at("files").get<std::vector<std::string>>());
  if (!is_another && text.hash != saved.text.at("hash").get<std::string>()) {
    throw InputError("the text has changed since the training", listed(text.files),
                     "Name the text to predict by --text.");
  }
  if (saved.vocabulary.unit() != "byte") {
    cut_between_characters(text);
  }
  Json json{{"command", "lm evaluate"},
            {"model", command.folder},
            {"router", router_name(saved.specification.transformer)},
            {"unit", saved.vocabulary.unit()},
            {"data_fingerprint", text.hash}};
  for (const auto& [name, content] : parts_to_score(text, is_another)) {
    const torch::Tensor tokens = saved.vocabulary.encode(content);
    if (tokens.numel() < 2) {
      throw InputError(fmt::format("the text is too short ({} {}s)", tokens.numel(), saved.vocabulary.unit()),
                       "each token but the first is predicted", "Give a longer one.");
    }
    const TextScore score = final_score(command, saved, tokens);
    json[name] = score_json(score);
    if (!command.common.json) {
      fmt::print("{}: {}\n", name, score_line(score, saved.vocabulary));
    }
  }
  if (command.common.json) {
    app::print_json(json);
  }
  return app::kDone;
}

int run_sample(const CLI::App&, LanguageCommand command) {
  check_options(command.training, training_options());
  const SavedLanguageModel saved = load_language_model(command.folder, training_device(command.training));
  const std::string text =
      as_utf8(sample_text(saved.model, saved.vocabulary, command.prompt, command.sample));
  if (command.common.json) {
    Json json{
        {"command", "lm sample"}, {"model", command.folder}, {"prompt", command.prompt}, {"text", text}};
    json.update(options_json(sample_options(), command.sample));
    app::print_json(json);
  } else {
    fmt::print("{}{}\n", command.prompt, text);
  }
  return app::kDone;
}

void add_train(CLI::App& parser, LanguageCommand& command) {
  parser
      .add_option(
          "--text", command.text,
          "files of text, or a folder of them; enwik8, text8 and WikiText are divided in the usual way, and "
          "of any other text the last tenth is for checking")
      ->type_name("FILE ...");
  parser.add_option("--output", command.folder, "folder of the training: model, checkpoint, log")
      ->type_name("DIR")
      ->required();
  parser
      .add_flag("--resume", command.is_resumed,
                "go on with the training in this folder; what it was begun with needs no repeating")
      ->disable_flag_override();
  add_network_options(parser, command.specification.transformer);
  app::add_options(parser, language_options(), command.specification.language, "Network");
  app::add_options(parser, text_options(), command.tokens, "Text");
  app::add_options(parser, training_options(), command.training, "Training");
  app::add_options(parser, judgement_options(), command.judgement, "Training");
}

/// Adds one of the training's options.
void add_training_option(CLI::App& parser, LanguageCommand& command, std::string_view name) {
  const auto option = std::ranges::find(training_options(), name, &Option<TrainingOptions>::name);
  app::add_options(parser, std::span(option, 1), command.training, "Options");
}

void add_model(CLI::App& parser, LanguageCommand& command) {
  parser.add_option("model", command.folder, "folder of a training")->type_name("DIR")->required();
}

using Run = int (*)(const CLI::App&, LanguageCommand);

struct Part {
  CLI::App* parser;
  Run run;
};

}  // namespace

app::Command make_lm_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("lm", "train language models, judge them, let them write");
  parser->require_subcommand(1);
  const auto command = std::make_shared<LanguageCommand>();
  std::vector<Part> parts;
  const auto add_part = [&](const std::string& name, const std::string& what, Run run) {
    CLI::App* part = parser->add_subcommand(name, what);
    app::add_threads_option(*part, command->threads);
    app::add_common_options(*part, command->common);
    parts.push_back({part, run});
    return part;
  };
  add_train(*add_part("train", "train a language model on a text", run_train), *command);
  CLI::App* evaluate = add_part("evaluate", "how well a model predicts a text", run_evaluate);
  add_model(*evaluate, *command);
  evaluate
      ->add_option("--text", command->text,
                   "another text, all of which is predicted, but of enwik8, text8 and WikiText the "
                   "validation and the test part (default: what the training set aside)")
      ->type_name("FILE ...");
  app::add_options(*evaluate, judgement_options(), command->judgement, "Options");
  add_training_option(*evaluate, *command, "batch");
  add_training_option(*evaluate, *command, "device");
  CLI::App* sample = add_part("sample", "let a model write", run_sample);
  add_model(*sample, *command);
  sample->add_option("--prompt", command->prompt, "the text that is to be continued")->type_name("TEXT");
  app::add_options(*sample, sample_options(), command->sample, "Options");
  add_training_option(*sample, *command, "device");
  return {parser,
          [command, parts] {
            const auto called =
                std::ranges::find_if(parts, [](const Part& part) { return part.parser->parsed(); });
            return run_with_torch(command->threads, [&] { return called->run(*called->parser, *command); });
          },
          {{parser->get_name(), {"train", "evaluate", "sample"}}, {"--router", router_names()}}};
}

}  // namespace moest::nn
