// moest study: convergence studies, from a file to rates; and what comparisons of routers say.
#include <algorithm>
#include <memory>

#include "app/command.h"
#include "app/progress.h"
#include "app/ranks.h"
#include "moest/base/file.h"
#include "moest/base/parallel.h"
#include "moest/report/page.h"
#include "moest/report/router_report.h"
#include "moest/report/router_text.h"
#include "moest/report/study_report.h"
#include "moest/report/study_text.h"
#include "moest/report/text_table.h"
#include "moest/study/library.h"
#include "moest/study/plan.h"
#include "moest/study/rates.h"
#include "moest/study/router_store.h"
#include "moest/study/router_summary.h"
#include "moest/study/runner.h"
#include "moest/study/store.h"
#include "moest/study/trial_json.h"

namespace moest::app {
namespace {

struct StudyCommand {
  CommonOptions common;
  std::string study;
  std::string store;
  bool extend = false;
  bool dry_run = false;
  std::string only;
  std::string report;
  std::string reference;
  int threads = 0;
};

/// A file, or the name of a study that comes with the program.
Study load(const std::string& given) {
  const bool is_file = given == "-" || given.ends_with(".toml") || given.find('/') != std::string::npos;
  if (is_file) {
    return read_study(given);
  }
  const ShippedStudy& shipped = shipped_study(given);
  return parse_study(std::string(shipped.text), fmt::format("{}.toml", shipped.name), "");
}

TrialKey key_with_text(const Study& study, const std::string& text) {
  const std::vector<TrialKey> keys = trial_keys(study);
  const auto found = std::ranges::find(keys, text, &TrialKey::text);
  if (found == keys.end()) {
    throw InputError(fmt::format("the study has no trial `{}`", text),
                     "keys are in the column `key` of the store's table `trials`",
                     "For example: sqlite3 STORE \"SELECT key FROM trials WHERE status = 'failed'\".");
  }
  return *found;
}

/// Whether all that must not differ is the same.
bool is_same(const TrialRow& a, const TrialRow& b) {
  return a.status == b.status && a.values == b.values && a.rss == b.rss && a.estimates == b.estimates &&
         a.iterations == b.iterations;
}

/// One trial again, beside its row in the store if there is one.
int run_only(const StudyCommand& command, const Study& study) {
  const TrialKey key = key_with_text(study, command.only);
  const InterruptGuard guard;
  const std::optional<TrialRow> row = Laboratory(study).run(key, guard.flag());
  if (!row) {
    note(command.common, "interrupted");
    return kNotConverged;
  }
  std::optional<TrialRow> stored;
  if (!command.store.empty()) {
    stored = StudyStore(command.store, StudyStore::Access::read).row(key);
  }
  nlohmann::ordered_json json{{"command", "study run"}, {"trial", moest::to_json(*row)}};
  json["same_as_stored"] =
      stored ? nlohmann::ordered_json(is_same(*row, *stored)) : nlohmann::ordered_json(nullptr);
  if (command.common.json) {
    print_json(json);
  } else {
    write_output("-", readable_text(json["trial"]) + "\n");
    if (stored) {
      note(command.common,
           is_same(*row, *stored) ? "the same as in the store" : "NOT the same as in the store");
    }
  }
  return kDone;
}

/// The trials of one study, run by all ranks into its store.
class StudySession {
 public:
  StudySession(const StudyCommand& command, const Study& study, StudyStore& store, Ranks& ranks)
      : command_(command), study_(study), store_(store), ranks_(ranks) {}

  /// The pilots, then how long the others take, then these.
  StudyRun run() {
    StudyRun result = run(pilot_keys(study_));
    const std::vector<TrialKey> missing = missing_keys(study_, store_);
    if (result.num_missing > 0 || missing.empty()) {
      return result;
    }
    const double share = static_cast<double>(missing.size()) / static_cast<double>(trial_keys(study_).size());
    const int threads = command_.threads * ranks_.size();
    note(command_.common, fmt::format("{} trials to run, about {} on {} thread{}", missing.size(),
                                      duration_text(planned_seconds(study_, store_.rows()) * share / threads),
                                      threads, threads == 1 ? "" : "s"));
    const StudyRun rest = run(missing);
    return {result.num_run + rest.num_run, result.num_failed + rest.num_failed, rest.num_missing,
            std::max(result.num_lost_ranks, rest.num_lost_ranks), result.seconds + rest.seconds};
  }

