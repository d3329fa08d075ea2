#include "moest/study/router_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>
#include <sstream>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/base/option.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kTasks{
    ComparedTask{"lm", "lm train", "validation_bits_per_character", "validation_bits_per_character",
                 "validation_bits_per_character", "validation bits per character",
                 "validation bits per character", "steps", true},
    ComparedTask{"domain", "domain run", "mean_accuracy", "mean_validation_accuracy", "accuracy",
                 "mean accuracy on domains left out", "mean accuracy on domains left out",
                 "steps over all domains left out", false},
};

constexpr ComparedTask kTextWithTestPart{"lm",
                                         "lm train",
                                         "test_bits_per_character",
                                         "validation_bits_per_character",
                                         "validation_bits_per_character",
                                         "test bits per character",
                                         "validation bits per character",
                                         "steps",
                                         true};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

/// Arguments that each run gets from the comparison.
constexpr std::array<std::string_view, 9> kOwnArguments{"--router", "--dense",   "--seed",
                                                        "--output", "--resume",  "--json",
                                                        "--quiet",  "--threads", "--learning-rate"};

std::optional<double> number_in(const RunRow& row, std::string_view field) {
  const auto found = row.result.find(field);
  const bool is_there = row.status != "failed" && found != row.result.end() && found->is_number() &&
                        std::isfinite(found->get<double>());
  return is_there ? std::optional(found->get<double>()) : std::nullopt;
}

