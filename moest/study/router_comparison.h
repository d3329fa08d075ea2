// A comparison of routers: what is run, and what came of each run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moest {

/// What is trained, the number that a run is judged by, and the one that tuning goes by: which may not see
/// the domains that are left out.
struct ComparedTask {
  std::string_view name;     // lm, domain
  std::string_view command;  // of moest-nn, that makes a run
  std::string_view value;    // the field of its result
  std::string_view tuning;   // the field that tuning goes by
  std::string_view curve;    // the field of its log lines
  std::string_view title;    // of the value
  std::string_view curve_title;
  std::string_view steps;  // what its result counts
  bool smaller_is_better;
};

std::span<const ComparedTask> compared_tasks();
/// Throws InputError for an unknown name.
const ComparedTask& compared_task(std::string_view name);

/// A router with its options, as the command line of the task takes them.
struct Contestant {
  std::string name;
  std::vector<std::string> arguments;  // --router cosine --temperature learned

  bool operator==(const Contestant&) const = default;
};

/// "cosine", or "NAME=cosine --temperature learned": a router's name and its options. The router `none` is a
/// dense network. Throws InputError for what is neither.
Contestant parse_contestant(const std::string& text);

struct RunRow;

/// The design: each contestant once with each of the seeds 1 .. num_seeds, all with the same arguments. With
/// several learning rates each contestant is first run with each of them on seed 0, and takes the one that
/// does best there by the task's `tuning` value: the same budget of tuning for all.
struct RouterComparison {
  std::string task;
  std::vector<Contestant> contestants;
  std::string reference;  // the contestant that the others are compared with
  int num_seeds = 5;
  std::vector<double> learning_rates;
  std::vector<std::string> arguments;  // of every run
  bool has_test_part = false;          // see judged_by()

  const ComparedTask& compared() const;
};

/// The same; of texts with a test part one that judges by this part, which neither the choice of a rate nor
/// that of the model that a run keeps has seen.
RouterComparison judged_by(RouterComparison comparison, std::span<const RunRow> rows);

/// Throws InputError for contestants of the same name, a reference that is none of them, no seed, learning
/// rates that are not positive, and arguments that the comparison gives itself.
void check(const RouterComparison& comparison);

nlohmann::ordered_json to_json(const RouterComparison& comparison);
RouterComparison comparison_of(const nlohmann::ordered_json& json);

/// Throws InputError unless runs of `before` are runs of `after`: seeds, rates and contestants may have been
/// added, but tasks, arguments and contestants of the same name are the same.
void check_extends(const RouterComparison& before, const RouterComparison& after);

/// Which run. Seed 0 is for tuning.
struct RunKey {
  std::string contestant;
  std::uint64_t seed = 0;
  std::optional<double> learning_rate = {};  // of several; none where the task's own is used

  bool operator==(const RunKey&) const = default;
  /// "cosine seed 3 rate 0.003"
  std::string text() const;
};

/// What came of a run.
struct RunRow {
  RunKey key;
  std::string status;                               // finished, time_limit, .. or failed
  std::string message;                              // why it failed
  nlohmann::ordered_json result;                    // what the command printed with --json
  std::vector<nlohmann::ordered_json> evaluations;  // the lines of its logs, each with its `series`
  double seconds = 0;
  std::string version, host;
  int threads = 1;
};

/// What the run is judged by; none of one that failed.
std::optional<double> value_of(const RunRow& row, const ComparedTask& task);

/// The learning rate that does best on seed 0; none where there is no choice, or it is not known yet. A run
/// on seed 0 whose result lacks the task's `tuning` field, as those of an earlier version do, is missing.
std::optional<double> chosen_rate(const RouterComparison& comparison, const std::string& contestant,
                                  std::span<const RunRow> rows);

/// The runs that are missing and can be run now, seed by seed: the tuning first; those of a contestant whose
/// rate is not known yet are left out.
std::vector<RunKey> missing_runs(const RouterComparison& comparison, std::span<const RunRow> rows);

/// How many runs the design has, those that tune among them.
int num_planned_runs(const RouterComparison& comparison);

/// How many of them are missing, those that cannot be run yet among them.
int num_missing_runs(const RouterComparison& comparison, std::span<const RunRow> rows);

}  // namespace moest
