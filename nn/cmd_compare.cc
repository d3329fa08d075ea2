// moest-nn compare: routers against each other, over seeds.
#include <fmt/ranges.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "app/command.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/base/parallel.h"
#include "moest/report/page.h"
#include "moest/report/router_report.h"
#include "moest/report/router_text.h"
#include "moest/study/router_store.h"
#include "moest/study/router_summary.h"
#include "nn/command.h"
#include "nn/comparison_run.h"
#include "nn/router.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct CompareCommand {
  app::CommonOptions common;
  int threads = 0;
  int jobs = 0;
  RouterComparison comparison;
  std::vector<std::string> contestants;
  std::vector<std::string> rates;
  std::string store;
  std::string report;
};

/// The program that runs now.
std::string own_path() { return fs::read_symlink("/proc/self/exe").string(); }

std::string runs_folder(const std::string& store) { return store + ".runs"; }

RouterComparison design_of(const CLI::App& parser, const CompareCommand& command) {
  RouterComparison comparison = command.comparison;
  comparison.arguments = parser.remaining();
  for (const std::string& contestant : command.contestants) {
    comparison.contestants.push_back(parse_contestant(contestant));
  }
  if (comparison.contestants.empty()) {
    for (const std::string& name : router_names()) {
      comparison.contestants.push_back(parse_contestant(name));
    }
  }
  if (comparison.reference.empty()) {
    comparison.reference = comparison.contestants.front().name;
  }
  for (const std::string& rate : command.rates) {
    app::read_number("--learning-rates", rate, comparison.learning_rates.emplace_back());
  }
  check(comparison);
  return comparison;
}

int print_results(const CompareCommand& command, const RouterResults& results, const Json& head) {
  if (!command.report.empty()) {
    write_router_report(results, command.report);
    app::note(command.common, fmt::format("{}/index.html", command.report));
  }
  const std::vector<ContestantSummary> summaries = summarise(results.comparison, results.rows);
  if (command.common.json) {
    app::print_json(results_json(results.comparison, summaries, head));
  } else {
    write_output("-", router_text(results.comparison, summaries));
  }
  return app::kDone;
}

ComparisonRun run_all(const CompareCommand& command, const RouterComparison& comparison, RouterStore& store) {
  const int cores = resolve_threads(command.threads);
  const int num_gpus = static_cast<int>(torch::cuda::device_count());
  const int jobs = command.jobs > 0 ? command.jobs : default_jobs(comparison, cores, num_gpus);
  const RunOptions options{own_path(), runs_folder(command.store), jobs, std::max(1, cores / jobs)};
  const app::InterruptGuard guard;
  app::ProgressLine line;
  const auto progress = [&](const RunProgress& state) {
    if (!command.common.quiet) {
      const int all = state.num_done + state.num_missing;
      line.show(fmt::format("{} of {} runs", state.num_done, all), state.seconds,
                static_cast<double>(state.num_done) / all);
    }
  };
  ComparisonRun run = run_missing(comparison, store, options, guard.flag(), progress);
  if (run.num_missing == 0) {
    std::error_code ignored;
    fs::remove(runs_folder(command.store), ignored);
  }
  return run;
}

int run_comparison(const CLI::App& parser, const CompareCommand& command) {
  const RouterComparison comparison = design_of(parser, command);
  if (!command.report.empty()) {
    check_report_folder(command.report);
  }
  RouterStore store(command.store, Database::Access::write);
  // A design without a run may have been a mistake.
  if (const std::optional<RouterComparison> before = store.comparison(); before && !store.rows().empty()) {
    check_extends(*before, comparison);
  }
  store.set_comparison(comparison);
  const ComparisonRun run = run_all(command, comparison, store);
  std::vector<RunRow> rows = store.rows();
  print_results(command, {judged_by(comparison, rows), std::move(rows)},
                {{"command", "compare"},
                 {"store", command.store},
                 {"num_run", run.num_run},
                 {"num_missing", run.num_missing}});
  if (!run.last_problem.empty()) {
    app::note(command.common,
              fmt::format("{} runs did not end; the same command tries them again. The last one: {}",
                          run.num_missing, run.last_problem));
    return app::kFailed;
  }
  if (run.num_missing > 0) {
    app::note(command.common, "interrupted; the same command goes on from here");
    return app::kNotConverged;
  }
  return app::kDone;
}

int run_report(const CompareCommand& command) {
  return print_results(command, read_router_results(command.store, command.comparison.reference),
                       {{"command", "compare report"}});
}

CLI::App* add_task(CLI::App& parser, const ComparedTask& task, CompareCommand& command) {
  CLI::App* part = parser.add_subcommand(
      std::string(task.name), fmt::format("runs of `moest-nn {}`, judged by {}", task.command, task.title));
  part->allow_extras();
  part->add_option("--routers", command.contestants,
                   "what is compared: names of routers separated by commas, `none` for a dense network, or "
                   "\"NAME=ROUTER OPTIONS\" (default: all routers)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("ROUTER,...");
  part->add_option("--reference", command.comparison.reference,
                   "whom the others are compared with (default: the first)")
      ->type_name("NAME");
  app::add_number(*part, "--seeds", command.comparison.num_seeds,
                  "runs of each router, with the seeds 1, 2, .. (default 5)");
  part->add_option("--learning-rates", command.rates,
                   "tried for each router on a seed of its own; the one that does best there is its rate")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("X,...");
  part->add_option("--store", command.store,
                   "file that keeps every run: the same command goes on where it stopped")
      ->type_name("FILE")
      ->required();
  part->add_option("--report", command.report, "folder that a page with figures and tables goes to")
      ->type_name("DIR");
  app::add_number(*part, "--jobs", command.jobs,
                  "runs at a time (default: as many as threads; 1 where runs use a GPU)");
  app::add_threads_option(*part, command.threads);
  app::add_common_options(*part, command.common);
  part->footer(fmt::format(
      "All other options are those of `moest-nn {}`, and the same for all runs. Intervals of the differences "
      "hold together with probability 0.95 where seeds, routers and the reference were fixed beforehand, not "
      "with those chosen after a look at the results.",
      task.command));
  return part;
}

}  // namespace

app::Command make_compare_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("compare", "routers against each other, paired by seed");
  parser->require_subcommand(1);
  const auto command = std::make_shared<CompareCommand>();
  std::vector<CLI::App*> tasks;
  for (const ComparedTask& task : compared_tasks()) {
    tasks.push_back(add_task(*parser, task, *command));
  }
  CLI::App* report = parser->add_subcommand("report", "the table of a store again, or its page");
  report->add_option("store", command->store, "where the comparison was run")->type_name("STORE")->required();
  report
      ->add_option("--reference", command->comparison.reference,
                   "whom the others are compared with (default: as the comparison was run)")
      ->type_name("NAME");
  report->add_option("--output", command->report, "folder that a page with figures and tables goes to")
      ->type_name("DIR");
  app::add_common_options(*report, command->common);
  const auto run = [tasks, command] {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i]->parsed()) {
        command->comparison.task = compared_tasks()[i].name;
        return run_comparison(*tasks[i], *command);
      }
    }
    return run_report(*command);
  };
  return {parser, run};
}

}  // namespace moest::nn