/// The row of the run; none where it is missing.
const RunRow* find_run(const ComparedTask& task, std::span<const RunRow> rows, const RunKey& key) {
  const auto found = std::ranges::find_if(rows, [&](const RunRow& row) {
    const bool counts = key.seed > 0 || row.status == "failed" || row.result.contains(task.tuning);
    return row.key == key && counts;
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::span<const ComparedTask> compared_tasks() { return kTasks; }

const ComparedTask& compared_task(std::string_view name) {
  const auto* found = std::ranges::find(kTasks, name, &ComparedTask::name);
  if (found == kTasks.end()) {
    throw InputError(fmt::format("unknown task `{}`", name), "known: lm, domain", "Choose one of these.");
  }
  return *found;
}

Contestant parse_contestant(const std::string& text) {
  const std::size_t sign = text.find('=');
  const std::size_t dash = text.find("--");
  const bool is_named = sign != std::string::npos && (dash == std::string::npos || sign < dash);
  const std::vector<std::string> words = words_of(is_named ? text.substr(sign + 1) : text);
  const std::string name = is_named ? text.substr(0, sign) : text;
  // It names files, too.
  const bool has_plain_name = !name.empty() && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  });
  if (words.empty() || !has_plain_name || words.front().starts_with("-") || (!is_named && words.size() > 1)) {
    throw InputError(
        fmt::format("`{}` is no contestant", text),
        "it is the name of a router, or NAME=ROUTER OPTIONS, the name of letters, digits and _-.",
        "For example \"warm=cosine --temperature learned\".");
  }
  Contestant contestant{name, words};
  if (words.front() == "none") {
    contestant.arguments.front() = "--dense";
  } else {
    contestant.arguments.insert(contestant.arguments.begin(), "--router");
  }
  return contestant;
}

const ComparedTask& RouterComparison::compared() const {
  return has_test_part ? kTextWithTestPart : compared_task(task);
}

RouterComparison judged_by(RouterComparison comparison, std::span<const RunRow> rows) {
  const auto has = [](const RunRow& row) { return value_of(row, kTextWithTestPart).has_value(); };
  // Runs of earlier versions lack it: with one of these all are judged as they were.
  comparison.has_test_part =
      comparison.task == kTextWithTestPart.name && std::ranges::any_of(rows, has) &&
      std::ranges::all_of(rows, [&](const RunRow& row) { return has(row) || row.status == "failed"; });
  return comparison;
}

void check(const RouterComparison& comparison) {
  static_cast<void>(comparison.compared());
  std::set<std::string_view> names;
  for (const Contestant& contestant : comparison.contestants) {
    if (!names.insert(contestant.name).second) {
      throw InputError(fmt::format("{} is there twice", contestant.name),
                       "contestants are known by their names",
                       "Give one of them another name: NAME=ROUTER OPTIONS.");
    }
  }
  check_choice("reference", comparison.reference, std::vector(names.begin(), names.end()));
  if (comparison.num_seeds < 1) {
    throw InputError(
        fmt::format("--seeds {} cannot be used", comparison.num_seeds),
        "each contestant is run once per seed",
        "Use 5 or more: differences between seeds are what a difference of routers is judged by.");
  }
  for (const double rate : comparison.learning_rates) {
    if (!(rate > 0 && std::isfinite(rate))) {
      throw InputError(fmt::format("a learning rate of {} cannot be used", rate),
                       "rates are positive numbers", "For example --learning-rates 0.001,0.003.");
    }
  }
  for (const std::string& argument : comparison.arguments) {
    const std::string flag = argument.substr(0, argument.find('='));
    if (std::ranges::find(kOwnArguments, flag) != kOwnArguments.end()) {
      throw InputError(fmt::format("{} is not for all runs", flag), "the comparison gives each run its own",
                       flag == "--learning-rate" ? "Use --learning-rates." : "Leave it out.");
    }
  }
}

Json to_json(const RouterComparison& comparison) {
  Json contestants = Json::array();
  for (const Contestant& contestant : comparison.contestants) {
    contestants.push_back({{"name", contestant.name}, {"arguments", contestant.arguments}});
  }
  return {{"task", comparison.task},
          {"contestants", contestants},
          {"reference", comparison.reference},
          {"num_seeds", comparison.num_seeds},
          {"learning_rates", comparison.learning_rates},
          {"arguments", comparison.arguments}};
}

RouterComparison comparison_of(const Json& json) {
  RouterComparison comparison;
  comparison.task = json.at("task").get<std::string>();
  for (const Json& contestant : json.at("contestants")) {
    comparison.contestants.push_back({contestant.at("name").get<std::string>(),
                                      contestant.at("arguments").get<std::vector<std::string>>()});
  }
  comparison.reference = json.at("reference").get<std::string>();
  comparison.num_seeds = json.at("num_seeds").get<int>();
  comparison.learning_rates = json.at("learning_rates").get<std::vector<double>>();
  comparison.arguments = json.at("arguments").get<std::vector<std::string>>();
  return comparison;
}

void check_extends(const RouterComparison& before, const RouterComparison& after) {
  const auto refuse = [](const std::string& what, const std::string& was, const std::string& is) {
    throw InputError(fmt::format("the store holds a comparison with other {}", what),
                     fmt::format("`{}` there, `{}` now", was, is), "Choose another store.");
  };
  if (before.task != after.task) {
    refuse("tasks", before.task, after.task);
  }
  if (before.arguments != after.arguments) {
    refuse("options", fmt::format("{}", fmt::join(before.arguments, " ")),
           fmt::format("{}", fmt::join(after.arguments, " ")));
  }
  for (const Contestant& contestant : after.contestants) {
    const auto same = std::ranges::find(before.contestants, contestant.name, &Contestant::name);
    if (same != before.contestants.end() && same->arguments != contestant.arguments) {
      refuse("options of " + contestant.name, fmt::format("{}", fmt::join(same->arguments, " ")),
             fmt::format("{}", fmt::join(contestant.arguments, " ")));
    }
  }
}

std::string RunKey::text() const {
  return fmt::format("{} seed {}{}", contestant, seed,
                     learning_rate ? fmt::format(" rate {}", exact_text(*learning_rate)) : "");
}

std::optional<double> value_of(const RunRow& row, const ComparedTask& task) {
  return number_in(row, task.value);
}

std::optional<double> chosen_rate(const RouterComparison& comparison, const std::string& contestant,
                                  std::span<const RunRow> rows) {
  if (comparison.learning_rates.size() < 2) {
    return comparison.learning_rates.empty() ? std::nullopt
                                             : std::optional(comparison.learning_rates.front());
  }
  std::optional<double> best, rate;
  for (const double candidate : comparison.learning_rates) {
    const RunRow* row = find_run(comparison.compared(), rows, {contestant, 0, candidate});
    if (row == nullptr) {
      return std::nullopt;
    }
    const std::optional<double> value = number_in(*row, comparison.compared().tuning);
    if (value && (!best || (comparison.compared().smaller_is_better ? *value < *best : *value > *best))) {
      best = value;
      rate = candidate;
    }
  }
  // Where all of them failed, the smallest is the least wrong.
  return rate ? rate : std::optional(std::ranges::min(comparison.learning_rates));
}

std::vector<RunKey> missing_runs(const RouterComparison& comparison, std::span<const RunRow> rows) {
  std::vector<RunKey> keys;
  const auto add = [&](const RunKey& key) {
    if (find_run(comparison.compared(), rows, key) == nullptr) {
      keys.push_back(key);
    }
  };
  if (comparison.learning_rates.size() > 1) {
    for (const double rate : comparison.learning_rates) {
      for (const Contestant& contestant : comparison.contestants) {
        add({contestant.name, 0, rate});
      }
    }
  }
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(comparison.num_seeds); ++seed) {
    for (const Contestant& contestant : comparison.contestants) {
      const std::optional<double> rate = chosen_rate(comparison, contestant.name, rows);
      if (rate || comparison.learning_rates.empty()) {
        add({contestant.name, seed, rate});
      }
    }
  }
  return keys;
}

int num_planned_runs(const RouterComparison& comparison) {
  const std::size_t num_tried = comparison.learning_rates.size() > 1 ? comparison.learning_rates.size() : 0;
  return static_cast<int>(comparison.contestants.size()) *
         (comparison.num_seeds + static_cast<int>(num_tried));
}

int num_missing_runs(const RouterComparison& comparison, std::span<const RunRow> rows) {
  const auto num_untuned = std::ranges::count_if(comparison.contestants, [&](const Contestant& contestant) {
    return !comparison.learning_rates.empty() && !chosen_rate(comparison, contestant.name, rows);
  });
  return static_cast<int>(missing_runs(comparison, rows).size()) +
         static_cast<int>(num_untuned) * comparison.num_seeds;
}

}  // namespace moest