 private:
  StudyRun run(const std::vector<TrialKey>& keys) {
    ProgressLine line;
    RunOptions options{command_.threads, guard_.flag(), {}};
    if (!command_.common.quiet) {
      options.progress = [&](const StudyProgress& progress) {
        std::string done = fmt::format("{} of {} trials", progress.num_done, progress.num_planned);
        done += progress.num_failed > 0 ? fmt::format(", {} failed", progress.num_failed) : "";
        done += progress.num_lost_ranks > 0 ? fmt::format(", {} ranks lost", progress.num_lost_ranks) : "";
        line.show(done, progress.seconds, progress.share_done);
      };
    }
    return run_trials(study_, store_, keys, options, ranks_);
  }

  const StudyCommand& command_;
  const Study& study_;
  StudyStore& store_;
  Ranks& ranks_;
  const InterruptGuard guard_;
};

void print_rates(const StudyCommand& command, const Study& study, const StudyStore& store,
                 std::span<const PlannedArm> planned, const nlohmann::ordered_json& head) {
  const std::vector<RateRow> found = rates(study, store.rows(), planned);
  if (command.common.json) {
    nlohmann::ordered_json json = head;
    json["rows"] = nlohmann::ordered_json::array();
    for (const RateRow& rate : found) {
      json["rows"].push_back(moest::to_json(rate));
    }
    print_json(json);
  } else {
    write_output("-", rates_text(study, found));
  }
}

int print_plan(const StudyCommand& command, const Study& study) {
  const std::vector<PlannedArm> planned = plan(study);
  if (!command.common.json) {
    write_output("-", plan_text(study, planned));
    return kDone;
  }
  nlohmann::ordered_json arms = nlohmann::ordered_json::array();
  for (const PlannedArm& arm : planned) {
    arms.push_back(moest::to_json(arm));
  }
  print_json({{"command", "study run"}, {"num_trials", trial_keys(study).size()}, {"arms", arms}});
  return kDone;
}

/// What rank 0 does, or the only process.
int lead_study(const StudyCommand& command, Ranks& ranks) {
  const Study study = load(command.study);
  if (!command.only.empty()) {
    return run_only(command, study);
  }
  if (command.dry_run) {
    return print_plan(command, study);
  }
  if (command.store.empty()) {
    throw InputError("--store is missing", "the rows of the study need a place",
                     "For example --store results.db; --dry-run only says what the study can show.");
  }
  StudyStore store(command.store, StudyStore::Access::write);
  adopt_study(study, store, command.extend ? Extension::allow : Extension::refuse);
  const std::vector<PlannedArm> planned = plan(study);
  if (!missing_keys(study, store).empty()) {
    note(command.common, plan_text(study, planned));
  }
  const StudyRun run = StudySession(command, study, store, ranks).run();
  note(command.common,
       fmt::format("{} trials run in {}, {} failed, {} missing: {}", run.num_run, duration_text(run.seconds),
                   run.num_failed, run.num_missing, command.store));
  if (run.num_lost_ranks > 0) {
    ranks.give_up_others();
    note(command.common, fmt::format("{} ranks were lost; others have run their trials", run.num_lost_ranks));
  }
  if (run.num_missing > 0) {
    note(command.common, "interrupted; the same command goes on from here");
    return kNotConverged;
  }
  print_rates(command, study, store, planned,
              {{"command", "study run"},
               {"store", command.store},
               {"num_run", run.num_run},
               {"num_failed", run.num_failed},
               {"num_lost_ranks", run.num_lost_ranks},
               {"seconds", run.seconds}});
  return kDone;
}

/// Who waits for a lost rank at the very end waits forever.
void end_with_all(Ranks& ranks) {
  if (end_study(ranks, ranks.has_given_up_others() ? 0 : kSilentSeconds) > 0) {
    ranks.give_up_others();
  }
}

int run_study(const StudyCommand& given) {
  const std::unique_ptr<Ranks> ranks = make_ranks();
  StudyCommand command = given;
  command.threads = ranks->num_threads(given.threads);
  if (ranks->rank() != 0) {
    const InterruptGuard guard;
    if (!work_for_study({command.threads, guard.flag(), {}}, *ranks)) {
      ranks->give_up_others();
    }
    return kDone;
  }
  try {
    const int status = lead_study(command, *ranks);
    end_with_all(*ranks);
    return status;
  } catch (...) {
    end_with_all(*ranks);
    throw;
  }
}

Study study_in(const StudyStore& store, const StudyCommand& command) {
  const std::optional<Study> study = store.study();
  if (!study) {
    throw InputError(fmt::format("{} holds no study yet", command.store),
                     "its first run ended before it began",
                     "Run `moest study run STUDY.toml --store` with it.");
  }
  if (!command.reference.empty()) {
    throw InputError(fmt::format("--reference {} cannot be used", command.reference),
                     fmt::format("{} holds a study, not a comparison of routers", command.store),
                     "Leave it out.");
  }
  return *study;
}

/// Whether moest-nn compares routers in this file.
bool holds_routers(const StudyCommand& command) { return has_mark(command.store, kRouterComparisonMark); }

int print_router_status(const StudyCommand& command) {
  const auto [comparison, rows] = read_router_results(command.store, command.reference);
  const std::vector<ContestantSummary> summaries = summarise(comparison, rows);
  const int num_planned = num_planned_runs(comparison);
  const int num_done = num_planned - num_missing_runs(comparison, rows);
  if (command.common.json) {
    print_json(
        results_json(comparison, summaries,
                     {{"command", "study status"}, {"num_planned", num_planned}, {"num_done", num_done}}));
  } else {
    write_output("-", router_text(comparison, summaries) +
                          fmt::format("\n  {} of {} runs are there\n", num_done, num_planned));
  }
  return kDone;
}

int run_status(const StudyCommand& command) {
  if (holds_routers(command)) {
    return print_router_status(command);
  }
  const StudyStore store(command.store, StudyStore::Access::read);
  const Study study = study_in(store, command);
  const std::vector<TrialRow> rows = store.rows();
  const std::size_t planned = trial_keys(study).size();
  if (command.common.json) {
    print_json({{"command", "study status"},
                {"name", study.name},
                {"num_planned", planned},
                {"num_done", rows.size()},
                {"num_failed", std::ranges::count(rows, "failed", &TrialRow::status)}});
  } else {
    write_output(
        "-", status_text(study, rows) + fmt::format("\n  {} of {} trials are there\n", rows.size(), planned));
  }
  return kDone;
}

int run_rates(const StudyCommand& command) {
  const StudyStore store(command.store, StudyStore::Access::read);
  const Study study = study_in(store, command);
  print_rates(command, study, store, plan(study), {{"command", "study rates"}});
  return kDone;
}

void write_report_of_study(const StudyCommand& command) {
  StudyResults results;
  {
    const StudyStore store(command.store, StudyStore::Access::read);
    results.study = study_in(store, command);
    results.rows = store.rows();
  }
  results.planned = plan(results.study);
  results.rates = rates(results.study, results.rows, results.planned);
  write_study_report(results, command.report);
}

int run_report(const StudyCommand& command) {
  check_report_folder(command.report);
  if (holds_routers(command)) {
    write_router_report(read_router_results(command.store, command.reference), command.report);
  } else {
    write_report_of_study(command);
  }
  if (command.common.json) {
    print_json({{"command", "study report"}, {"output", command.report}});
  } else {
    note(command.common, fmt::format("{}/index.html", command.report));
  }
  return kDone;
}

int run_list(const StudyCommand& command) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::string text;
  for (const ShippedStudy& shipped : shipped_studies()) {
    const Study study = parse_study(std::string(shipped.text), fmt::format("{}.toml", shipped.name), "");
    list.push_back({{"name", shipped.name}, {"claim", study.claim}, {"source", study.source}});
    text += fmt::format("{}\n    {}\n", shipped.name,
                        wrapped(fmt::format("{} ({})", study.claim, study.source), 4));
  }
  if (command.common.json) {
    print_json({{"command", "study list"}, {"studies", list}});
  } else {
    write_output("-", text);
  }
  return kDone;
}

int run_show(const StudyCommand& command) {
  const ShippedStudy& shipped = shipped_study(command.study);
  if (command.common.json) {
    print_json({{"command", "study show"}, {"name", shipped.name}, {"text", shipped.text}});
  } else {
    write_output("-", std::string(shipped.text));
  }
  return kDone;
}

using Part = int (*)(const StudyCommand&);

CLI::App* add_part(CLI::App& parser, const std::string& name, const std::string& what,
                   StudyCommand& command) {
  CLI::App* part = parser.add_subcommand(name, what);
  add_threads_option(*part, command.threads);
  add_common_options(*part, command.common);
  return part;
}

void add_store(CLI::App& part, StudyCommand& command, const std::string& what) {
  part.add_option("store", command.store, what)->type_name("STORE")->required();
}

/// A store of either kind.
void add_any_store(CLI::App& part, StudyCommand& command) {
  add_store(part, command, "where the study was run, or `moest-nn compare`");
  part.add_option("--reference", command.reference,
                  "whom the routers are compared with (default: as `moest-nn compare` was run)")
      ->type_name("NAME");
}

}  // namespace

Command make_study_command(CLI::App& program) {
  CLI::App* parser =
      program.add_subcommand("study", "measure how fast fits converge, and whether theory holds");
  parser->require_subcommand(1);
  const auto command = std::make_shared<StudyCommand>();
  std::vector<std::pair<CLI::App*, Part>> parts;

  CLI::App* run = add_part(*parser, "run", "run what is missing of a study, and print its rates", *command);
  run->add_option("study", command->study, "study.toml, or the name of a study that comes with the program")
      ->type_name("STUDY")
      ->required();
  run->add_option("--store", command->store,
                  "file that keeps the rows; the same command goes on where it stopped")
      ->type_name("STORE");
  run->add_flag("--extend", command->extend,
                "the study has got more sizes, replicates or arms: keep the rows")
      ->disable_flag_override();
  run->add_flag("--dry-run", command->dry_run, "print what the study can show, and run nothing")
      ->disable_flag_override();
  run->add_option("--only", command->only, "repeat one trial, print it, and compare it to that of the store")
      ->type_name("KEY");
  parts.emplace_back(run, run_study);

  CLI::App* status = add_part(*parser, "status", "say how far a study is, and how its fits went", *command);
  add_any_store(*status, *command);
  parts.emplace_back(status, run_status);
  CLI::App* rates = add_part(*parser, "rates", "print slopes, what is expected, and verdicts", *command);
  add_store(*rates, *command, "where the study was run");
  parts.emplace_back(rates, run_rates);
  CLI::App* report = add_part(*parser, "report", "write a page, figures and tables into a folder", *command);
  add_any_store(*report, *command);
  report->add_option("--output", command->report, "folder of the report; a former one is written over")
      ->type_name("DIR")
      ->required();
  parts.emplace_back(report, run_report);
  CLI::App* list = add_part(*parser, "list", "list the studies that come with the program", *command);
  parts.emplace_back(list, run_list);
  CLI::App* show = add_part(*parser, "show", "print a study that comes with the program", *command);
  show->add_option("claim", command->study, "its name")->type_name("CLAIM")->required();
  parts.emplace_back(show, run_show);

  std::vector<std::string> names;
  names.reserve(parts.size());
  for (const auto& [part, action] : parts) {
    names.push_back(part->get_name());
  }
  return {parser,
          [command, parts] {
            const auto called =
                std::ranges::find_if(parts, [](const auto& part) { return part.first->parsed(); });
            return called->second(*command);
          },
          {{parser->get_name(), names}}};
}

}  // namespace moest::app
